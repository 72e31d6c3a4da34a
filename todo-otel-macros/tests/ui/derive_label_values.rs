use todo_otel_macros::Label;

#[derive(Label)]
enum Mode {
    Inline,
    #[label("inline")]
    Other,
    #[label(3)]
    Third,
}

fn main() {}
