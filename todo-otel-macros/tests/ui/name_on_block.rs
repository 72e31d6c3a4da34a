use todo_otel_macros::{red_metrics, traced};

struct Store;

#[traced(name = "store")]
impl Store {
    fn get(&self) {}
}

#[red_metrics(name = "store", calls = "store.calls")]
impl Store {
    fn put(&self) {}
}

fn main() {}
