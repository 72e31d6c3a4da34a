//! Stands before a stock exporter: contains its panics, and counts what did not come out of it as a body.

use super::{Delivery, Reason, gate};
use crate::config::Signal;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{LogBatch, LogExporter},
    trace::{SpanData, SpanExporter},
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

/// An exporter whose every item is accounted for.
#[derive(Debug)]
pub struct Counted<E> {
    exporter: E,
    delivery: Delivery,
}

impl<E> Counted<E> {
    /// Wraps an exporter that sends through a client of this delivery.
    pub fn new(exporter: E, delivery: Delivery) -> Counted<E> {
        Counted { exporter, delivery }
    }

    async fn watch(&self, signal: Signal, items: u64, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let mut reached = 0;
        let watched = Watched { export: pin!(export), reached: &mut reached };
        let (result, reason) = match watched.await {
            Some(result) => (result, Reason::Encode),
            None => (Err(OTelSdkError::InternalFailure("the exporter panicked".to_owned())), Reason::Panic),
        };
        let missing = items.saturating_sub(reached);
        if missing > 0 {
            self.delivery.drop_items(signal, reason, missing);
        }
        result
    }
}

/// The gate never pends, so what it takes in during a poll was given by this very poll.
struct Watched<'a, F> {
    export: Pin<&'a mut F>,
    reached: &'a mut u64,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        gate::take_reached();
        if sabotaged!("no_catch_unwind") {
            return self.export.as_mut().poll(context).map(Some);
        }
        let polled = catch_unwind(AssertUnwindSafe(|| self.export.as_mut().poll(context)));
        *self.reached += gate::take_reached();
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let items = batch.len() as u64;
        self.watch(Signal::Traces, items, async { self.exporter.export(batch).await }).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Counted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let items = batch.iter().count() as u64;
        self.watch(Signal::Logs, items, async { self.exporter.export(batch).await }).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: opentelemetry::logs::Severity, target: &str, name: Option<&str>) -> bool {
        self.exporter.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
