//! The OpenTelemetry API on top of the recorder: a tracer provider whose spans are children of ours, and ours of theirs.
//!
//! These spans cost what API spans cost: they allocate, and they go to the collector by the lane. While one is alive every
//! call site looks into `Context`.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    logs::LogRecord as _,
    trace::{Event, Link, SpanBuilder, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogProcessor, SdkLogRecord},
    trace::{SpanData, SpanEvents, SpanLinks},
};

use super::{
    clock, current, local,
    local::Local,
    meta::{Kind, Meta},
    root::{self, InContext, RANDOM_FLAG},
    sampling, shortcut,
    span::{RECORDED, SpanState},
};
use crate::collect::lane::{self, Foreign};

/// Spans are recorded.
static ON: AtomicBool = AtomicBool::new(false);

/// Switches the provider; the first time makes it the global one.
pub(crate) fn switch(on: bool) {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    ON.store(on, Ordering::Relaxed);
    if on && !INSTALLED.swap(true, Ordering::Relaxed) {
        opentelemetry::global::set_tracer_provider(TracerProvider);
    }
}

/// The recorder as an OpenTelemetry tracer provider; `init` makes it the global one.
#[derive(Clone, Copy, Debug)]
pub struct TracerProvider;

impl opentelemetry::trace::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        Tracer { scope }
    }
}

/// Makes spans that are children of the current one, ours or the API's, whichever is newer.
#[derive(Clone, Debug)]
pub struct Tracer {
    scope: InstrumentationScope,
}

/// Who the new span is below of.
struct Above {
    span: SpanContext,
    recording: bool,
    tag: u16,
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> Span {
        let given = InContext::of(parent);
        if !ON.load(Ordering::Relaxed) || parent.is_telemetry_suppressed() {
            let same = given.map_or(SpanContext::NONE, |known| known.span);
            return Span { context: same, open: None };
        }
        local::with(|local| {
            let above = above(local, given);
            self.begin(local, builder, above)
        })
    }
}

/// Our current span, unless the given context has one that is newer or was chosen by hand.
fn above(local: &Local, given: Option<InContext>) -> Option<Above> {
    let ours = current::with_current(|state: &SpanState| Above {
        span: root::span_context(state, false),
        recording: state.has(RECORDED),
        tag: state.tag(),
    });
    let theirs = |known: InContext| Above { span: known.span, recording: known.recording, tag: local.tag.get() };
    match (ours, given) {
        (Some(ours), Some(known)) => {
            let in_place = root::context_span(local).is_some_and(|current| current.id() == known.id());
            let older = in_place && known.id() == local.outer.get();
            Some(if older { ours } else { Above { tag: ours.tag, ..theirs(known) } })
        }
        (Some(ours), None) => Some(ours),
        (None, given) => given.map(theirs),
    }
}

/// The innermost span, when `context` is what somebody wants to hand on.
pub(crate) fn innermost(context: &Context) -> Option<SpanContext> {
    local::with(|local| above(local, InContext::of(context)).map(|above| above.span))
}

