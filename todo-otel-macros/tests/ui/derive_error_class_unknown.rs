use todo_otel_macros::ErrorClass;

#[derive(ErrorClass)]
enum Error {
    #[error_class("Not Found")]
    NotFound,
    #[error_class(busy)]
    Busy,
    #[error_class("io", exit = 300)]
    Io,
    #[error_class("gone", "lost")]
    Gone,
    #[error_class]
    Bare,
    #[error_class(slo = never)]
    Late,
}

fn main() {}
