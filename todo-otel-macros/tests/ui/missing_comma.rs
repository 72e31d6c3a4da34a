use todo_otel_macros::traced;

#[traced(name = "a" root)]
fn add() {}

fn main() {}
