use todo_otel_macros::traced;

#[traced(attributes(todo.id = 1, todo.id = 2))]
fn add() {}

fn main() {}
