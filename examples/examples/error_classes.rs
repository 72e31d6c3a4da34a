//! Errors: `ErrorClass` says once per variant what telemetry, callers and the shell make of it.
//! `cargo run -p todo-otel-examples --example error_classes`

use std::fmt;

use todo_otel_runtime::{Config, ErrorClass, Role, config::Flags, traced};

#[derive(Debug, ErrorClass)]
enum LoadError {
    /// Part of normal work: the span stays unset, the call counts, no error is counted.
    #[error_class("missing", expected, exit = 3)]
    Missing,
    #[error_class("busy", retryable, exit = 5)]
    Busy,
    /// All of it from the field.
    #[error_class(transparent)]
    Format(FormatError),
}

#[derive(Debug, ErrorClass)]
#[error_class("bad_format", exit = 2)]
struct FormatError;

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoadError::Missing => "there is no such file",
            LoadError::Busy => "another program holds the file",
            LoadError::Format(_) => "this is not a shopping list",
        })
    }
}

impl std::error::Error for LoadError {}

#[traced(name = "list.load", attributes(list.name = name))]
fn load(name: &str) -> Result<usize, LoadError> {
    match name {
        "groceries" => Ok(3),
        "held" => Err(LoadError::Busy),
        "picture" => Err(LoadError::Format(FormatError)),
        _ => Err(LoadError::Missing),
    }
}

/// The one place that decides about another attempt.
#[traced(name = "list.open", attributes(list.name = name))]
fn open(name: &str) -> Result<usize, LoadError> {
    match load(name) {
        Err(error) if error.retryable() => load(name),
        result => result,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    for name in ["groceries", "nothing", "held", "picture"] {
        match open(name) {
            Ok(entries) => println!("{name}: {entries} entries"),
            Err(error) => println!("{name}: {error} ({}, exit code {:?})", error.class(), error.exit_code()),
        }
    }
    telemetry.shutdown();
    Ok(())
}
