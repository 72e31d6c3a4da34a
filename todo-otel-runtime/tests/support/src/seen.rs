//! Everything that was received, and views over it.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs},
    metrics::v1::{Metric, ResourceMetrics},
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use std::time::{Instant, SystemTime};

/// Which of the three services was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Transport {
    Http,
    Grpc,
}

/// A body after decoding.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Decoded {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
    /// Not a message of its service: answered with 400 and never shown in the views.
    Broken(String),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Monotonic time at which its body was complete.
    pub at: Instant,
    /// Wall time of the same moment.
    pub wall: SystemTime,
    /// Service called.
    pub signal: Signal,
    /// How it came.
    pub transport: Transport,
    /// Path of the request.
    pub path: String,
    /// Names in lower case, in order; values lossily decoded.
    pub headers: Vec<(String, String)>,
    /// As it came over the wire (gRPC: without the five bytes of framing).
    pub wire: Bytes,
    /// Uncompressed.
    pub body: Bytes,
    /// Decoded.
    pub decoded: Decoded,
    /// HTTP status of the answer.
    pub status: u16,
    /// The answer was a success, so its items count as received.
    pub accepted: bool,
}

impl Received {
    /// First value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Spans, data points or log records in the body.
    pub fn items(&self) -> usize {
        match &self.decoded {
            Decoded::Traces(r) => r.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum(),
            Decoded::Metrics(r) => {
                r.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics).map(points).sum()
            }
            Decoded::Logs(r) => r.resource_logs.iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len()).sum(),
            Decoded::Broken(_) => 0,
        }
    }
}

fn points(metric: &Metric) -> usize {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    match &metric.data {
        Some(Data::Gauge(d)) => d.data_points.len(),
        Some(Data::Sum(d)) => d.data_points.len(),
        Some(Data::Histogram(d)) => d.data_points.len(),
        Some(Data::ExponentialHistogram(d)) => d.data_points.len(),
        Some(Data::Summary(d)) => d.data_points.len(),
        None => 0,
    }
}

impl Decoded {
    pub(crate) fn parse(signal: Signal, body: &[u8]) -> Decoded {
        let decoded = match signal {
            Signal::Traces => ExportTraceServiceRequest::decode(body).map(Decoded::Traces),
            Signal::Metrics => ExportMetricsServiceRequest::decode(body).map(Decoded::Metrics),
            Signal::Logs => ExportLogsServiceRequest::decode(body).map(Decoded::Logs),
        };
        decoded.unwrap_or_else(|error| Decoded::Broken(error.to_string()))
    }
}

/// Everything so far, in order of arrival. The views show what was accepted.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All requests, refused ones too.
    pub requests: Vec<Received>,
}

impl Seen {
    fn accepted(&self) -> impl Iterator<Item = &Decoded> {
        self.requests.iter().filter(|r| r.accepted).map(|r| &r.decoded)
    }

    /// Accepted spans with their resources and scopes.
    pub fn traces(&self) -> Vec<ResourceSpans> {
        self.accepted()
            .filter_map(|d| if let Decoded::Traces(r) = d { Some(&r.resource_spans) } else { None })
            .flatten()
            .cloned()
            .collect()
    }

    /// Accepted metrics with their resources and scopes.
    pub fn metrics(&self) -> Vec<ResourceMetrics> {
        self.accepted()
            .filter_map(|d| if let Decoded::Metrics(r) = d { Some(&r.resource_metrics) } else { None })
            .flatten()
            .cloned()
            .collect()
    }

    /// Accepted log records with their resources and scopes.
    pub fn logs(&self) -> Vec<ResourceLogs> {
        self.accepted()
            .filter_map(|d| if let Decoded::Logs(r) = d { Some(&r.resource_logs) } else { None })
            .flatten()
            .cloned()
            .collect()
    }

    /// Accepted spans alone.
    pub fn spans(&self) -> Vec<Span> {
        self.traces().into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans).collect()
    }

    /// The first accepted span of a name.
    pub fn span(&self, name: &str) -> Option<Span> {
        self.spans().into_iter().find(|s| s.name == name)
    }

    /// Accepted log records alone.
    pub fn log_records(&self) -> Vec<LogRecord> {
        self.logs().into_iter().flat_map(|r| r.scope_logs).flat_map(|s| s.log_records).collect()
    }

    /// Accepted metrics of a name, one per export.
    pub fn metric(&self, name: &str) -> Vec<Metric> {
        let all = self.metrics().into_iter().flat_map(|r| r.scope_metrics).flat_map(|s| s.metrics);
        all.filter(|m| m.name == name).collect()
    }

    /// Requests of one signal, refused ones too.
    pub fn of(&self, signal: Signal) -> Vec<&Received> {
        self.requests.iter().filter(|r| r.signal == signal).collect()
    }
}

/// Value of an attribute as text: strings as they are, numbers and booleans printed, lists joined by commas.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    attributes.iter().find(|a| a.key == key).and_then(|a| a.value.as_ref()).map(text)
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(any_value::Value::StringValue(v)) => v.clone(),
        Some(any_value::Value::BoolValue(v)) => v.to_string(),
        Some(any_value::Value::IntValue(v)) => v.to_string(),
        Some(any_value::Value::DoubleValue(v)) => v.to_string(),
        Some(any_value::Value::ArrayValue(v)) => v.values.iter().map(text).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

/// Bytes of an id as lower-case hex digits.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}
