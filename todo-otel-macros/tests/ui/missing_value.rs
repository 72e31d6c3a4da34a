use todo_otel_macros::traced;

#[traced(name)]
fn add() {}

#[traced(kind =)]
fn edit() {}

fn main() {}
