use todo_otel_macros::traced;

#[traced(skip)]
fn add() {}

fn main() {}
