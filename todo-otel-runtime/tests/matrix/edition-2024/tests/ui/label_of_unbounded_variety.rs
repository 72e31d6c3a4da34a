use todo_otel_runtime::red_metrics;

#[red_metrics(name = "todo", labels(todo.title = title.to_owned(), todo.id = 3_u64))]
fn add(title: &str) {}

fn main() {
    add("");
}
