use todo_otel_macros::ErrorClass;

#[derive(ErrorClass)]
enum Error {
    #[error_class(transparent)]
    Two(Inner, Inner),
    #[error_class(transparent, expected)]
    One(Inner),
}

#[derive(ErrorClass)]
struct Inner;

fn main() {}
