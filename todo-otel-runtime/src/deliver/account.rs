//! Losses told to the receiver: every tombstone leaves as one log record, encoded here because the process that lost
//! something may be long gone.

use super::{counts::Reason, settings::hash, spool::Name};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message;

/// Name of the event.
const EVENT: &str = "telemetry.dropped";

/// A body with one record per tombstone. A repeat carries the same `log.record.uid`.
pub(crate) fn records(app: &str, resource: &[(String, String)], tombstones: &[(Name, Reason)]) -> Bytes {
    let record = |(name, reason): &(Name, Reason)| LogRecord {
        time_unix_nano: name.ms.saturating_mul(1_000_000),
        observed_time_unix_nano: super::clock::wall_ms().saturating_mul(1_000_000),
        severity_number: SeverityNumber::Warn as i32,
        severity_text: "WARN".to_owned(),
        event_name: EVENT.to_owned(),
        body: Some(text(&format!("{} {} dropped: {}", name.items, name.signal.as_str(), reason.as_str()))),
        attributes: vec![
            attribute(&format!("{app}.telemetry.signal"), text(name.signal.as_str())),
            attribute(&format!("{app}.telemetry.reason"), text(reason.as_str())),
            attribute(
                &format!("{app}.telemetry.items"),
                AnyValue { value: Some(Value::IntValue(i64::try_from(name.items).unwrap_or(i64::MAX))) },
            ),
            attribute("event.name", text(EVENT)),
            attribute("log.record.uid", text(&format!("{:016x}", hash(name.tombstone(*reason).as_bytes())))),
        ],
        ..LogRecord::default()
    };
    let attributes = resource.iter().map(|(key, value)| attribute(key, text(value))).collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_logs: vec![ScopeLogs {
                scope: Some(InstrumentationScope {
                    name: env!("CARGO_PKG_NAME").to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ..InstrumentationScope::default()
                }),
                log_records: tombstones.iter().map(record).collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
    .encode_to_vec()
    .into()
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
