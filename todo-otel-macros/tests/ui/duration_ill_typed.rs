use todo_otel_macros::traced;

#[traced(slow = "5 minutes")]
fn add() {}

#[traced(slow = 5)]
fn edit() {}

fn main() {}
