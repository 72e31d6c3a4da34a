//! Stories about delivery as a whole; the parts have their own tests beside them.

mod disk;
mod network;
mod outage;
mod simulated;
mod spooled;
mod stock;
#[cfg(feature = "tls")]
mod tls;

use super::{Delivery, settings::*};
use crate::config::{Compression, Durability, Protocol, Role, Signal};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use std::time::{Duration, Instant};

/// Settings for a command that sends everything to one base URL and has no spool.
pub(crate) fn settings(url: &str, protocol: Protocol) -> Settings {
    let route = |signal: Signal| {
        let url = match protocol {
            Protocol::HttpProtobuf => format!("{url}/v1/{}", signal.as_str()),
            Protocol::Grpc => url.to_owned(),
        };
        Some(Route {
            url,
            protocol,
            headers: Vec::new(),
            timeout: None,
            compression: Compression::None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            destination: 0,
        })
    };
    Settings {
        app: "acme".to_owned(),
        role: Role::Cli,
        routes: Signal::ALL.map(route),
        destinations: vec!["0123456789abcdef".to_owned()],
        spool_root: None,
        durability: Durability::Process,
        max_bytes: 64 << 20,
        max_age: Duration::from_secs(72 * 3600),
        // However full the disk of the machine is.
        keep_free: Some(0),
        detached: false,
        exit_flush: Duration::from_secs(60),
        verbose: false,
        resource: vec![("service.name".to_owned(), "acme".to_owned())],
    }
}

/// A body of spans with these ids.
pub(crate) fn spans(ids: impl IntoIterator<Item = u64>) -> Bytes {
    let spans = ids.into_iter().map(|id| Span {
        trace_id: u128::from(id + 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: format!("span {id}"),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// A body of so many data points.
pub(crate) fn points(count: usize) -> Bytes {
    let gauge = Gauge { data_points: vec![NumberDataPoint::default(); count] };
    let metrics = vec![Metric { name: "gauge".to_owned(), data: Some(Data::Gauge(gauge)), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

/// A body of so many log records.
pub(crate) fn records(count: usize) -> Bytes {
    let scope_logs = vec![ScopeLogs { log_records: vec![LogRecord::default(); count], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

pub(crate) fn within(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

pub(crate) fn delivery(settings: Settings) -> Delivery {
    Delivery::with(settings, Box::<crate::deliver::send::Network>::default())
}

/// As `settings`, with a spool in this directory; sends nothing by itself.
pub(crate) fn spooling(url: &str, protocol: Protocol, dir: &std::path::Path) -> Settings {
    Settings { spool_root: Some(dir.join("spool")), exit_flush: Duration::ZERO, ..settings(url, protocol) }
}

/// Private, as the state directory of a user is.
pub(crate) fn private_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary directory")
}

/// The spool's own folder below `dir`.
pub(crate) fn folder(dir: &std::path::Path) -> std::path::PathBuf {
    dir.join("spool/0123456789abcdef")
}

/// Files in the folder with this ending, sorted.
pub(crate) fn files(dir: &std::path::Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(dir)).map(|dir| dir.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut names: Vec<String> =
        entries.into_iter().filter_map(|e| e.file_name().into_string().ok()).filter(|n| n.ends_with(ending)).collect();
    names.sort();
    names
}

/// Drains the spool once with the lock, as a later process would. A sender that nobody waited for may hold it for a moment.
pub(crate) fn drain_once(settings: &Settings) -> (crate::deliver::drain::Ended, crate::deliver::Counts) {
    let inner = crate::deliver::inner::Inner::new(settings.clone(), Box::<crate::deliver::send::Network>::default());
    let destination = inner.destination(0).expect("usable spool");
    let end = within(10_000);
    let _lock = loop {
        match destination.spool.drain_lock() {
            Some(lock) => break lock,
            None => assert!(Instant::now() < end, "somebody else drains"),
        }
        std::thread::yield_now();
    };
    let ended = inner.pass(destination, within(10_000), None);
    (ended, inner.tally.snapshot())
}

/// Ids of the accepted spans, sorted.
pub(crate) fn ids(receiver: &otlp_test_support::Receiver) -> Vec<u64> {
    let id = |id: &[u8]| u64::from_be_bytes(id.try_into().expect("eight bytes")) - 1;
    let mut ids: Vec<u64> = receiver.spans().iter().map(|span| id(&span.span_id)).collect();
    ids.sort_unstable();
    ids
}
