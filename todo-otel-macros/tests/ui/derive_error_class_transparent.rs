use todo_otel_macros::ErrorClass;

#[derive(ErrorClass)]
enum Error {
    #[error_class(transparent)]
    Two(String, String),
    #[error_class(transparent, expected)]
    One(String),
}

fn main() {}
