use todo_otel_macros::red_metrics;

#[red_metrics(name = "todo command")]
fn add() {}

#[red_metrics(calls = "1.todo")]
fn edit() {}

#[red_metrics(unit = "")]
fn get() {}

fn main() {}
