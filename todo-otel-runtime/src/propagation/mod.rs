//! What crosses process boundaries: W3C trace context and allow-listed baggage, in headers, in the environment of child
//! processes and in the rows of jobs. Incoming values are validated strictly; outgoing ones go only to allowed hosts.
//!
//! Which span is current is not here.

mod baggage;
mod carrier;
mod global;
mod w3c;

use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::trace::{SpanContext, TraceContextExt};

pub use self::{
    baggage::Baggage,
    carrier::{JobCarrier, extract_headers, inject_command, inject_headers},
};
use crate::Config;

/// A context of another process or task: ids, flags, `tracestate`, baggage.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteContext {
    span: SpanContext,
    baggage: Baggage,
}

impl RemoteContext {
    /// The context in these texts, or `None` when `traceparent` is invalid. Invalid `tracestate` and baggage are dropped.
    pub fn parse(traceparent: &str, tracestate: Option<&str>, baggage: Option<&str>) -> Option<Self> {
        let span = w3c::parse(traceparent, tracestate)?;
        let baggage = baggage.map(|header| Baggage::parse(header, &settings().allowed)).unwrap_or_default();
        Some(Self { span, baggage })
    }

    /// The context of the span that is current on this thread, if there is one.
    pub fn current() -> Option<Self> {
        let span = opentelemetry::Context::map_current(|context| context.span().span_context().clone());
        span.is_valid().then(|| Self { span, baggage: Baggage::default() })
    }

    /// The `traceparent` header.
    pub fn traceparent(&self) -> Option<String> {
        w3c::traceparent(&self.span)
    }

    /// The `tracestate` header, if there is something in it.
    pub fn tracestate(&self) -> Option<String> {
        w3c::tracestate(&self.span)
    }

    /// Allow-listed baggage.
    pub fn baggage(&self) -> &Baggage {
        &self.baggage
    }

    /// Ids, flags and `tracestate` as OpenTelemetry has them.
    pub fn span_context(&self) -> &SpanContext {
        &self.span
    }
}

/// The context that the starter of this process left in its environment, if it is valid and telemetry has started.
pub fn incoming() -> Option<RemoteContext> {
    settings().incoming.clone()
}

#[derive(Clone, Debug, Default)]
struct Settings {
    trace_context: bool,
    baggage: bool,
    /// Keys of baggage that are kept and sent.
    allowed: Vec<String>,
    /// Hosts beside loopback that get headers.
    hosts: Vec<String>,
    incoming: Option<RemoteContext>,
    /// Child processes are told to keep telemetry off.
    children_off: bool,
}

static SETTINGS: RwLock<Option<Arc<Settings>>> = RwLock::new(None);

/// Without `init` nothing is written; texts are still read.
fn settings() -> Arc<Settings> {
    SETTINGS.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Puts the settings and the OpenTelemetry global propagator in place; also when telemetry is off.
pub(crate) fn install(config: &Config) {
    let settings = Settings::new(config);
    *SETTINGS.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(settings));
    opentelemetry::global::set_text_map_propagator(global::Propagator);
}

impl Settings {
    fn new(config: &Config) -> Self {
        let propagation = &config.propagation;
        let allowed =
            vec!["session.id".to_owned(), "enduser.pseudo.id".to_owned(), format!("{}.operation", config.app)];
        let incoming = propagation.incoming.traceparent.as_deref().filter(|_| propagation.trace_context);
        let incoming = incoming.and_then(|parent| w3c::parse(parent, propagation.incoming.tracestate.as_deref()));
        let baggage = propagation.incoming.baggage.as_deref().filter(|_| propagation.baggage);
        let baggage = baggage.map(|header| Baggage::parse(header, &allowed)).unwrap_or_default();
        Self {
            trace_context: propagation.trace_context,
            baggage: propagation.baggage,
            allowed,
            hosts: propagation.propagate_to.iter().map(|host| host.to_ascii_lowercase()).collect(),
            incoming: incoming.map(|span| RemoteContext { span, baggage }),
            children_off: !config.enabled,
        }
    }
}
