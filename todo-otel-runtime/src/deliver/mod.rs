//! The last metre: takes encoded OTLP bodies, gets them to the receiver or onto the disk, and accounts for every item.
//!
//! A command spools first and leaves the sending to a detached child, or sends at its exit where no child may live. A
//! service sends from memory by one thread and spools what does not get out.
//!
//! What is not here: encoding (exporters and `metrics::otlp`), deciding what is recorded, and any knowledge of spans.

#[macro_use]
mod sabotage;

mod account;
mod breaker;
mod clock;
mod counted;
mod counts;
mod diagnosis;
mod drain;
#[cfg(target_os = "linux")]
pub(crate) mod drainer;
mod finish;
#[cfg(target_os = "linux")]
mod fork;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod handover;
mod health;
mod inner;
mod items;
pub(crate) mod ledger;
mod losing;
mod operate;
#[cfg(target_os = "linux")]
mod plan;
mod queue;
mod runs;
mod send;
#[cfg(feature = "grpc")]
mod send_grpc;
mod send_http;
mod sender;
mod settings;
mod side_by_side;
mod spool;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod verdict;

pub use counted::Counted;
pub use counts::{Counts, Dropped, Reason};
pub use operate::{Closed, FlushReport, PurgeReport, SpoolStatus, flush, purge, status};

use crate::{
    config::{Config, Role, Signal},
    error::InitError,
};
use bytes::Bytes;
use gate::Gate;
use inner::Inner;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use queue::Body;
use send::{Network, Transport};
use settings::Settings;
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Takes bodies in, gets them out. Clones share one queue and one set of counts.
#[derive(Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

/// What became of a body at the gate.
struct Accepted {
    items: u64,
    kept: bool,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Delivery {
    /// Checks the endpoints; opens, connects and starts nothing.
    ///
    /// # Errors
    /// An endpoint that is no http or https URL, or one that needs a feature which this build lacks.
    pub fn new(config: &Config) -> Result<Delivery, InitError> {
        Ok(Delivery::with(Settings::new(config)?, Box::<Network>::default()))
    }

    fn with(settings: Settings, transport: Box<dyn Transport>) -> Delivery {
        Delivery { inner: Arc::new(Inner::new(settings, transport)) }
    }

    /// The HTTP client for the exporter of a signal: accepts every body at once and never waits.
    pub fn client(&self, signal: Signal) -> Arc<dyn HttpClient> {
        Arc::new(Gate { delivery: self.clone(), signal })
    }

    /// The stock span exporter in front of the gate, with everything it emits accounted for.
    ///
    /// # Errors
    /// What the exporter's builder says.
    pub fn span_exporter(&self) -> Result<Counted<opentelemetry_otlp::SpanExporter>, InitError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_shared_http_client(self.client(Signal::Traces))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint("http://gate/v1/traces")
            .with_timeout(EXPORT_TIMEOUT)
            .with_retry_policy(RetryPolicy::disabled())
            .build();
        exporter.map(|exporter| Counted::new(exporter, self.clone())).map_err(not_built)
    }

    /// The stock log exporter in front of the gate, with everything it emits accounted for.
    ///
    /// # Errors
    /// What the exporter's builder says.
    pub fn log_exporter(&self) -> Result<Counted<opentelemetry_otlp::LogExporter>, InitError> {
        let exporter = opentelemetry_otlp::LogExporter::builder()
            .with_http()
            .with_shared_http_client(self.client(Signal::Logs))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint("http://gate/v1/logs")
            .with_timeout(EXPORT_TIMEOUT)
            .with_retry_policy(RetryPolicy::disabled())
            .build();
        exporter.map(|exporter| Counted::new(exporter, self.clone())).map_err(not_built)
    }

    /// Takes one encoded `Export…ServiceRequest`. Never waits for the network.
    pub fn accept(&self, signal: Signal, body: Bytes) {
        if self.take(signal, body).items == 0 {
            // Not even framed: nobody can say how many items it was meant to hold.
            self.drop_items(signal, Reason::Encode, 1);
        }
    }

