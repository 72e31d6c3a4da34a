//! Fills the store: a command at its end, a service with each batch.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::logs::Severity;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use super::store::Store;
use crate::{
    config::{Config, Role},
    console::span::Span,
    logs,
};

/// Most spans of a command kept for its end.
const MOST_SPANS: usize = 10_000;

/// Keeps spans for [`last_traces`](super::last_traces). A store that cannot be written is told once and never fails
/// anything else.
#[derive(Debug)]
pub(crate) struct LastExporter {
    store: Store,
    at_end: bool,
    waiting: Mutex<Vec<Span>>,
    complained: AtomicBool,
}

impl LastExporter {
    /// `None` when nothing is to be kept.
    pub fn new(config: &Config) -> Option<Self> {
        let most = config.delivery.keep_last as usize;
        let dir = config.delivery.state_dir.as_ref()?.join("last");
        (most > 0 && config.enabled).then(|| Self {
            store: Store::new(dir, most),
            at_end: config.role == Role::Cli,
            waiting: Mutex::default(),
            complained: AtomicBool::new(false),
        })
    }

    fn keep(&self, spans: &[Span]) {
        if let Err(error) = self.store.add(spans)
            && !self.complained.swap(true, Relaxed)
        {
            logs::say(Severity::Info, "the last traces are not kept", &error.to_string());
        }
    }
}

impl SpanExporter for LastExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.iter().map(Span::from);
        if !self.at_end {
            self.keep(&spans.collect::<Vec<_>>());
            return Ok(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_SPANS - waiting.len();
        waiting.extend(spans.take(room));
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !waiting.is_empty() {
            self.keep(&waiting);
        }
        Ok(())
    }
}
