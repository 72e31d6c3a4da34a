//! A program without async: one attribute per function, a span tree on standard error.
//! `cargo run -p todo-otel-examples --example quick_start`

use todo_otel_runtime::{Config, ErrorClass, Role, config::Flags, red_metrics, traced};

#[derive(Debug, ErrorClass)]
enum PaymentError {
    #[error_class("declined", expected)]
    Declined,
    #[error_class("gateway", retryable)]
    Gateway,
}

#[traced(name = "shop.checkout", attributes(cart.items = items.len()))]
#[red_metrics(name = "shop.checkout", labels(payment.method = method))]
fn checkout(items: &[&str], method: &'static str) -> Result<u64, PaymentError> {
    let total = price(items);
    match method {
        "card" => Ok(total),
        "cheque" => Err(PaymentError::Declined),
        _ => Err(PaymentError::Gateway),
    }
}

#[traced(output(cart.total = |total| *total))]
fn price(items: &[&str]) -> u64 {
    items.len() as u64 * 10
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Service).flags(flags).resolve())?;
    for method in ["card", "cheque", "barter"] {
        println!("{method}: {:?}", checkout(&["milk", "bread"], method));
    }
    println!("{}", telemetry.shutdown());
    Ok(())
}
