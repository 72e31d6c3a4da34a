//! The last metre: takes encoded OTLP bodies, gets them to the receiver or onto the disk, and accounts for every item.
//!
//! What is not here: encoding (exporters and `metrics::otlp`), deciding what is recorded, and any knowledge of spans.

mod counted;
mod counts;
mod gate;
mod items;
mod send;
#[cfg(feature = "grpc")]
mod send_grpc;
mod send_http;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod verdict;

pub use counted::Counted;
pub use counts::{Counts, Dropped, Reason};

use crate::{
    config::{Config, Signal},
    error::InitError,
};
use bytes::Bytes;
use counts::Tally;
use gate::Gate;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use send::{Attempt, Encoding, Network, Transport};
use settings::Settings;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use verdict::Verdict;

/// Takes bodies in, gets them out. Clones share one queue and one set of counts.
#[derive(Clone)]
pub struct Delivery {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    tally: Tally,
    network: Network,
    queue: Mutex<VecDeque<Body>>,
    finished: AtomicBool,
}

/// One encoded request on its way.
#[derive(Clone, Debug)]
struct Body {
    signal: Signal,
    items: u64,
    bytes: Bytes,
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
        Ok(Delivery::with_settings(Settings::new(config)?))
    }

    fn with_settings(settings: Settings) -> Delivery {
        let inner = Inner {
            settings,
            tally: Tally::default(),
            network: Network::default(),
            queue: Mutex::default(),
            finished: AtomicBool::new(false),
        };
        Delivery { inner: Arc::new(inner) }
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

    /// Takes one encoded `Export…ServiceRequest`. Never waits.
    pub fn accept(&self, signal: Signal, body: Bytes) {
        self.take(signal, body);
    }

    /// Counts items that were lost, or left out by a decision, before they became a body.
    pub fn drop_items(&self, signal: Signal, reason: Reason, items: u64) {
        self.inner.tally.lost_elsewhere(signal, reason, items);
    }

    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        self.inner.tally.snapshot()
    }

    /// Gets out what is there, at most until the deadline; delivery goes on afterwards.
    pub fn flush(&self, deadline: Instant) -> Counts {
        while Instant::now() < deadline {
            let Some(body) = self.inner.queue().pop_front() else { break };
            if let Some(body) = self.inner.send(body, deadline) {
                self.inner.queue().push_front(body);
                break;
            }
        }
        self.counts()
    }

    /// Gets out what is there on the calling thread, at most until the deadline, and ends delivery. Later bodies are
    /// dropped as `shutdown`. A second call returns the counts at once.
    pub fn finish(&self, deadline: Instant) -> Counts {
        self.inner.finished.store(true, Ordering::SeqCst);
        self.flush(deadline);
        for body in self.inner.queue().drain(..) {
            self.inner.tally.dropped(body.signal, Reason::Deadline, body.items);
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
        if too_large > 0 {
            inner.tally.dropped(signal, Reason::Limit, too_large);
        }
        if inner.finished.load(Ordering::SeqCst) {
            inner.tally.dropped(signal, Reason::Shutdown, items - too_large);
            return Accepted { items, kept: false };
        }
        let mut queue = inner.queue();
        for (bytes, items) in parts {
            queue.push_back(Body { signal, items, bytes });
        }
        Accepted { items, kept: true }
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

impl Inner {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Body>> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// One attempt; gives the body back when it is to be kept.
    fn send(&self, body: Body, deadline: Instant) -> Option<Body> {
        let Some(route) = self.settings.route(body.signal) else {
            self.tally.dropped(body.signal, Reason::NoSpool, body.items);
            return None;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let attempt = Attempt {
            route,
            signal: body.signal,
            body: body.bytes.clone(),
            encoding: Encoding::Identity,
            idempotency_key: "",
            limit: route.timeout.map_or(left, |timeout| timeout.min(left)),
        };
        match verdict::verdict(&self.network.send(&attempt), SystemTime::now()) {
            Verdict::Delivered { rejected } => {
                let rejected = rejected.min(body.items);
                self.tally.delivered(body.signal, body.items - rejected);
                self.tally.dropped(body.signal, Reason::Rejected, rejected);
                None
            }
            Verdict::Later { .. } => Some(body),
            Verdict::Misconfigured | Verdict::Refused => {
                self.tally.dropped(body.signal, Reason::Rejected, body.items);
                None
            }
        }
    }
}
