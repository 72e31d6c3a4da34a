use todo_otel_macros::traced;

#[traced(attributes(todo.owner = token))]
fn add(token: &str) {}

#[traced(output(todo.owner = |v| &v.api_key))]
fn get() -> Config {
    Config
}

struct Config;

fn main() {}
