use todo_otel_runtime::traced;

const NAME: u32 = 3;

#[traced(name = NAME)]
fn add() {}

fn main() {
    add();
}
