use todo_otel_macros::traced;

#[traced(nam = "a")]
fn add() -> u32 {
    1
}

struct Store;

#[traced(nam = "a")]
impl Store {
    fn get(&self) -> u32 {
        2
    }
}

fn main() {
    // nothing about a missing `add` or `get`
    let _: u32 = add() + Store.get();
}
