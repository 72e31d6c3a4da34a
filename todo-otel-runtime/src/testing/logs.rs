//! Log records of a capture.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::{
    Resource,
    logs::{LogBatch, SdkLogRecord},
    trace::SpanData,
};

use crate::logs::{Export, escape};

/// A log record, as it would have been exported.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CapturedLog {
    /// `TRACE` to `FATAL`.
    pub level: String,
    /// Module, or what the event says.
    pub target: String,
    /// Of real events.
    pub event_name: Option<String>,
    /// The message.
    pub message: String,
    /// Attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Trace id in hex.
    pub trace_id: Option<String>,
    /// Span id in hex.
    pub span_id: Option<String>,
}

/// Keeps what is exported.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(pub Arc<Mutex<Vec<CapturedLog>>>);

impl Export for Kept {
    fn export(&self, batch: LogBatch<'_>, _: Option<Instant>) -> Result<(), bool> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(batch.iter().map(|(record, _)| CapturedLog::of(record)));
        Ok(())
    }

    fn shutdown(&self, _: Duration) {}

    fn set_resource(&mut self, _: &Resource) {}
}

impl CapturedLog {
    fn of(record: &SdkLogRecord) -> Self {
        let ids = record.trace_context();
        CapturedLog {
            level: record.severity_text().unwrap_or_default().to_owned(),
            target: record.target().map(|target| target.clone().into_owned()).unwrap_or_default(),
            event_name: record.event_name().map(str::to_owned),
            message: record.body().map(value).unwrap_or_default(),
            attributes: record.attributes_iter().map(|(key, any)| (key.to_string(), value(any))).collect(),
            trace_id: ids.map(|ids| ids.trace_id.to_string()),
            span_id: ids.map(|ids| ids.span_id.to_string()),
        }
    }
}

fn value(any: &AnyValue) -> String {
    match any {
        AnyValue::Int(int) => int.to_string(),
        AnyValue::Double(double) => double.to_string(),
        AnyValue::Boolean(flag) => flag.to_string(),
        AnyValue::String(text) => text.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

/// One line per record; spans by name.
pub(super) fn text(logs: &[CapturedLog], spans: &[SpanData]) -> String {
    let mut out = String::new();
    for log in logs {
        let _ = write!(out, "{} {}", log.level, escape::line(&log.message));
        let pairs: Vec<String> = log
            .event_name
            .iter()
            .map(|name| format!("event={}", escape::line(name)))
            .chain(
                log.attributes
                    .iter()
                    .filter(|(key, _)| is_stable(key))
                    .map(|(key, value)| format!("{}={}", escape::line(key), escape::line(value))),
            )
            .collect();
        if !pairs.is_empty() {
            let _ = write!(out, " {{{}}}", pairs.join(", "));
        }
        if let Some(id) = &log.span_id {
            let name = spans.iter().find(|span| span.span_context.span_id().to_string() == *id);
            let _ = write!(out, " [{}]", name.map_or("?".into(), |span| escape::line(&span.name)));
        }
        out.push('\n');
    }
    out
}

/// Not from the place in the file, the run or the machine, and not shown already.
fn is_stable(key: &str) -> bool {
    !key.starts_with("code.") && key != "event.name" && key != "log.record.uid" && !key.ends_with(".user_context")
}
