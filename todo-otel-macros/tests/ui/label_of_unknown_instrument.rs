use todo_otel_macros::red_metrics;

#[red_metrics(labels(histogram: a = true))]
fn add() {}

fn main() {}
