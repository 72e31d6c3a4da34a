//! Which span a record belongs to: the runtime's own current span, else that of the OpenTelemetry API.

use opentelemetry::{
    Context, Key, KeyValue, SpanId, TraceFlags, TraceId, Value, logs::AnyValue, trace::TraceContextExt,
};

use super::vocabulary::Words;

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

/// The current span of this thread.
pub(crate) fn current(_words: &Words) -> Correlation {
    let span = Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| SpanRef { trace_id: ids.trace_id(), span_id: ids.span_id(), flags: ids.trace_flags() })
    });
    Correlation { span, operation: None }
}

/// Kind of the operation that is running on this thread.
pub(crate) fn operation_of(words: &Words) -> Option<&'static str> {
    current(words).operation
}

/// Puts an event on the current span, if it records.
pub(crate) fn add_event(name: &'static str, attributes: &[(Key, AnyValue)]) {
    let attributes = attributes.iter().map(|(key, value)| KeyValue::new(key.clone(), value_of(value))).collect();
    Context::map_current(|context| context.span().add_event(name, attributes));
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
