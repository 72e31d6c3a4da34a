use todo_otel_macros::red_metrics;

#[red_metrics(buckets("fast", 1.0))]
fn add() {}

#[red_metrics(buckets = 3.0)]
fn edit() {}

fn main() {}
