//! Coming from `tracing::instrument`: both work side by side and nest, so functions can move one at a time.
//! `cargo run -p todo-otel-examples --example from_tracing`
//!
//! | `#[tracing::instrument(…)]` | `#[traced(…)]` |
//! |---|---|
//! | captures every argument, `skip(a)` leaves one out | captures nothing but `attributes(key = expression)` |
//! | `name = "…"`, `fields(key = expression)` | `name = "…"`, `attributes(key = expression)` |
//! | `%x`, `?x` | `display(x)`, `debug(x)` |
//! | `err`: one event per level that returns it | always: status, `error.type`, one exception event per failure |
//! | `ret` | `output(key = \|value\| …)` |
//! | `level = "debug"` | `SHOP_OTEL_SITES=checkout=off`: a switch per call site, at start |
//! | `parent = …`, `follows_from = …` | `parent = …`, `link = …` |
//! | `tracing::info!(…)` | stays as it is: correlated with our spans |

use todo_otel_runtime::{Config, Role, config::Flags};

mod before {
    #[tracing::instrument(skip(items), fields(cart.items = items.len()), err)]
    pub fn checkout(items: &[&str]) -> Result<u64, std::fmt::Error> {
        tracing::debug!("about to price");
        // Moved already.
        super::after::price(items)
    }
}

mod after {
    use todo_otel_runtime::traced;

    #[traced(name = "checkout", attributes(cart.items = items.len()))]
    pub fn checkout(items: &[&str]) -> Result<u64, std::fmt::Error> {
        tracing::debug!("about to price");
        price(items)
    }

    #[traced]
    pub fn price(items: &[&str]) -> Result<u64, std::fmt::Error> {
        if items.is_empty() { Err(std::fmt::Error) } else { Ok(items.len() as u64 * 10) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    println!("before: {:?}", before::checkout(&["milk"]));
    println!("after: {:?} {:?}", after::checkout(&["milk"]), after::checkout(&[]));
    telemetry.shutdown();
    Ok(())
}
