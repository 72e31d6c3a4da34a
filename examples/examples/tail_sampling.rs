//! Tail sampling: of a thousand calls only those are exported that turn out to matter.
//! `cargo run -p todo-otel-examples --example tail_sampling`

use todo_otel_runtime::{Config, Role, config::Flags, traced};

// The decision falls when the trace is complete, so the good child of a bad call is there as well.
#[traced(name = "order.place", keep(error), attributes(order.id = order))]
fn place(order: u64) -> Result<(), String> {
    price(order);
    if order == 500 { Err("out of stock".to_owned()) } else { Ok(()) }
}

#[traced(name = "order.price")]
fn price(_order: u64) {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    // No head sample at all, and no rule for the whole program: what the call site says is left.
    let settings = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ("SHOP_TRACE_KEEP", "none"),
    ];
    let config = Config::for_app("shop", Role::Cli).flags(flags).env(settings).no_file().resolve();
    let telemetry = todo_otel_runtime::init(config)?;
    let failed = (0..1000).filter(|order| place(*order).is_err()).count();
    println!("{failed} of 1000 orders failed");
    telemetry.shutdown();
    Ok(())
}
