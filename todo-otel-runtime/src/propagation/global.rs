//! The OpenTelemetry global propagator, for third-party code. It trusts its caller with the host, as the API has none.

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::TraceContextExt,
};
use std::sync::LazyLock;

use super::{Baggage, RemoteContext, settings, w3c};
use crate::record::otel::innermost;

static FIELDS: LazyLock<[String; 3]> = LazyLock::new(|| ["traceparent", "tracestate", "baggage"].map(str::to_owned));

#[derive(Debug)]
pub(super) struct Propagator;

impl TextMapPropagator for Propagator {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let settings = settings();
        let current = RemoteContext::current();
        if let Some(span) = innermost(context).filter(|_| settings.trace_context) {
            if let Some(header) = w3c::traceparent(&span) {
                injector.set("traceparent", header);
            }
            if let Some(header) = w3c::tracestate(&span) {
                injector.set("tracestate", header);
            }
        }
        if settings.baggage {
            let given = context.baggage().iter().map(|(key, (value, _))| (key.to_string(), value.to_string()));
            let ours = current.map(|c| c.baggage().clone()).unwrap_or_default();
            let ours = ours.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>();
            if let Some(header) = Baggage::default().with(given).with(ours).header(&settings.allowed) {
                injector.set("baggage", header);
            }
        }
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        let settings = settings();
        let mut context = context.clone();
        let parents = extractor.get_all("traceparent").unwrap_or_default();
        if let Some(parent) = parents.first()
            && settings.trace_context
            && parents.iter().all(|other| other == parent)
            && let Some(span) = w3c::parse(parent, joined(extractor, "tracestate").as_deref())
        {
            context = context.with_remote_span_context(span);
        }
        if let Some(header) = joined(extractor, "baggage").filter(|_| settings.baggage) {
            let baggage = Baggage::parse(&header, &settings.allowed);
            let pairs: Vec<opentelemetry::KeyValue> = baggage
                .iter()
                .map(|(key, value)| opentelemetry::KeyValue::new(key.to_owned(), value.to_owned()))
                .collect();
            if !pairs.is_empty() {
                context = context.with_baggage(pairs);
            }
        }
        context
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(FIELDS.as_slice())
    }
}

fn joined(extractor: &dyn Extractor, name: &str) -> Option<String> {
    let values = extractor.get_all(name)?;
    (!values.is_empty()).then(|| values.join(","))
}
