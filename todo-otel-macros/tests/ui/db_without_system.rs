use todo_otel_macros::db_span;

#[db_span(operation = "INSERT", collection = "todos")]
fn add() {}

fn main() {}
