use todo_otel_macros::traced;

#[traced(kind = remote)]
fn add() {}

fn main() {}
