use todo_otel_macros::traced;

#[traced(sample = 10)]
fn add() {}

fn main() {}
