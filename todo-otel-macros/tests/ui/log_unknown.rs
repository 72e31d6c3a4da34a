use todo_otel_macros::traced;

#[traced(log(level = "loud", entry))]
fn add() {}

fn main() {}
