//! A library that is instrumented and starts nothing (`examples/library`): silent until a program starts telemetry.
//! `cargo run -p todo-otel-examples --example library_crate`

use todo_otel_example_library::quote;
use todo_otel_runtime::{Config, Role, config::Flags};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("without telemetry: {:?}", quote(3));

    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    println!("with telemetry: {:?}", quote(12));
    telemetry.shutdown();
    Ok(())
}
