use todo_otel_macros::traced;

trait Store {
    #[traced]
    fn get(&self);
}

fn main() {}
