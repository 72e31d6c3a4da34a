//! The same faults for the stock SDK and for ours.

use super::*;
use crate::deliver::{Counted, Reason};
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Panics at its first export, works from then on.
#[derive(Clone, Debug, Default)]
struct Panicky {
    calls: Arc<AtomicU64>,
    exported: Arc<AtomicU64>,
}

impl SpanExporter for Panicky {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            std::panic::resume_unwind(Box::new("scripted"));
        }
        self.exported.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

fn emit(provider: &SdkTracerProvider, count: usize) {
    for _ in 0..count {
        provider.tracer("test").start("span").end();
    }
    let _ = provider.force_flush();
}

#[test]
fn a_panic_in_an_exporter_ends_the_stock_processor_for_good_and_costs_ours_one_batch() {
    let stock = Panicky::default();
    let provider = SdkTracerProvider::builder().with_batch_exporter(stock.clone()).build();
    emit(&provider, 2);
    emit(&provider, 3);
    assert_eq!(stock.exported.load(Ordering::SeqCst), 0, "stock: everything after the panic is gone");

    let inner = Panicky::default();
    let delivery = delivery(settings("http://127.0.0.1:9", Protocol::HttpProtobuf));
    let ours = Counted::new(inner.clone(), delivery.clone());
    let provider = SdkTracerProvider::builder().with_batch_exporter(ours).build();
    emit(&provider, 2);
    emit(&provider, 3);
    assert_eq!(inner.exported.load(Ordering::SeqCst), 3, "ours: export goes on");
    assert_eq!(delivery.counts().dropped_for(Reason::Panic), 2);
}

#[test]
fn when_nothing_arrives_the_stock_shutdown_says_all_is_well_and_ours_says_what_is_lost() {
    let url = "http://127.0.0.1:9";
    let delivery = delivery(settings(url, Protocol::HttpProtobuf));
    let provider = SdkTracerProvider::builder().with_batch_exporter(delivery.span_exporter().expect("built")).build();
    for _ in 0..5 {
        provider.tracer("test").start("span").end();
    }
    assert!(provider.shutdown().is_ok(), "the stock provider's word");
    let counts = delivery.finish(within(2000));
    assert_eq!((counts.emitted[0], counts.delivered[0], counts.dropped_for(Reason::NoSpool)), (5, 0, 5));
    assert!(counts.balanced());
}