    /// Counts items that were lost, or left out by a decision, before they became a body.
    pub fn drop_items(&self, signal: Signal, reason: Reason, items: u64) {
        self.inner.tally.lost_elsewhere(signal, reason, items);
    }

    /// Increments wait in the ledger. True when a child will be left behind that takes them out.
    pub(crate) fn ledger_waits(&self) -> bool {
        self.inner.ledger_waits.store(true, Ordering::SeqCst);
        finish::leaves_child(&self.inner)
    }

    /// Marks this run of a service, so that the next one can tell if it died.
    pub(crate) fn begin(&self) {
        self.inner.begin();
    }

    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        self.inner.tally.snapshot()
    }

    /// Gets out what is there, at most until the deadline; delivery goes on afterwards.
    pub fn flush(&self, deadline: Instant) -> Counts {
        finish::flush(&self.inner, deadline);
        Counts { timed_out: Instant::now() >= deadline, ..self.counts() }
    }

    /// Ends delivery: what does not get out until the deadline is spooled, what cannot be spooled is dropped and
    /// counted. Later bodies are dropped as `shutdown`. A second call returns the counts at once.
    pub fn finish(&self, deadline: Instant) -> Counts {
        let first = !self.inner.finished.swap(true, Ordering::SeqCst);
        if first && self.inner.pid == std::process::id() {
            finish::finish(&self.inner, deadline);
        }
        Counts { timed_out: Instant::now() >= deadline, ..self.counts() }
    }

    fn take(&self, signal: Signal, body: Bytes) -> Accepted {
        let inner = &self.inner;
        let Some((parts, too_large)) = items::split(signal, &body) else {
            return Accepted { items: 0, kept: false };
        };
        let items = too_large + parts.iter().map(|(_, items)| items).sum::<u64>();
        inner.tally.emitted(signal, items);
        inner.tally.dropped(signal, Reason::Limit, too_large);
        let refused = if inner.pid != std::process::id() {
            Some(Reason::Fork)
        } else if inner.finished.load(Ordering::SeqCst) {
            Some(Reason::Shutdown)
        } else {
            None
        };
        if let Some(reason) = refused {
            inner.tally.dropped(signal, reason, items - too_large);
            return Accepted { items, kept: false };
        }
        let mut kept = true;
        for (bytes, items) in parts {
            if sabotaged!("lose_every_1000th") && sabotage::is_every_1000th(items) {
                inner.tally.spooled(signal, items);
                continue;
            }
            kept &= self.keep(inner.body(signal, items, bytes));
        }
        Accepted { items, kept }
    }

    /// Into memory or onto the disk, as the role says. False when it was dropped.
    fn keep(&self, body: Body) -> bool {
        let inner = &self.inner;
        let to_memory = match inner.settings.role {
            Role::Cli => finish::sends_itself(inner),
            Role::Service => sender::ensure(inner),
        };
        let body = if to_memory {
            match inner.queue.push(body) {
                Ok(()) => return true,
                Err(body) => body,
            }
        } else {
            body
        };
        let (mut body, reason) = match inner.spool(body) {
            Ok(()) => return true,
            Err(back) => back,
        };
        // Not on disk: it stays in memory, and the end of the process is its chance.
        body.unspooled = Some(reason);
        match inner.queue.push(body) {
            Ok(()) => true,
            Err(body) => {
                inner.tally.dropped(body.signal, Reason::QueueFull, body.items);
                false
            }
        }
    }
}

/// The gate owns all time; this only has to be longer than any call into it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(60);

fn not_built(error: opentelemetry_otlp::ExporterBuildError) -> InitError {
    InitError::Setting {
        setting: "OTLP exporter".to_owned(),
        problem: error.to_string(),
        hint: "report this: the exporter refused settings that the runtime made".to_owned(),
    }
}
