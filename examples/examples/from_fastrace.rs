//! Coming from fastrace: the same place, no root to set up by hand, no reporter to wait for.
//! `cargo run -p todo-otel-examples --example from_fastrace`
//!
//! | fastrace | here |
//! |---|---|
//! | `#[trace(name = "…")]` | `#[traced(name = "…")]` |
//! | `properties = { "k": "{arg}" }` | `attributes(k = arg)`: typed, formatted by nobody |
//! | `Span::root(…)`, `set_local_parent()` | the first call is the root; `root`, `parent = …` say otherwise |
//! | `in_span(Span::enter_with_local_parent(…))` round a task | `capture().in_future(task)` |
//! | `LocalSpan::add_property`, `Event::add_to_local_parent` | `set_attribute`, `add_event` |
//! | `SpanContext::decode_w3c_traceparent` | `propagation::extract_headers` |
//! | `fastrace::set_reporter(…)`, `flush()` | `init(config)`, `shutdown()` with a report of what became of everything |

use todo_otel_runtime::{Config, Role, config::Flags};

mod before {
    use fastrace::prelude::*;

    pub fn run(items: usize) -> usize {
        let root = Span::root("run", SpanContext::random());
        let _guard = root.set_local_parent();
        checkout(items)
    }

    #[trace(name = "checkout", properties = { "cart.items": "{items}" })]
    fn checkout(items: usize) -> usize {
        items * 10
    }
}

mod after {
    use todo_otel_runtime::traced;

    #[traced]
    pub fn run(items: usize) -> usize {
        checkout(items)
    }

    #[traced(name = "checkout", attributes(cart.items = items))]
    fn checkout(items: usize) -> usize {
        items * 10
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    println!("before: {}, after: {}", before::run(3), after::run(3));
    telemetry.shutdown();
    Ok(())
}
