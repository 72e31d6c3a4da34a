//! Async: a span lives as long as its future, is current only while that is polled, and goes along to a task when it is
//! taken. `cargo run -p todo-otel-examples --example async_tokio`

use std::time::Duration;

use todo_otel_runtime::{Config, Role, capture, config::Flags, traced};

#[traced(name = "order.place", attributes(order.items = len(items)))]
async fn place(items: &'static [&'static str]) -> usize {
    // Tasks inherit nothing by themselves: take the current span along.
    let packed = tokio::spawn(capture().in_future(pack(items)));
    // A future that is dropped half-way ends as cancelled.
    let _ = tokio::time::timeout(Duration::ZERO, courier()).await;
    invoice().await;
    packed.await.unwrap_or_default()
}

#[traced(name = "order.pack", output(order.parcels = |parcels| *parcels))]
async fn pack(items: &'static [&'static str]) -> usize {
    tokio::task::yield_now().await;
    items.len().div_ceil(2)
}

#[traced(name = "order.courier")]
async fn courier() {
    std::future::pending().await
}

#[traced(name = "order.invoice")]
async fn invoice() {
    tokio::task::yield_now().await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    println!("{} parcels", place(&["milk", "bread", "butter"]).await);
    telemetry.shutdown();
    Ok(())
}
