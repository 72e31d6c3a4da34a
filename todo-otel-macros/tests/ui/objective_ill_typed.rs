use todo_otel_macros::red_metrics;

#[red_metrics(objective(success = 120))]
fn add() {}

#[red_metrics(objective(latency = "5s"))]
fn edit() {}

#[red_metrics(objective(except(a = "b")))]
fn get() {}

#[red_metrics(objective(speed = 3))]
fn list() {}

fn main() {}
