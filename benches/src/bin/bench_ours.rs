//! The attributes of this workspace. `unsampled` is a head sampler that says no, `disabled` is before `init`.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use todo_otel_benches::{black_box, body, calls_under, case, case_on_two_threads, cases, functions, mode, run};
use todo_otel_runtime::{Config, Role, Telemetry, red_metrics, traced};

functions!(
    plain = [#[traced]],
    three = [#[traced(attributes(a = a, b = b, c = c))]],
    arguments = a b c
);

#[traced]
#[inline(never)]
fn under_root(calls: &dyn Fn()) {
    calls();
}

#[red_metrics(name = "bench.metrics")]
#[inline(never)]
fn metrics(x: u64) -> u64 {
    body(x)
}

#[traced]
#[red_metrics(name = "bench.both")]
#[inline(never)]
fn span_and_metrics(x: u64) -> u64 {
    body(x)
}

#[traced(attach)]
#[inline(never)]
fn attached(x: u64) -> u64 {
    body(x)
}

static EXPORTED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct DroppingExporter;

impl SpanExporter for DroppingExporter {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        EXPORTED.fetch_add(batch.len() as u64, Ordering::Relaxed);
        drop(black_box(batch));
        std::future::ready(Ok(()))
    }
}

fn main() {
    let telemetry = match mode().as_str() {
        "disabled" => None,
        mode => {
            let sampler = if mode == "unsampled" { "always_off" } else { "always_on" };
            let config = Config::for_app("bench", Role::Service)
                .env([
                    ("OTEL_TRACES_SAMPLER".to_owned(), sampler.to_owned()),
                    ("BENCH_TRACE_KEEP".to_owned(), "none".to_owned()),
                ])
                .resolve();
            Some(Telemetry::builder(config).span_exporter(DroppingExporter).init().expect("the configuration is valid"))
        }
    };
    let mut cases = cases!(under_root, |_| under_root(&|| ()));
    cases.push(case("metrics", || calls_under(under_root, metrics)));
    cases.push(case("span + metrics", || calls_under(under_root, span_and_metrics)));
    cases.push(case_on_two_threads("metrics on 2 threads", || calls_under(under_root, metrics)));
    cases.push(case("attach", || calls_under(under_root, attached)));
    run("ours", cases, || {
        if let Some(telemetry) = &telemetry {
            telemetry.flush();
        }
    });
}
