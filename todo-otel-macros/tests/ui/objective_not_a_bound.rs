use todo_otel_macros::red_metrics;

#[red_metrics(buckets(0.1, 1.0), objective(latency = "5s" @ 95))]
fn add() {}

fn main() {}
