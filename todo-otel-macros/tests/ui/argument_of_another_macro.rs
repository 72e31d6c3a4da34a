use todo_otel_macros::{db_span, red_metrics, traced};

#[traced(buckets(0.1, 1.0))]
fn add() {}

#[red_metrics(attributes(todo.id = 1))]
fn edit() {}

#[db_span(system = sqlite, kind = client)]
fn get() {}

fn main() {}
