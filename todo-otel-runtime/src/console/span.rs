//! A finished span as the renderers see it: plain text and numbers, whether it comes from the collector or from disk.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::trace::SpanData;

/// A finished span.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub trace_id: u128,
    pub span_id: u64,
    /// 0 = none.
    pub parent_id: u64,
    pub parent_is_remote: bool,
    pub name: String,
    /// `internal`, `client`, `server`, `producer` or `consumer`.
    pub kind: String,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970, never before the start.
    pub end_ns: u64,
    /// The status is Error; the text is `error.type`, else the description.
    pub error: Option<String>,
    pub attributes: Vec<(String, String)>,
    pub events: Vec<Event>,
    /// Trace and span of each.
    pub links: Vec<(u128, u64)>,
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub name: String,
    /// Nanoseconds since 1970.
    pub at_ns: u64,
    pub attributes: Vec<(String, String)>,
}

impl Span {
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_ns.saturating_sub(self.start_ns))
    }
}

impl From<&SpanData> for Span {
    fn from(data: &SpanData) -> Self {
        let attributes = pairs(&data.attributes);
        let start_ns = nanos(data.start_time);
        let error = match &data.status {
            Status::Error { description } => Some(
                attributes
                    .iter()
                    .find(|(key, _)| key == "error.type")
                    .map_or_else(|| description.clone().into_owned(), |(_, class)| class.clone()),
            ),
            _ => None,
        };
        Span {
            trace_id: u128::from_be_bytes(data.span_context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(data.span_context.span_id().to_bytes()),
            parent_id: u64::from_be_bytes(data.parent_span_id.to_bytes()),
            parent_is_remote: data.parent_span_is_remote,
            name: data.name.clone().into_owned(),
            kind: kind(&data.span_kind).to_owned(),
            start_ns,
            end_ns: nanos(data.end_time).max(start_ns),
            error,
            attributes,
            events: data
                .events
                .events
                .iter()
                .map(|event| Event {
                    name: event.name.clone().into_owned(),
                    at_ns: nanos(event.timestamp),
                    attributes: pairs(&event.attributes),
                })
                .collect(),
            links: data
                .links
                .links
                .iter()
                .map(|link| {
                    let ids = &link.span_context;
                    (u128::from_be_bytes(ids.trace_id().to_bytes()), u64::from_be_bytes(ids.span_id().to_bytes()))
                })
                .collect(),
        }
    }
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(|pair| (pair.key.to_string(), pair.value.as_str().into_owned())).collect()
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().min(u128::from(u64::MAX)) as u64
}

/// `1.85 s`, `12.3 ms`, `840 µs`: three figures, the unit that fits.
pub(crate) fn duration_text(duration: Duration) -> String {
    let ns = duration.as_nanos() as f64;
    let (value, unit) = match ns {
        ..1e3 => return format!("{ns} ns"),
        ..999.5e3 => (ns / 1e3, "µs"),
        ..999.5e6 => (ns / 1e6, "ms"),
        ..1e12 => (ns / 1e9, "s"),
        _ => return format!("{} min", duration.as_secs() / 60),
    };
    match value {
        ..9.995 => format!("{value:.2} {unit}"),
        ..99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_340, "12.3 µs"),
            (999_600, "1.00 ms"),
            (840_000, "840 µs"),
            (1_847_000_000, "1.85 s"),
            (61_000_000_000, "61.0 s"),
            (3_600_000_000_000, "60 min"),
        ] {
            assert_eq!(duration_text(Duration::from_nanos(ns)), text);
        }
    }
}
