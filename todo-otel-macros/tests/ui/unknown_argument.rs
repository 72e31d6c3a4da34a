use todo_otel_macros::traced;

#[traced(nmae = "todo.add")]
fn add() {}

fn main() {}
