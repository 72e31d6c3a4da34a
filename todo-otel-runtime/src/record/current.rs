//! The current span: who it is, what may be added to it, and how to take it along to another thread or task.
//!
//! The bridge to the OpenTelemetry API's own spans is `otel.rs`; this file only shows ours to it.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll, time::SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Event, Link, SpanContext, Status},
};

use super::{
    clock, local,
    root::{self, LinkSource, ParentSource},
    shortcut,
    span::{CURRENT, Extra, INHERITED, PROXY, RECORDED, STARTED, SpanState},
    value::{Key, Slot, Value},
};
use crate::collect::lane::{self, Note};

/// Runs `f` with the state that is current on this thread.
pub(crate) fn with_current<R>(f: impl FnOnce(&SpanState) -> R) -> Option<R> {
    let state = local::with(|local| local.current.get());
    // SAFETY: the thread-local points to a state whose call is running on this thread, or to nothing; `f` runs inside of
    // that call.
    unsafe { state.as_ref() }.filter(|state| state.is_running()).map(f)
}

/// Ids of a span, as text and as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Trace id; never 0.
    pub trace: u128,
    /// Span id; never 0.
    pub span: u64,
    /// The trace is recorded for export.
    pub sampled: bool,
}

/// Ids of the current span of this thread: ours, or one made through the OpenTelemetry API that is newer.
pub fn current() -> Option<Ids> {
    let span = current_context()?;
    Some(Ids {
        trace: u128::from_be_bytes(span.trace_id().to_bytes()),
        span: u64::from_be_bytes(span.span_id().to_bytes()),
        sampled: span.is_sampled(),
    })
}

/// The current span as OpenTelemetry writes it.
pub(crate) fn current_context() -> Option<SpanContext> {
    let ours = with_current(|state| root::span_context(state, false));
    if ours.is_some() && !shortcut::foreign_spans_alive() {
        return ours;
    }
    local::with(|local| match root::context_span(local) {
        Some(known) if ours.is_none() || known.id() != local.outer.get() => Some(known.span),
        _ => ours,
    })
}

/// Name of the current span's call site, for logs.
pub(crate) fn current_name() -> Option<&'static str> {
    with_current(|state| state.meta().name).filter(|name| !name.is_empty())
}

/// Adds an attribute to the current span, when it is recorded. The last value of a key counts.
pub fn set_attribute<T: Value + ?Sized>(key: &str, value: &T) {
    let span = with_current(|state| state.is_recorded().then(|| state.id())).flatten();
    if let Some(span) = span {
        local::with(|local| value.put(&mut Slot::new(local, span, Key::Named(key))));
    }
}

/// Adds an event to the current span, when it is recorded.
pub fn add_event(name: &'static str, attributes: Vec<KeyValue>) {
    note(|| Note::Event { ticks: clock::now(), event: Event::new(name, SystemTime::UNIX_EPOCH, attributes, 0) });
}

/// Links the current span to another one, when it is recorded.
pub fn add_link<T: LinkSource + ?Sized>(link: &T) {
    note(|| {
        let mut links = Vec::new();
        link.links(&mut links);
        links.retain(|link: &Link| link.span_context.is_valid());
        Note::Links(links)
    });
}

fn note(make: impl FnOnce() -> Note) {
    if let Some(span) = with_current(|state| state.is_recorded().then(|| state.id())).flatten() {
        lane::send(span, make());
    }
}

/// The current span and `opentelemetry::Context`, to be taken to another thread or task.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    span: Option<Taken>,
    context: Context,
}

#[derive(Clone, Debug)]
struct Taken {
    trace_high: u64,
    trace_low: u64,
    id: u64,
    flags: u32,
    extra: Option<Arc<Extra>>,
}

/// Takes the current span along: spans inside of `in_scope` or `in_future` become its children wherever they run.
///
/// Threads, `tokio::spawn`, `spawn_blocking` and rayon inherit nothing by themselves.
pub fn capture() -> Captured {
    let taken = with_current(|state| Taken {
        trace_high: state.trace_high.get(),
        trace_low: state.trace_low.get(),
        id: state.id(),
        flags: state.flags.get(),
        extra: state.extra(),
    });
    local::with(|local| {
        // A span of the API that is newer than ours is found in the context.
        let newer = root::context_span(local).is_some_and(|known| known.id() != local.outer.get());
        let context = if local.is_ending() { Context::new() } else { Context::current() };
        Captured { span: taken.filter(|_| !newer), context }
    })
}

