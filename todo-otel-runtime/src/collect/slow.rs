//! The watchdog's word: a call is still running that should have ended.

use opentelemetry::{SpanId, TraceFlags, TraceId, logs::Severity};

use crate::{
    logs::{self, Location, Record, Span, SpanRef},
    record::meta::Meta,
};

/// One record for a call that takes too long.
pub(crate) fn report(meta: &'static Meta, trace: u128, span: u64, running_ns: u64) {
    let span = SpanRef { trace_id: TraceId::from(trace), span_id: SpanId::from(span), flags: TraceFlags::SAMPLED };
    let record = Record::new(Severity::Warn, meta.module, format!("{} is still running", meta.name))
        .attribute("running_ns", running_ns as i64)
        .span(Span::Of(span))
        .at(Location { function: meta.function, file: meta.file, line: meta.line });
    logs::emit(record);
}
