use todo_otel_macros::red_metrics;

#[red_metrics(labels(outcome = "ok", error.type = "x"))]
fn add() {}

fn main() {}
