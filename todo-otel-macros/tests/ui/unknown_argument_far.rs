use todo_otel_macros::red_metrics;

#[red_metrics(colour = "red")]
fn add() {}

fn main() {}
