use todo_otel_macros::traced;

#[traced]
const fn add() -> u32 {
    1
}

fn main() {}
