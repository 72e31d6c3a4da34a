use todo_otel_macros::traced;

#[traced(attributes(todo.id))]
fn add() {}

#[traced(attributes(todo.id =))]
fn edit() {}

fn main() {}
