use todo_otel_macros::traced;

#[traced(attributes(todo..id = 1, (a) = 2))]
fn add() {}

fn main() {}
