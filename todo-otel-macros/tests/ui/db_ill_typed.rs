use todo_otel_macros::db_span;

#[db_span(system = sqlite, operation = INSERT)]
fn add() {}

fn main() {}
