use todo_otel_macros::traced;

#[traced]
struct Todo;

fn main() {}
