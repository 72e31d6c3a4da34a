//! An exporter of your own: any `SpanExporter` of the OpenTelemetry SDK gets what is recorded.
//! `cargo run -p todo-otel-examples --example custom_exporter`

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use todo_otel_runtime::{Config, Role, Telemetry, traced};

/// One line per span.
#[derive(Debug)]
struct Lines;

impl SpanExporter for Lines {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            println!("{} is part of {}: {:?}", span.name, span.span_context.trace_id(), span.status);
        }
        Ok(())
    }
}

#[traced(name = "shop.open")]
fn open() -> Result<(), &'static str> {
    unlock();
    Err("nobody brought the till")
}

#[traced(name = "shop.unlock")]
fn unlock() {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::for_app("shop", Role::Service).resolve();
    let telemetry = Telemetry::builder(config).span_exporter(Lines).init()?;
    let _ = open();
    telemetry.shutdown();
    Ok(())
}
