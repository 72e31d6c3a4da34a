use todo_otel_macros::traced;

#[traced(name = 5)]
fn add() {}

#[traced(name = "")]
fn edit() {}

struct Store;

impl Store {
    #[traced(name = Self::NAME)]
    fn get(&self) {}
}

fn main() {}
