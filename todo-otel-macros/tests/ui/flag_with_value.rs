use todo_otel_macros::traced;

#[traced(root = true)]
fn add() {}

fn main() {}
