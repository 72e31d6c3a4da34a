//! Log records: from `tracing` events and from the runtime's own ones, correlated with the current span, to lines on
//! standard error and to an exporter.
//!
//! Not here: what leaves the process (`deliver`), when a failure is reported (`record`), what a user may set (`config`).

pub mod escape;

mod correlate;
pub(crate) mod drive;
mod failure;
mod fields;
mod forward;
mod json;
mod layer;
mod limit;
mod names;
mod pipeline;
mod queue;
mod record;
mod redact;
mod sample;
mod selflog;
mod slot;
mod text;
mod throttle;
pub(crate) mod time;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry_sdk::{Resource, logs::LogExporter};
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

#[expect(unused_imports, reason = "the recorder's way to write records")]
pub(crate) use self::{
    correlate::SpanRef,
    failure::{Failure, source_chain},
    record::{Location, Record, Span},
    selflog::say,
};
pub use self::{
    layer::tracing_layer,
    queue::Counts,
    vocabulary::{Alias, Vocabulary},
};
#[cfg(feature = "testing")]
pub(crate) use self::{
    pipeline::{Pipeline, Setup as PipelineSetup},
    queue::Export,
};
#[cfg(not(feature = "testing"))]
use self::{
    pipeline::{Pipeline, Setup as PipelineSetup},
    queue::Export,
};
use crate::{Config, config::Role};

static SPAN_LINES: AtomicBool = AtomicBool::new(false);

/// Does standard error get a line whenever a span opens or closes?
pub(crate) fn writes_span_lines() -> bool {
    SPAN_LINES.load(Ordering::Relaxed)
}

/// A log exporter of any kind, ready for [`install`].
#[derive(Debug)]
pub(crate) struct Exporter(Box<dyn Export>);

impl Exporter {
    pub fn new(exporter: impl LogExporter + 'static) -> Self {
        Self(Box::new(queue::Exporter(exporter)))
    }
}

/// The running pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pipeline: Arc<Pipeline>,
    interval: Duration,
}

/// Puts the pipeline in place and, unless the program has one, a `tracing` subscriber in front of it.
pub(crate) fn install(config: &Config, resource: &Resource, exporter: Option<Exporter>) -> Handle {
    let to_stderr = |line: &str| {
        // A closed standard error is no reason to fail.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    };
    let pipeline =
        Arc::new(Pipeline::new(&PipelineSetup::of(config), resource, exporter.map(|e| e.0), Box::new(to_stderr)));
    SPAN_LINES.store(config.logs.console.is_some() && config.logs.span_events, Ordering::Relaxed);
    slot::set(pipeline.clone());
    let _ = tracing_subscriber::registry()
        .with(crate::record::tracing_layer::span_layer())
        .with(tracing_layer())
        .with(forward::Alone)
        .try_init();
    let interval = match config.role {
        Role::Cli => Duration::ZERO,
        Role::Service => config.logs.schedule_delay.max(Duration::from_millis(10)),
    };
    Handle { pipeline, interval }
}

/// Puts the layer in front of captures that begin, and makes `tracing` ask all call sites anew.
#[cfg(feature = "testing")]
pub(crate) fn serve_captures(first: bool) {
    static INSTALL: std::sync::Once = std::sync::Once::new();
    INSTALL.call_once(|| {
        let _ = tracing_subscriber::registry()
            .with(crate::record::tracing_layer::span_layer())
            .with(tracing_layer())
            .with(forward::Alone)
            .try_init();
    });
    if first {
        tracing_core::callsite::rebuild_interest_cache();
    }
}

/// Takes one of the runtime's own records to its destinations.
pub(crate) fn emit(record: Record) {
    let Some(pipeline) = slot::current() else { return };
    if record.is_failure() && forward::has_listeners() {
        pipeline.show_to_others(&record);
    }
    pipeline.submit(pipeline.wanted(&record), || record);
}

impl Handle {
    /// Exports what waits, on the calling thread. What is not out by the deadline waits on.
    pub fn flush(&self, deadline: Instant) -> Counts {
        self.pipeline.flush(Some(deadline));
        self.counts()
    }

    /// Exports what waits on the calling thread, drops the rest at the deadline. Later records are counted, not kept.
    pub fn shutdown(&self, deadline: Instant) -> Counts {
        self.pipeline.shutdown(Some(deadline));
        self.counts()
    }

    /// Does any record go anywhere?
    pub fn is_on(&self) -> bool {
        self.pipeline.export.is_some() || self.pipeline.console.is_some()
    }

    /// What became of the records so far.
    pub fn counts(&self) -> Counts {
        self.pipeline.counts()
    }

    /// The periodic export of a service: how often, and what. `None` in a command, which exports at its end.
    pub fn job(&self) -> Option<(Duration, Box<dyn FnMut() + Send>)> {
        if self.interval.is_zero() {
            return None;
        }
        let (pipeline, interval) = (self.pipeline.clone(), self.interval);
        Some((
            interval,
            Box::new(move || pipeline.flush(Instant::now().checked_add(interval.max(Duration::from_secs(10))))),
        ))
    }
}
