use todo_otel_runtime::traced;

struct Todo;

#[traced(attributes(todo = todo, todo.text = display(todo)))]
fn add(todo: &Todo) {}

fn main() {
    add(&Todo);
}
