//! A crate without a prelude, without `unsafe`, and with every lint on: what the attributes write must fit in.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic)]

extern crate std;

mod shadows {
    #![expect(dead_code, reason = "they only have to be in the way")]
    pub mod core {}
    pub mod tracing {}
    pub struct Result;
    pub struct Option;
    pub struct Some;
}

#[::todo_otel_runtime::traced]
fn one_line(n: u32) -> u32 {
    n + 1
}

#[::todo_otel_runtime::red_metrics(name = "bare.line", labels(big = n > 3))]
fn one_line_red(n: u32) -> u32 {
    n
}

#[::todo_otel_runtime::db_span(system = sqlite, operation = "SELECT", collection = "todos")]
fn one_line_db(n: &str) -> ::std::result::Result<usize, ::std::string::String> {
    if ::std::primitive::str::is_empty(n) {
        return ::std::result::Result::Err(::std::string::String::new());
    }
    ::std::result::Result::Ok(n.len())
}

#[::todo_otel_runtime::traced(attributes(n = n), output(n.next = |v| *v), expected(_), log)]
#[::todo_otel_runtime::red_metrics]
async fn one_line_async(n: u32) -> ::std::result::Result<u32, u8> {
    ::std::future::ready(()).await;
    ::std::result::Result::Ok(n + 1)
}

#[::todo_otel_runtime::traced]
fn nothing() {}

#[::todo_otel_runtime::traced]
fn unused_argument(_n: u32) {}

#[::todo_otel_runtime::traced]
fn in_a_block() -> u32 {
    use ::std::cmp::max;
    const LEAST: u32 = 3;
    max(LEAST, 1)
}

#[::core::prelude::v1::derive(::todo_otel_runtime::Label)]
enum Source {
    Cli,
    #[label("from_file")]
    Import,
}

#[::core::prelude::v1::derive(::todo_otel_runtime::ErrorClass)]
enum Failure {
    #[error_class("not_found", expected, exit = 3, slo = ignore)]
    Missing,
    #[error_class(retryable, status = "5")]
    DatabaseLocked(#[expect(dead_code, reason = "only its class matters")] u32),
    #[error_class(transparent)]
    Inner { from: Inner },
}

#[::core::prelude::v1::derive(::todo_otel_runtime::ErrorClass)]
#[error_class("inner", exit = 9)]
struct Inner;

#[::core::prelude::v1::test]
fn everything_compiles_and_runs() {
    let context = &mut ::std::task::Context::from_waker(::std::task::Waker::noop());
    ::std::assert_eq!(one_line(1), 2);
    ::std::assert_eq!(one_line_red(1), 1);
    ::std::assert!(one_line_db("").is_err());
    let mut future = ::std::boxed::Box::pin(one_line_async(1));
    ::std::assert!(::std::future::Future::poll(future.as_mut(), context).is_ready());
    nothing();
    unused_argument(1);
    ::std::assert_eq!(in_a_block(), 3);
}

#[::core::prelude::v1::test]
fn derived_traits_say_what_was_written() {
    use ::todo_otel_runtime::{ErrorClass as _, Label};
    ::std::assert_eq!(<Source as Label>::VALUES, ["cli", "from_file"]);
    let _ = (Source::Cli, Source::Import);

    let missing = Failure::Missing;
    ::std::assert_eq!((missing.class(), missing.expected(), missing.retryable()), ("not_found", true, false));
    ::std::assert_eq!((missing.exit_code(), missing.slo_ignore()), (::std::option::Option::Some(3), true));
    let locked = Failure::DatabaseLocked(5);
    ::std::assert_eq!((locked.class(), locked.retryable(), locked.expected()), ("database_locked", true, false));
    ::std::assert_eq!(locked.db_status_code(), ::std::option::Option::Some("5"));
    let inner = Failure::Inner { from: Inner };
    ::std::assert_eq!((inner.class(), inner.exit_code()), ("inner", ::std::option::Option::Some(9)));
}
