use todo_otel_macros::traced;

#[traced("todo.add")]
fn add() {}

fn main() {}