impl Tracer {
    fn begin(&self, local: &Local, builder: SpanBuilder, above: Option<Above>) -> Span {
        let meta = Meta { kind: kind(builder.span_kind.as_ref()), ..Meta::DEFAULT };
        let id = local.ids.span();
        let (trace, parent) = match &above {
            Some(above) => (u128::from_be_bytes(above.span.trace_id().to_bytes()), above.span.span_id()),
            None => {
                let (high, low) = local.ids.trace();
                (u128::from(high) << 64 | u128::from(low), SpanId::INVALID)
            }
        };
        let halves = ((trace >> 64) as u64, trace as u64);
        let is_local_root = above.as_ref().is_none_or(|above| above.span.is_remote());
        let mut attributes = builder.attributes.unwrap_or_default();
        let inherited = above.as_ref().map_or(TraceState::NONE, |above| above.span.trace_state().clone());
        let (record, sample, trace_state) = match &above {
            Some(above) if !above.span.is_remote() => (above.recording, above.span.is_sampled(), inherited),
            above => {
                let remote = above.as_ref().map(|above| &above.span);
                let decision = sampling::decide(&meta, &builder.name, halves, remote);
                attributes.extend(decision.attributes);
                (decision.record, decision.sample, decision.trace_state.unwrap_or(inherited))
            }
        };
        let random = above.as_ref().is_none_or(|above| above.span.trace_flags() & RANDOM_FLAG == RANDOM_FLAG);
        let mut flags = if sample { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        if random {
            flags = flags | RANDOM_FLAG;
        }
        let context = SpanContext::new(TraceId::from(trace), SpanId::from(id), flags, false, trace_state);
        shortcut::foreign_span_started();
        let ticks = if builder.start_time.is_none() { clock::now() } else { 0 };
        let tag = above.as_ref().map_or(local.tag.get(), |above| above.tag);
        let mut events = SpanEvents::default();
        events.events = builder.events.unwrap_or_default();
        let mut links = SpanLinks::default();
        links.links = builder.links.unwrap_or_default();
        let open = Open {
            ended: false,
            foreign: record.then(|| {
                Box::new(Foreign {
                    data: SpanData {
                        span_context: context.clone(),
                        parent_span_id: parent,
                        parent_span_is_remote: above.as_ref().is_some_and(|above| above.span.is_remote()),
                        span_kind: builder.span_kind.unwrap_or(SpanKind::Internal),
                        name: builder.name,
                        start_time: builder.start_time.unwrap_or(SystemTime::UNIX_EPOCH),
                        end_time: SystemTime::UNIX_EPOCH,
                        attributes,
                        dropped_attributes_count: 0,
                        events,
                        links,
                        status: Status::Unset,
                        instrumentation_scope: self.scope.clone(),
                    },
                    start_ticks: ticks,
                    end_ticks: 0,
                    is_local_root,
                    tag,
                })
            }),
        };
        Span { context, open: Some(open) }
    }
}

fn kind(kind: Option<&SpanKind>) -> Kind {
    match kind {
        Some(SpanKind::Client) => Kind::Client,
        Some(SpanKind::Server) => Kind::Server,
        Some(SpanKind::Producer) => Kind::Producer,
        Some(SpanKind::Consumer) => Kind::Consumer,
        _ => Kind::Internal,
    }
}

/// A span made through the OpenTelemetry API.
#[derive(Debug)]
pub struct Span {
    context: SpanContext,
    /// `None`: telemetry was off.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    ended: bool,
    /// `None`: not recorded.
    foreign: Option<Box<Foreign>>,
}

impl Span {
    fn data(&mut self) -> Option<&mut SpanData> {
        let open = self.open.as_mut()?;
        open.foreign.as_mut().map(|foreign| &mut foreign.data)
    }

    fn end_at(&mut self, time: Option<SystemTime>) {
        let Some(open) = &mut self.open else { return };
        open.ended = true;
        let Some(mut foreign) = open.foreign.take() else { return };
        match time {
            Some(time) => foreign.data.end_time = time,
            None => foreign.end_ticks = clock::now(),
        }
        lane::send_span(*foreign);
    }
}

impl opentelemetry::trace::Span for Span {
    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(data) = self.data() {
            data.events.events.push(Event::new(name, timestamp, attributes, 0));
        }
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.foreign.is_some())
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(data) = self.data() {
            data.attributes.push(attribute);
        }
    }

    fn set_status(&mut self, status: Status) {
        // The order that the specification gives them: an error is not taken back, but by `Ok`.
        if let Some(data) = self.data()
            && status > data.status
        {
            data.status = status;
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(data) = self.data() {
            data.name = new_name.into();
        }
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if span_context.is_valid()
            && let Some(data) = self.data()
        {
            data.links.links.push(Link::new(span_context, attributes, 0));
        }
    }

    fn end(&mut self) {
        self.end_at(None);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.end_at(Some(timestamp));
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            let ended = open.ended;
            if !ended {
                self.end_at(None);
            }
            shortcut::foreign_span_ended();
        }
    }
}

/// Stamps log records with the current span. Put it in front of the other processors of an SDK logger provider, which by
/// itself only knows the spans in `Context`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCorrelation;

impl LogProcessor for LogCorrelation {
    fn emit(&self, record: &mut SdkLogRecord, _scope: &InstrumentationScope) {
        if let Some(span) = current::current_context() {
            record.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}
