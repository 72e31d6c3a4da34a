use todo_otel_macros::traced;

#[traced(name = "a", name = "b")]
fn add() {}

fn main() {}
