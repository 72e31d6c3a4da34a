use todo_otel_macros::traced;

#[traced(keep(errors, slow = "1s"))]
fn add() {}

fn main() {}
