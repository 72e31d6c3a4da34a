use todo_otel_runtime::red_metrics;

const BOUNDS: &[f64] = &[1.0, 0.5];

#[red_metrics(name = "todo", buckets = BOUNDS)]
fn add() {}

fn main() {
    add();
}
