//! Prices, instrumented. Nothing here starts telemetry: in a program without it each call costs one relaxed load.

use todo_otel_runtime::{red_metrics, traced};

/// The price of so many items, in cents.
///
/// # Errors
///
/// There is nothing to price.
#[traced(name = "pricing.quote", attributes(pricing.items = items))]
#[red_metrics(name = "pricing.quote")]
pub fn quote(items: u64) -> Result<u64, String> {
    if items == 0 { Err("no items".to_owned()) } else { Ok(items * discount(items)) }
}

#[traced]
fn discount(items: u64) -> u64 {
    if items > 10 { 90 } else { 100 }
}
