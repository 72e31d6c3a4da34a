use todo_otel_macros::red_metrics;

#[red_metrics(labels(a = true, duration: a = false))]
fn add() {}

fn main() {}
