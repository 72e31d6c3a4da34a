use todo_otel_macros::red_metrics;

#[red_metrics(buckets(0.1, 0.5, 0.2))]
fn add() {}

fn main() {}
