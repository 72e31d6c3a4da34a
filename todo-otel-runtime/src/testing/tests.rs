//! What a capture sees, and what it does not.

#![expect(clippy::needless_borrow, reason = "the number of references decides which trait applies")]

use std::{error::Error, fmt, time::Duration};

use super::*;
use crate::{
    __private as rt,
    metrics::{InstrumentMeta, MetricsMeta, Role as InstrumentRole, counter, histogram},
};

counter! { static SOLD: u64 = "testing.sold", unit = "{thing}", labels = { "testing.color": bool } }
histogram! { static WEIGHT: f64 = "testing.weight", unit = "kg", buckets = [1.0, 10.0] }

static PAY: rt::Callsite = rt::Callsite::new(&rt::Meta {
    name: "shop.pay",
    function: "shop::pay",
    module: "shop",
    file: "pay.rs",
    line: 7,
    package: "shop",
    attributes: &["shop.items"],
    metrics: Some(&MetricsMeta {
        instruments: &[
            InstrumentMeta { name: "shop.pays", unit: "{call}", outcome: true, ..InstrumentMeta::DEFAULT },
            InstrumentMeta {
                role: InstrumentRole::Duration,
                name: "shop.pay.duration",
                unit: "s",
                bounds: &[0.1, 10.0],
                ..InstrumentMeta::DEFAULT
            },
        ],
        ..MetricsMeta::DEFAULT
    }),
    ..rt::Meta::DEFAULT
});
static ASK: rt::Callsite = rt::Callsite::new(&rt::Meta {
    name: "bank.ask",
    kind: rt::Kind::Client,
    function: "shop::ask",
    module: "shop",
    ..rt::Meta::DEFAULT
});

#[derive(Debug)]
struct Declined;
impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}
impl Error for Declined {}

fn pay(items: i64) -> Result<(), Declined> {
    rt::call(
        &PAY,
        rt::returns(),
        || {
            rt::attributes(&PAY, |writer| writer.put(&items));
            ask(items)
        },
        |returned: &Result<(), Declined>, exit| {
            use rt::Look as _;
            (&&&&&&rt::returned(returned)).look()(returned, exit);
        },
    )
}

fn ask(items: i64) -> Result<(), Declined> {
    rt::call(
        &ASK,
        rt::returns(),
        || {
            tracing::info!(target: "shop", items, "asking");
            if items > 9 { Err(Declined) } else { Ok(()) }
        },
        |_: &Result<(), Declined>, _| {},
    )
}

#[test]
fn a_capture_tells_spans_logs_and_metrics_of_its_test() {
    let telemetry = capture();
    assert_eq!(telemetry.tree(), "");
    pay(3).unwrap();
    SOLD.add(3, (true,));
    WEIGHT.record(2.5, ());
    assert_eq!(telemetry.tree(), "shop.pay {shop.items=3}\n└─ bank.ask (client)\n");
    assert_eq!(telemetry.tree_with(&Show::names()), "shop.pay\n└─ bank.ask\n");
    assert_eq!(telemetry.logs_text(), "INFO asking {items=3} [bank.ask]\n");
    assert_eq!(
        telemetry.metrics_text(),
        "shop.pay.duration n=1\n\
         shop.pays{outcome=ok} 1\n\
         testing.sold{testing.color=true} 3\n\
         testing.weight n=1\n"
    );
    assert_eq!(telemetry.metric("testing.sold", &[("testing.color", "true")]), 3.0);
    assert_eq!(telemetry.metric("testing.sold", &[("testing.color", "false")]), 0.0);
    assert_eq!(telemetry.metric("shop.pay.duration", &[]), 1.0);
    let log = &telemetry.logs()[0];
    assert_eq!(log.trace_id, Some(telemetry.spans()[0].span_context.trace_id().to_string()));
}

#[test]
fn a_failure_is_seen_once_with_its_outcome() {
    let telemetry = capture();
    pay(10).unwrap_err();
    let tree = telemetry.tree();
    assert!(tree.starts_with("shop.pay ✗ "), "{tree}");
    assert_eq!(telemetry.metric("shop.pays", &[("outcome", "error")]), 1.0);
    let failures: Vec<_> = telemetry.logs().into_iter().filter(|log| log.event_name.is_some()).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].attributes["exception.message"], "card declined");
    assert_eq!(failures[0].level, "ERROR");
}

#[test]
fn captures_in_parallel_do_not_see_each_other() {
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            scope.spawn(move || {
                let telemetry = capture();
                for _ in 0..50 {
                    pay(thread).unwrap();
                    SOLD.add(1, (false,));
                }
                let tree = telemetry.tree();
                let line = format!("shop.pay {{shop.items={thread}}}\n");
                assert_eq!(tree.matches(&line).count(), 50, "{tree}");
                assert_eq!(tree.lines().count(), 100);
                assert_eq!(telemetry.metric("testing.sold", &[]), 50.0);
                assert_eq!(telemetry.metric("shop.pays", &[]), 50.0);
                assert_eq!(telemetry.logs().len(), 50);
            });
        }
    });
}

#[test]
fn children_are_captured_wherever_they_run_and_tasks_when_they_are_told() {
    let telemetry = capture();
    rt::call(
        &PAY,
        rt::returns(),
        || {
            let captured = crate::capture();
            std::thread::scope(|scope| {
                scope.spawn(|| captured.in_scope(|| ask(1)));
            });
        },
        |(), _| {},
    );
    let handle = telemetry.handle();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = ask(2);
            let _ = handle.in_scope(|| ask(3));
        });
    });
    assert_eq!(telemetry.tree(), "shop.pay\n└─ bank.ask (client)\nbank.ask (client)\n");
    assert_eq!(telemetry.logs_text(), "INFO asking {items=1} [bank.ask]\nINFO asking {items=3} [bank.ask]\n");
}

#[test]
fn tasks_of_a_runtime_are_captured_on_every_thread_that_polls_them() {
    let telemetry = capture();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let work = || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            pay(1).unwrap();
        };
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(telemetry.handle().in_future(work()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(telemetry.tree().matches("shop.pay").count(), 4);
}

#[test]
fn a_nested_capture_takes_over_and_gives_back() {
    let outer = capture();
    ask(1).unwrap();
    {
        let inner = capture();
        ask(2).unwrap();
        assert_eq!(inner.logs_text(), "INFO asking {items=2} [bank.ask]\n");
    }
    ask(3).unwrap();
    assert_eq!(outer.logs_text(), "INFO asking {items=1} [bank.ask]\nINFO asking {items=3} [bank.ask]\n");
}

#[test]
fn ids_follow_from_a_seed() {
    let ids = || {
        let telemetry = capture().seed(7);
        ask(1).unwrap();
        telemetry.spans()[0].span_context.clone()
    };
    assert_eq!(ids(), ids());
}

#[test]
fn siblings_in_parallel_can_be_sorted() {
    let telemetry = capture();
    rt::call(
        &PAY,
        rt::returns(),
        || {
            for site in [&PAY, &ASK] {
                rt::call(site, rt::returns(), || (), |(), _| {});
            }
        },
        |(), _| {},
    );
    assert_eq!(telemetry.tree_with(&Show::names()), "shop.pay\n├─ shop.pay\n└─ bank.ask\n");
    assert_eq!(telemetry.tree_with(&Show::names().sorted()), "shop.pay\n├─ bank.ask\n└─ shop.pay\n");
}
