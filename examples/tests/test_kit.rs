//! What a test of your own telemetry looks like: sync, async, tokio, several threads. All of them run in parallel.

use todo_otel_runtime::{
    capture, red_metrics,
    testing::{Capture, Show, telemetry_test},
    traced,
};

#[traced(name = "shop.checkout", attributes(cart.items = items))]
#[red_metrics(name = "shop.checkout")]
async fn checkout(items: u64) -> Result<u64, String> {
    tracing::info!(items, "checking out");
    if items == 0 { Err("the cart is empty".to_owned()) } else { Ok(price(items)) }
}

#[traced(name = "shop.price")]
fn price(items: u64) -> u64 {
    items * 10
}

#[telemetry_test]
fn a_function_is_one_span(telemetry: Capture) {
    assert_eq!(price(3), 30);
    assert_eq!(telemetry.tree(), "shop.price\n");
}

#[telemetry_test]
async fn three_signals_of_one_call_agree(telemetry: Capture) {
    checkout(3).await.unwrap();
    assert_eq!(telemetry.tree(), "shop.checkout {cart.items=3}\n└─ shop.price\n");
    assert_eq!(telemetry.logs_text(), "INFO checking out {items=3} [shop.checkout]\n");
    assert_eq!(telemetry.metrics_text(), "shop.checkout.calls{outcome=ok} 1\nshop.checkout.duration{outcome=ok} n=1\n");
}

#[telemetry_test]
async fn a_failure_is_counted_and_told_once(telemetry: Capture) -> Result<(), String> {
    checkout(1).await?;
    let before = telemetry.metrics_text();
    checkout(0).await.unwrap_err();
    assert!(!before.contains("shop.checkout.errors"));
    assert_eq!(telemetry.metric("shop.checkout.errors", &[]), 1.0);
    assert_eq!(telemetry.metric("shop.checkout.calls", &[("outcome", "ok")]), 1.0);
    let told = telemetry.logs().into_iter().filter(|log| log.level == "ERROR").count();
    assert_eq!(told, 1);
    Ok(())
}

#[telemetry_test(seed = 7)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_a_runtime_belong_to_the_span_they_were_taken_from(telemetry: Capture) {
    #[traced(name = "shop.batch")]
    async fn batch() {
        let tasks: Vec<_> = (1..=3).map(|items| tokio::spawn(capture().in_future(checkout(items)))).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
    batch().await;
    let checkout = "shop.checkout\n";
    assert_eq!(
        telemetry.tree_with(&Show::names().sorted()),
        format!(
            "shop.batch\n├─ {checkout}│  └─ shop.price\n├─ {checkout}│  └─ shop.price\n└─ {checkout}   └─ shop.price\n"
        )
    );
}

#[telemetry_test]
fn ids_and_times_are_the_same_in_every_run(telemetry: Capture) {
    price(1);
    let span = &telemetry.spans()[0];
    assert_eq!(span.start_time, std::time::UNIX_EPOCH);
    assert_eq!(telemetry.tree_with(&Show::names().durations()), "shop.price 1 ms\n");
    let again = todo_otel_runtime::testing::deterministic(1);
    price(1);
    assert_eq!(again.spans()[0].span_context.trace_id(), span.span_context.trace_id());
}
