//! Coming from the plain OpenTelemetry API: its spans nest with ours both ways, as the global provider is ours.
//! `cargo run -p todo-otel-examples --example from_opentelemetry`
//!
//! | OpenTelemetry API | here |
//! |---|---|
//! | provider, processor, exporter, propagator set up by hand | `init(config)`, settings from the standard variables |
//! | `tracer.in_span("…", \|cx\| …)` | `#[traced(name = "…")]` |
//! | `cx.span().set_attribute(KeyValue::new("k", v))` | `attributes(k = v)`, or `set_attribute("k", &v)` |
//! | `span.record_error(&e)`, `span.set_status(…)` | nothing: the returned `Err` says it |
//! | `FutureExt::with_context` | nothing for `async fn`; `capture().in_future(task)` for a task |
//! | counter, histogram and attributes by hand | `#[red_metrics]`, `counter!`, `histogram!` |

use todo_otel_runtime::{Config, Role, config::Flags};

mod before {
    use opentelemetry::{
        KeyValue, global,
        trace::{Status, TraceContextExt, Tracer},
    };

    pub fn checkout(items: i64) -> Result<i64, String> {
        global::tracer("shop").in_span("checkout", |context| {
            context.span().set_attribute(KeyValue::new("cart.items", items));
            let result = super::after::price(items);
            if let Err(error) = &result {
                context.span().set_status(Status::error(error.clone()));
            }
            result
        })
    }
}

mod after {
    use todo_otel_runtime::traced;

    #[traced(name = "checkout", attributes(cart.items = items))]
    pub fn checkout(items: i64) -> Result<i64, String> {
        price(items)
    }

    #[traced]
    pub fn price(items: i64) -> Result<i64, String> {
        if items == 0 { Err("the cart is empty".to_owned()) } else { Ok(items * 10) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    println!("before: {:?}", before::checkout(3));
    println!("after: {:?} {:?}", after::checkout(3), after::checkout(0));
    telemetry.shutdown();
    Ok(())
}
