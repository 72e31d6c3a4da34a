//! Which span a record belongs to: the runtime's own current span, else that of the OpenTelemetry API.

use std::time::SystemTime;

use opentelemetry::{
    Context, Key, KeyValue, SpanId, TraceFlags, TraceId, Value, baggage::BaggageExt as _, logs::AnyValue, trace::Event,
};

use super::vocabulary::Words;
use crate::{
    collect::lane::{self, Note},
    record::current as recorder,
};

/// Ids of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanRef {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub flags: TraceFlags,
}

/// What a record takes from the span it is written in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Correlation {
    pub span: Option<SpanRef>,
    /// Kind of operation, from the nearest span whose name says one.
    pub operation: Option<&'static str>,
}

/// The current span of this thread: ours, or one of the OpenTelemetry API that is newer.
pub(crate) fn current(words: &Words) -> Correlation {
    let span = recorder::current_context().map(|ids| SpanRef {
        trace_id: ids.trace_id(),
        span_id: ids.span_id(),
        flags: ids.trace_flags(),
    });
    Correlation { span, operation: operation_of(words) }
}

/// Kind of the operation that is running on this thread.
pub(crate) fn operation_of(words: &Words) -> Option<&'static str> {
    recorder::current_name().and_then(|name| words.operation(name))
}

/// Puts an event on the current span, if it records.
pub(crate) fn add_event(name: &'static str, attributes: &[(Key, AnyValue)]) {
    recorder::add_event(name, pairs(attributes));
}

/// Puts an event on a span that is about to end, if it is recorded for export.
pub(crate) fn add_event_to(span: SpanRef, name: &'static str, time: SystemTime, attributes: &[(Key, AnyValue)]) {
    if span.flags.is_sampled() {
        let event = Event::new(name, time, pairs(attributes), 0);
        lane::send(u64::from_be_bytes(span.span_id.to_bytes()), Note::Event { ticks: 0, event });
    }
}

fn pairs(attributes: &[(Key, AnyValue)]) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::new(key.clone(), value_of(value))).collect()
}

/// The baggage that log records carry: what may cross processes, and nothing else.
pub(crate) fn baggage(wanted: &[(&'static str, &'static str)], mut put: impl FnMut(&'static str, String)) {
    Context::map_current(|context| {
        let baggage = context.baggage();
        if baggage.is_empty() {
            return;
        }
        for (member, key) in wanted {
            if let Some(value) = baggage.get(*member) {
                put(key, value.as_str().to_owned());
            }
        }
    });
}

fn value_of(value: &AnyValue) -> Value {
    match value {
        AnyValue::Int(int) => Value::I64(*int),
        AnyValue::Double(double) => Value::F64(*double),
        AnyValue::Boolean(flag) => Value::Bool(*flag),
        AnyValue::String(text) => Value::String(text.clone()),
        other => Value::String(format!("{other:?}").into()),
    }
}
