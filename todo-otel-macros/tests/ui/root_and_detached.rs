use todo_otel_macros::traced;

#[traced(root, detached)]
fn add() {}

fn main() {}