impl Captured {
    /// Runs `f` with the captured span being current.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let proxy = self.proxy();
        let _entered = Scope::enter(&proxy, &self.context);
        f()
    }

    /// The same future, with the captured span being current whenever it is polled.
    pub fn in_future<F: Future>(self, future: F) -> InFuture<F> {
        InFuture { proxy: self.proxy(), context: self.context, future }
    }

    /// The captured span as OpenTelemetry writes it.
    pub fn span_context(&self) -> Option<SpanContext> {
        let proxy = self.proxy();
        if proxy.id() != 0 { Some(root::span_context(&proxy, false)) } else { self.context.parent() }
    }

    fn proxy(&self) -> SpanState {
        let proxy = SpanState::new();
        if let Some(span) = &self.span {
            proxy.trace_high.set(span.trace_high);
            proxy.trace_low.set(span.trace_low);
            proxy.id.set(span.id);
            proxy.flags.set(span.flags & INHERITED | STARTED | CURRENT | PROXY);
            if let Some(extra) = &span.extra {
                proxy.set_extra(extra.clone());
            }
        }
        proxy
    }
}

impl ParentSource for Captured {
    fn parent(&self) -> Option<SpanContext> {
        self.span_context()
    }
}

impl LinkSource for Captured {
    fn links(&self, to: &mut Vec<Link>) {
        to.extend(self.span_context().map(|span| Link::new(span, Vec::new(), 0)));
    }
}

/// A captured span is current on this thread.
struct Scope<'a> {
    proxy: &'a SpanState,
    previous: *const SpanState,
    outer: u64,
    _context: Option<opentelemetry::ContextGuard>,
}

impl<'a> Scope<'a> {
    fn enter(proxy: &'a SpanState, context: &Context) -> Self {
        local::with(|local| {
            // A thread that ends has no context any more.
            let guard = (!local.is_ending()).then(|| context.clone().attach());
            let previous = local.current.get();
            // Captured without a span of ours: nothing of this thread's shall be the parent.
            local.current.set(if proxy.id() == 0 { std::ptr::null() } else { proxy });
            let seen = root::context_span(local).map_or(0, |known| known.id());
            Scope { proxy, previous, outer: local.outer.replace(seen), _context: guard }
        })
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        debug_assert!(self.proxy.flags.get() == 0 || self.proxy.has(PROXY));
        local::with(|local| {
            local.current.set(self.previous);
            local.outer.set(self.outer);
        });
    }
}

/// Made by [`Captured::in_future`].
#[derive(Debug)]
pub struct InFuture<F> {
    proxy: SpanState,
    context: Context,
    future: F,
}

impl<F: Future> Future for InFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned whenever `self` is; it is never moved out, there is no `Drop`, and `InFuture` is
        // `Unpin` only when `F` is.
        let (this, future) = unsafe {
            let this = self.get_unchecked_mut();
            let future = Pin::new_unchecked(&mut *std::ptr::from_mut(&mut this.future));
            (this, future)
        };
        let _entered = Scope::enter(&this.proxy, &this.context);
        future.poll(cx)
    }
}

/// A span of ours as the OpenTelemetry API sees it through `Context::current().span()`.
#[derive(Debug)]
pub(crate) struct ContextSpan {
    span: SpanContext,
    recorded: bool,
}

impl ContextSpan {
    pub(crate) fn of(state: &SpanState) -> Self {
        ContextSpan { span: root::span_context(state, false), recorded: state.has(RECORDED) }
    }

    fn id(&self) -> u64 {
        u64::from_be_bytes(self.span.span_id().to_bytes())
    }

    fn note(&self, note: Note) {
        if self.recorded {
            lane::send(self.id(), note);
        }
    }
}

impl opentelemetry::trace::Span for ContextSpan {
    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<std::borrow::Cow<'static, str>>,
    {
        self.note(Note::Event { ticks: 0, event: Event::new(name, timestamp, attributes, 0) });
    }

    fn span_context(&self) -> &SpanContext {
        &self.span
    }

    fn is_recording(&self) -> bool {
        self.recorded
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.note(Note::Attributes(vec![attribute]));
    }

    fn set_status(&mut self, status: Status) {
        self.note(Note::Status(status));
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<std::borrow::Cow<'static, str>>,
    {
        self.note(Note::Name(new_name.into()));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if span_context.is_valid() {
            self.note(Note::Links(vec![Link::new(span_context, attributes, 0)]));
        }
    }

    /// The call ends when it returns.
    fn end_with_timestamp(&mut self, _timestamp: SystemTime) {}
}

/// Capture that this thread records for: of the current span, else of the thread; 0 = none.
#[cfg(feature = "testing")]
pub(crate) fn tag() -> u16 {
    match with_current(|state| state.tag()).unwrap_or(0) {
        0 => local::with(|local| local.tag.get()),
        tag => tag,
    }
}

/// Marks the spans that begin on this thread, for captures in tests; 0 = none.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn set_tag(tag: u16) -> u16 {
    local::with(|local| local.tag.replace(tag))
}
