//! What crosses process boundaries: W3C trace context and allow-listed baggage, in headers, in the environment of child
//! processes and in the rows of jobs. Incoming values are validated strictly; outgoing ones go only to allowed hosts.
//!
//! Which span is current is not here.

mod baggage;
mod carrier;
mod global;
mod w3c;

use std::{
    cell::RefCell,
    sync::{Arc, PoisonError, RwLock},
};

use opentelemetry::{
    Context, ContextGuard, KeyValue,
    baggage::BaggageExt,
    trace::{Link, SpanContext, TraceContextExt},
};

pub use self::{
    baggage::Baggage,
    carrier::{JobCarrier, extract_headers, inject_command, inject_headers},
};
use crate::{
    Config,
    record::{
        current::current_context,
        root::{LinkSource, ParentSource},
    },
};

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

    /// The context of the span that is current on this thread, if there is one, with the allow-listed baggage.
    pub fn current() -> Option<Self> {
        let span = current_context()?;
        let allowed = &settings().allowed;
        let pairs = Context::map_current(|context| {
            let pairs = context.baggage().iter().map(|(key, (value, _))| (key.to_string(), value.to_string()));
            pairs.filter(|(key, _)| allowed.contains(key)).collect::<Vec<_>>()
        });
        Some(Self { span, baggage: Baggage::default().with(pairs) })
    }

    /// The `traceparent` header.
    pub fn traceparent(&self) -> Option<String> {
        w3c::traceparent(&self.span)
    }

    /// The `tracestate` header, if there is something in it.
    pub fn tracestate(&self) -> Option<String> {
        w3c::tracestate(&self.span)
    }

    /// True when the trace is recorded by whoever began it.
    pub fn is_sampled(&self) -> bool {
        self.span.is_sampled()
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

impl ParentSource for RemoteContext {
    fn parent(&self) -> Option<SpanContext> {
        Some(self.span.clone())
    }
}

impl LinkSource for RemoteContext {
    fn links(&self, to: &mut Vec<Link>) {
        self.span.links(to);
    }
}

thread_local! {
    /// The starter's context while it is the parent of what this thread begins.
    static ADOPTED: RefCell<Option<ContextGuard>> = const { RefCell::new(None) };
}

/// Makes the starter's context the parent of the roots of this thread, the main thread of a command, and `own` its
/// baggage; of a key that came in, the incoming value stays.
pub(crate) fn adopt_incoming(own: Vec<(String, String)>) {
    let incoming = incoming();
    let baggage = incoming.as_ref().map(|incoming| incoming.baggage.clone()).unwrap_or_default().with(own);
    if incoming.is_none() && baggage.is_empty() {
        return;
    }
    let pairs = baggage.iter().map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let mut context = Context::current().with_baggage(pairs);
    if let Some(incoming) = incoming {
        context = context.with_remote_span_context(incoming.span);
    }
    let guard = context.attach();
    let _ = ADOPTED.try_with(|adopted| adopted.replace(Some(guard)));
}

/// The baggage in the current context that spans carry as attributes.
pub(crate) fn baggage_attributes() -> Vec<KeyValue> {
    const COPIED: [&str; 2] = ["session.id", "enduser.pseudo.id"];
    Context::map_current(|context| {
        let baggage = context.baggage();
        let value = |key: &'static str| baggage.get(key).map(|value| KeyValue::new(key, value.clone()));
        if baggage.is_empty() { Vec::new() } else { COPIED.into_iter().filter_map(value).collect() }
    })
}

/// Undoes [`adopt_incoming`] when called on the same thread.
pub(crate) fn release_incoming() {
    let _ = ADOPTED.try_with(|adopted| adopted.try_borrow_mut().map(|mut guard| guard.take()));
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
