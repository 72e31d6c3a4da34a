use todo_otel_macros::{red_metrics, traced};

#[traced(nam = "a", kind = remote, sample = 3, attributes(a, b = 1, b = 2))]
#[red_metrics(buckets(2.0, 1.0), unit = 3)]
fn add() {}

fn main() {}
