//! The slow beginnings: a span without a parent of ours, or with one that has to be looked for.
//!
//! `opentelemetry::Context` is only looked at here: once by a root, and by every call site while spans made through the
//! OpenTelemetry API are alive.

use std::{cell::RefCell, sync::Arc};

use opentelemetry::{
    Context, ContextGuard, KeyValue, StringValue,
    baggage::BaggageExt,
    trace::{Link, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use super::{
    callsite::{self, Callsite},
    clock,
    current::ContextSpan,
    local::{self, Local},
    meta::Meta,
    sampling::{self, Decision},
    span::{
        ATTACHED, CURRENT, EXTRA, Extra, LOCAL_ROOT, RANDOM, RECORDED, REMOTE_PARENT, SAMPLED, STARTED, SpanState,
        WATCHED,
    },
    wire,
};
use crate::collect::lane::{self, Note};

/// W3C: the trace id is random.
pub(crate) const RANDOM_FLAG: TraceFlags = TraceFlags::new(2);

/// The identity of a span of ours as OpenTelemetry writes it.
pub(crate) fn span_context(state: &SpanState, remote: bool) -> SpanContext {
    let mut flags = if state.has(SAMPLED) { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    if state.has(RANDOM) {
        flags = TraceFlags::new(flags.to_u8() | RANDOM_FLAG.to_u8());
    }
    let trace_state = state.extra().map_or(TraceState::NONE, |extra| extra.trace_state.clone());
    SpanContext::new(TraceId::from(state.trace()), SpanId::from(state.id()), flags, remote, trace_state)
}

/// A span that `opentelemetry::Context` knows of.
#[derive(Clone, Debug)]
pub(crate) struct InContext {
    pub(crate) span: SpanContext,
    pub(crate) recording: bool,
}

impl InContext {
    pub(crate) fn of(context: &Context) -> Option<Self> {
        if !context.has_active_span() {
            return None;
        }
        let span = context.span();
        let known = span.span_context();
        known.is_valid().then(|| InContext { span: known.clone(), recording: span.is_recording() })
    }

    pub(crate) fn id(&self) -> u64 {
        u64::from_be_bytes(self.span.span_id().to_bytes())
    }
}

/// The span in the current `opentelemetry::Context`, if there is one.
pub(crate) fn context_span(local: &Local) -> Option<InContext> {
    if local.is_ending() {
        return None;
    }
    // The context's own thread-local may be gone already; that panics.
    let looked = std::panic::catch_unwind(|| Context::map_current(InContext::of));
    local::context_was_used();
    looked.ok().flatten()
}

/// Nothing in the current `opentelemetry::Context` that a new trace would have to look at? False also when that cannot be
/// asked cheaply.
#[inline(always)]
pub(crate) fn context_is_empty(local: &Local) -> bool {
    local.has_context()
        && local.outer.get() == 0
        && Context::map_current(|context| !context.has_active_span() && context.baggage().is_empty())
}

/// What the new span is below of.
enum Parent {
    None,
    /// A span of ours that runs on this thread; the states are compared by address only.
    Ours,
    Context(InContext),
}

/// Begins a span whose parent is not simply the current one. Returns the flags of the call; 0 = no span.
#[inline(never)]
pub(crate) fn begin(
    state: &SpanState,
    local: &Local,
    site: &'static Callsite,
    current: Option<&SpanState>,
    start: Option<&Start>,
) -> u32 {
    let meta = site.meta();
    let given = start.and_then(|start| start.parent.as_deref());
    let in_context = context_span(local);
    let outer = in_context.as_ref().map_or(0, InContext::id);
    let caller = match (current, &in_context) {
        // What is in the context was already there when our current span began.
        (Some(_), Some(_)) if outer == local.outer.get() => Parent::Ours,
        (_, Some(span)) => Parent::Context(span.clone()),
        (Some(_), None) => Parent::Ours,
        (None, None) => Parent::None,
    };
    let mut links = start.map_or_else(Vec::new, |start| start.links.clone());
    let parent = match given {
        Some(given) => Parent::Context(InContext { span: given.clone(), recording: given.is_sampled() }),
        None if meta.root => Parent::None,
        None if meta.detached => {
            links.extend(caller_context(&caller, current).map(|span| Link::new(span, Vec::new(), 0)));
            Parent::None
        }
        None => caller,
    };
    let flags = match (&parent, current) {
        (Parent::Ours, Some(parent)) => below_ours(state, local, parent, meta),
        (Parent::Context(span), _) => below_context(state, local, span, meta),
        _ => new_trace(state, local, current, meta),
    };
    if flags == 0 {
        return 0;
    }
    finish_beginning(state, flags, site, links, start, outer, local)
}

fn caller_context(caller: &Parent, current: Option<&SpanState>) -> Option<SpanContext> {
    match caller {
        Parent::None => None,
        Parent::Ours => current.map(|state| span_context(state, false)),
        Parent::Context(known) => Some(known.span.clone()),
    }
}

fn below_ours(state: &SpanState, local: &Local, parent: &SpanState, meta: &Meta) -> u32 {
    let flags = state.begin_child(local, parent);
    if flags & RECORDED == 0 {
        return 0;
    }
    match meta.sample {
        Some(ratio) if !sampling::within_ratio(ratio, state.id()) => {
            // This call and what it calls are not recorded; their parent stays the last span that is.
            state.id.set(parent.id());
            flags & !(RECORDED | SAMPLED)
        }
        _ => flags,
    }
}

fn below_context(state: &SpanState, local: &Local, known: &InContext, meta: &Meta) -> u32 {
    let parent = &known.span;
    let bytes = parent.trace_id().to_bytes();
    let trace = u128::from_be_bytes(bytes);
    state.trace_high.set((trace >> 64) as u64);
    state.trace_low.set(trace as u64);
    state.parent.set(known.id());
    let random = if parent.trace_flags() & RANDOM_FLAG == RANDOM_FLAG { RANDOM } else { 0 };
    let tag = u32::from(local.tag.get()) << 16;
    let base = STARTED | CURRENT | random | tag;
    if !parent.is_remote() {
        // Made through the API in this process: the trace is decided.
        state.id.set(local.ids.span());
        inherit_trace_state(state, parent.trace_state());
        let recorded = if known.recording { RECORDED } else { 0 };
        let sampled = if parent.is_sampled() { SAMPLED } else { 0 };
        return base | recorded | sampled;
    }
    let decision = sampling::decide(meta, meta.name, (state.trace_high.get(), state.trace_low.get()), Some(parent));
    inherit_trace_state(state, parent.trace_state());
    decided(state, local, decision, base | LOCAL_ROOT | REMOTE_PARENT)
}

fn new_trace(state: &SpanState, local: &Local, current: Option<&SpanState>, meta: &Meta) -> u32 {
    let (high, low) = local.ids.trace();
    state.trace_high.set(high);
    state.trace_low.set(low);
    state.parent.set(0);
    // A detached trace belongs to the capture that its spawner belongs to.
    let tag = u32::from(current.map(SpanState::tag).filter(|tag| *tag != 0).unwrap_or(local.tag.get())) << 16;
    let decision = sampling::decide(meta, meta.name, (high, low), None);
    decided(state, local, decision, STARTED | CURRENT | LOCAL_ROOT | RANDOM | tag)
}

fn decided(state: &SpanState, local: &Local, decision: Decision, mut flags: u32) -> u32 {
    state.id.set(local.ids.span());
    if let Some(trace_state) = decision.trace_state {
        inherit_trace_state(state, &trace_state);
    }
    if decision.record {
        flags |= RECORDED;
        if !decision.attributes.is_empty() {
            lane::send(state.id(), Note::Attributes(decision.attributes));
        }
    }
    if decision.sample {
        flags |= SAMPLED;
    }
    flags
}

fn inherit_trace_state(state: &SpanState, trace_state: &TraceState) {
    if *trace_state != TraceState::NONE {
        state.set_extra(Arc::new(Extra { trace_state: trace_state.clone(), context: None }));
    }
}

/// A child shares what its parent has beyond the ids.
#[cold]
pub(crate) fn inherit_extra(state: &SpanState, parent: &SpanState) {
    if let Some(extra) = parent.extra() {
        if state.id() != 0 && extra.trace_state != TraceState::NONE {
            lane::send(state.id(), Note::TraceState(extra.trace_state.clone()));
        }
        state.set_extra(extra);
    }
}

fn finish_beginning(
    state: &SpanState,
    mut flags: u32,
    site: &'static Callsite,
    links: Vec<Link>,
    start: Option<&Start>,
    outer: u64,
    local: &Local,
) -> u32 {
    let meta = site.meta();
    // `set_extra` has noted itself in the state.
    flags |= state.flags.get() & EXTRA;
    let recorded = flags & RECORDED != 0;
    if recorded && !links.is_empty() {
        lane::send(state.id(), Note::Links(links));
    }
    if recorded && flags & LOCAL_ROOT != 0 && !local.is_ending() {
        let baggage = crate::propagation::baggage_attributes();
        if !baggage.is_empty() {
            lane::send(state.id(), Note::Attributes(baggage));
        }
    }
    if recorded && flags & LOCAL_ROOT != 0 && flags & EXTRA != 0 {
        let trace_state = state.extra().map(|extra| extra.trace_state.clone()).unwrap_or_default();
        if trace_state != TraceState::NONE {
            lane::send(state.id(), Note::TraceState(trace_state));
        }
    }
    let baggage = start.map_or(&[][..], |start| &start.baggage);
    if meta.attach || !baggage.is_empty() {
        state.flags.set(flags);
        let below = if local.is_ending() { Context::new() } else { Context::current() };
        let context = below.with_span(ContextSpan::of(state));
        let context = if baggage.is_empty() { context } else { context.with_baggage(merged(&context, baggage)) };
        let trace_state = state.extra().map_or(TraceState::NONE, |extra| extra.trace_state.clone());
        state.set_extra(Arc::new(Extra { trace_state, context: Some(context) }));
        flags = state.flags.get() | ATTACHED;
    } else if outer != local.outer.get() {
        flags |= ATTACHED;
    }
    if recorded {
        let watched = meta.slow_ns > 0;
        state.start.set(clock::now());
        if flags & LOCAL_ROOT != 0 || watched {
            write_start(state, local, flags, site);
        }
        if watched {
            flags |= WATCHED;
            crate::collect::watch();
        }
    }
    flags
}

/// Outgoing baggage: what is there, and ours; what came in wins.
fn merged(context: &Context, ours: &[KeyValue]) -> Vec<KeyValue> {
    let theirs: Vec<KeyValue> =
        context.baggage().iter().map(|(key, (value, _))| KeyValue::new(key.clone(), value.clone())).collect();
    let new = ours.iter().filter(|pair| !theirs.iter().any(|known| known.key == pair.key)).cloned();
    let mut all: Vec<KeyValue> = new.collect();
    all.extend(theirs);
    all
}

/// Tells the collector that there is such a span, before it ends.
#[inline(always)]
pub(crate) fn write_start(state: &SpanState, local: &Local, flags: u32, site: &'static Callsite) {
    let first = wire::first(wire::START, 0, u64::from(flags & 0xffff), 0) | site.id_in_upper_half();
    let trace = (state.trace_high.get(), state.trace_low.get());
    local.write([first, state.id(), trace.0, trace.1, state.parent.get(), state.start.get()]);
}

/// What has to be undone when a thread leaves a call.
struct Undo {
    outer: u64,
    _context: Option<ContextGuard>,
}

thread_local! {
    static UNDO: RefCell<Vec<Undo>> = const { RefCell::new(Vec::new()) };
}

/// A thread enters a call that has a context of its own or sees one that is new.
#[cold]
pub(crate) fn attach(state: &SpanState) {
    let context = state.extra().and_then(|extra| extra.context.clone());
    local::with(|local| {
        let guard = context.filter(|_| !local.is_ending()).map(Context::attach);
        let outer = context_span(local).map_or(0, |known| known.id());
        let undo = Undo { outer: local.outer.replace(outer), _context: guard };
        // Without the thread-local there is nothing to undo later: the thread ends.
        let kept = UNDO.try_with(|all| all.try_borrow_mut().map(|mut all| all.push(undo)).is_ok());
        debug_assert!(kept.is_ok_and(|kept| kept), "only this function and `detach` borrow it");
    });
}

/// The thread leaves it.
#[cold]
pub(crate) fn detach() {
    let undo = UNDO.try_with(|all| all.try_borrow_mut().ok().and_then(|mut all| all.pop()));
    if let Ok(Some(undo)) = undo {
        local::with(|local| local.outer.set(undo.outer));
    }
}

/// A call whose parent, links or baggage are given by the program.
#[must_use = "hand it to `call_with`, `run_with` or `build_with`"]
pub struct Start {
    site: &'static Callsite,
    bits: u64,
    parent: Option<Box<SpanContext>>,
    links: Vec<Link>,
    baggage: Vec<KeyValue>,
}

impl Start {
    /// Nothing given yet.
    #[inline]
    pub fn new(site: &'static Callsite) -> Self {
        Start { site, bits: site.bits(), parent: None, links: Vec::new(), baggage: Vec::new() }
    }

    /// Is the call looked at, so that the rest is worth computing?
    #[inline]
    pub fn is_on(&self) -> bool {
        self.bits & callsite::SPAN != 0
    }

    /// The span that this one is below of; ignored when the source has none.
    pub fn parent<T: ParentSource + ?Sized>(mut self, parent: &T) -> Self {
        if self.is_on() {
            self.parent = parent.parent().filter(SpanContext::is_valid).map(Box::new);
        }
        self
    }

    /// A span that this one has to do with.
    pub fn link<T: LinkSource + ?Sized>(mut self, link: &T) -> Self {
        if self.is_on() {
            link.links(&mut self.links);
            self.links.retain(|link| link.span_context.is_valid());
        }
        self
    }

    /// An entry of the baggage for everything inside.
    pub fn baggage<T: std::fmt::Display + ?Sized>(mut self, key: &'static str, value: &T) -> Self {
        if self.is_on() {
            self.baggage.push(KeyValue::new(key, StringValue::from(value.to_string())));
        }
        self
    }

    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }

    /// The state must stay where it is until `leave`.
    pub(crate) fn begin(&self, state: &SpanState) -> (u32, *const SpanState) {
        if !Callsite::is_on(self.bits) {
            return (0, std::ptr::null());
        }
        state.begin_with(self.site, self.bits, Some(self))
    }
}

/// Where a parent can be read from.
pub trait ParentSource {
    /// The span, when there is one.
    fn parent(&self) -> Option<SpanContext>;
}

impl ParentSource for SpanContext {
    fn parent(&self) -> Option<SpanContext> {
        Some(self.clone())
    }
}

impl ParentSource for Context {
    fn parent(&self) -> Option<SpanContext> {
        self.has_active_span().then(|| self.span().span_context().clone())
    }
}

impl<T: ParentSource> ParentSource for Option<T> {
    fn parent(&self) -> Option<SpanContext> {
        self.as_ref().and_then(T::parent)
    }
}

impl<T: ParentSource + ?Sized> ParentSource for &T {
    fn parent(&self) -> Option<SpanContext> {
        T::parent(self)
    }
}

impl<T: ParentSource + ?Sized> ParentSource for Arc<T> {
    fn parent(&self) -> Option<SpanContext> {
        T::parent(self)
    }
}

impl<T: ParentSource + ?Sized> ParentSource for Box<T> {
    fn parent(&self) -> Option<SpanContext> {
        T::parent(self)
    }
}

/// Where links can be read from.
pub trait LinkSource {
    /// Adds the links there are.
    fn links(&self, to: &mut Vec<Link>);
}

impl LinkSource for Link {
    fn links(&self, to: &mut Vec<Link>) {
        to.push(self.clone());
    }
}

impl LinkSource for SpanContext {
    fn links(&self, to: &mut Vec<Link>) {
        to.push(Link::new(self.clone(), Vec::new(), 0));
    }
}

impl LinkSource for Context {
    fn links(&self, to: &mut Vec<Link>) {
        to.extend(self.parent().map(|span| Link::new(span, Vec::new(), 0)));
    }
}

impl<T: LinkSource> LinkSource for Option<T> {
    fn links(&self, to: &mut Vec<Link>) {
        self.iter().for_each(|link| link.links(to));
    }
}

impl<T: LinkSource> LinkSource for [T] {
    fn links(&self, to: &mut Vec<Link>) {
        self.iter().for_each(|link| link.links(to));
    }
}

impl<T: LinkSource> LinkSource for Vec<T> {
    fn links(&self, to: &mut Vec<Link>) {
        self.as_slice().links(to);
    }
}

impl<T: LinkSource + ?Sized> LinkSource for &T {
    fn links(&self, to: &mut Vec<Link>) {
        T::links(self, to);
    }
}
