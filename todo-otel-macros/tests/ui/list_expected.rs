use todo_otel_macros::traced;

#[traced(attributes = 3)]
fn add() {}

#[traced(attributes())]
fn edit() {}

fn main() {}
