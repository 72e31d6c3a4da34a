use todo_otel_macros::Label;

#[derive(Label)]
struct Mode;

fn main() {}
