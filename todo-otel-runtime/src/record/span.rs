//! One call while it runs: a small state on the stack, or in the future, that the thread-local points to.
//!
//! A child copies ids by value from its parent's state, so that no state outlives its call. The end is written whole, so
//! that the collector needs to remember nothing but attributes. Futures are in `future`, new traces in `root`.

use std::{cell::Cell, marker::PhantomData, mem::MaybeUninit, ptr, sync::Arc};

use opentelemetry::{Context, trace::TraceState};

use super::{
    callsite::{self, Callsite},
    clock,
    local::{self, Local},
    meta::Meta,
    outcome::{Exit, Fault, Outcome},
    red::{Failure, Series, SpanRef},
    root, wire,
};

/// The call has begun and has not ended.
pub(crate) const STARTED: u32 = 1;
/// The span is written to the ring.
pub(crate) const RECORDED: u32 = 1 << 1;
/// W3C: somebody records this trace for export.
pub(crate) const SAMPLED: u32 = 1 << 2;
/// W3C: the trace id is random.
pub(crate) const RANDOM: u32 = 1 << 3;
/// First span of its trace in this process.
pub(crate) const LOCAL_ROOT: u32 = 1 << 4;
/// The parent is in another process.
pub(crate) const REMOTE_PARENT: u32 = 1 << 5;
/// The thread-local points here while the call runs.
pub(crate) const CURRENT: u32 = 1 << 6;
/// Its metrics are recorded.
pub(crate) const MEASURED: u32 = 1 << 7;
/// Has an `Extra`.
pub(crate) const EXTRA: u32 = 1 << 8;
/// An `opentelemetry::Context` is in place while the call runs.
pub(crate) const ATTACHED: u32 = 1 << 9;
/// Log events are written around it.
pub(crate) const LOGGED: u32 = 1 << 10;
/// Somebody looks whether it takes too long.
pub(crate) const WATCHED: u32 = 1 << 11;
/// Stands for a span that lives elsewhere.
pub(crate) const PROXY: u32 = 1 << 12;
/// Has attributes that are still to come, or labels.
const FRAME: u32 = 1 << 13;
/// What a child takes over from its parent; the upper half is the capture tag.
pub(crate) const INHERITED: u32 = RECORDED | SAMPLED | RANDOM | 0xffff_0000;

/// A call that runs.
#[derive(Debug)]
pub struct SpanState {
    site: Cell<Option<&'static Callsite>>,
    pub(crate) trace_high: Cell<u64>,
    pub(crate) trace_low: Cell<u64>,
    pub(crate) id: Cell<u64>,
    pub(crate) parent: Cell<u64>,
    pub(crate) start: Cell<u64>,
    pub(crate) flags: Cell<u32>,
    series: Cell<Series>,
    /// An `Arc` that this state owns a count of, valid while `EXTRA` is set.
    extra: Cell<*const Extra>,
}

// SAFETY: the cells are only written by the thread that runs the call: by `&mut` access to the future, or through the
// thread-local, which points here only while that very thread is inside of the call. A state that `tracing_layer` shares
// between threads is written before it is shared and again when its last owner closes it; in between it is only read.
// `extra` is a count of an `Arc` of a type that is `Send` and `Sync`.
unsafe impl Sync for SpanState {}
// SAFETY: as above; a future moves between polls, when no thread-local points to it.
unsafe impl Send for SpanState {}

/// What few spans have and their children inherit.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) trace_state: TraceState,
    /// Put in place while the call runs; only looked at by the call that has `ATTACHED`.
    pub(crate) context: Option<Context>,
}

impl SpanState {
    pub(crate) const fn new() -> Self {
        SpanState {
            site: Cell::new(None),
            trace_high: Cell::new(0),
            trace_low: Cell::new(0),
            id: Cell::new(0),
            parent: Cell::new(0),
            start: Cell::new(0),
            flags: Cell::new(0),
            series: Cell::new(Series::NONE),
            extra: Cell::new(ptr::null()),
        }
    }

    #[inline(always)]
    pub(crate) fn meta(&self) -> &'static Meta {
        self.site.get().map_or(&Meta::DEFAULT, |site| site.meta())
    }

    #[inline(always)]
    pub(crate) fn is_of(&self, site: &'static Callsite) -> bool {
        self.site.get().is_some_and(|own| ptr::eq(own, site))
    }

    pub(crate) fn site(&self) -> Option<&'static Callsite> {
        self.site.get()
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> u64 {
        self.id.get()
    }

    pub(crate) fn trace(&self) -> u128 {
        (self.trace_high.get() as u128) << 64 | self.trace_low.get() as u128
    }

    #[inline(always)]
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags.get() & flag != 0
    }

    /// False for a span of `tracing` that ended while a call below it was running.
    #[inline(always)]
    pub(crate) fn is_running(&self) -> bool {
        self.has(STARTED)
    }

    #[inline(always)]
    pub(crate) fn is_recorded(&self) -> bool {
        self.has(RECORDED)
    }

    #[inline(always)]
    pub(crate) fn add(&self, flag: u32) {
        self.flags.set(self.flags.get() | flag);
    }

    fn remove(&self, flag: u32) {
        self.flags.set(self.flags.get() & !flag);
    }

    pub(crate) fn tag(&self) -> u16 {
        (self.flags.get() >> 16) as u16
    }

    pub(crate) fn set_extra(&self, extra: Arc<Extra>) {
        self.release_extra();
        self.extra.set(Arc::into_raw(extra));
        self.add(EXTRA);
    }

    pub(crate) fn extra(&self) -> Option<Arc<Extra>> {
        if !self.has(EXTRA) {
            return None;
        }
        let extra = self.extra.get();
        // SAFETY: `EXTRA` says that this state owns a count; one more is taken for the caller.
        unsafe {
            Arc::increment_strong_count(extra);
            Some(Arc::from_raw(extra))
        }
    }

    fn release_extra(&self) {
        if self.has(EXTRA) {
            self.remove(EXTRA);
            // SAFETY: `EXTRA` said that this state owns a count, and says so no longer.
            drop(unsafe { Arc::from_raw(self.extra.replace(ptr::null())) });
        }
    }

    /// Begins the call: decides whether there is a span, takes ids, takes the time. 0 = there is nothing to do.
    ///
    /// The state must stay where it is until `leave` with the pointer that is returned here.
    #[inline(never)]
    pub(crate) fn begin(&self, site: &'static Callsite, bits: u64) -> (u32, *const SpanState) {
        self.begin_here(site, bits)
    }

    #[inline(always)]
    pub(crate) fn begin_here(&self, site: &'static Callsite, bits: u64) -> (u32, *const SpanState) {
        let local = local::here();
        let previous = local.current.get();
        let mut flags = 0;
        if bits & callsite::SPAN != 0 {
            // SAFETY: the thread-local points to a state whose call is running on this thread, or to nothing.
            match unsafe { previous.as_ref() } {
                Some(parent)
                    if bits & callsite::SPECIAL == 0 && parent.is_running() && !root::foreign_spans_alive() =>
                {
                    flags = self.begin_child(local, parent);
                }
                parent => flags = root::begin(self, local, site, parent.filter(|p| p.is_running()), None),
            }
        }
        (self.begun(local, site, bits, flags), previous)
    }

    #[inline(always)]
    fn begun(&self, local: &Local, site: &'static Callsite, bits: u64, mut flags: u32) -> u32 {
        if bits & (callsite::METRICS | callsite::LOG) != 0 {
            if flags & RECORDED == 0 {
                self.start.set(clock::now());
            }
            flags |= STARTED;
        }
        if flags == 0 {
            return 0;
        }
        self.site.set(Some(site));
        self.flags.set(flags);
        self.expect(local, site, bits);
        if flags & CURRENT != 0 {
            local.current.set(self);
        }
        self.flags.get()
    }

    /// As `begin`, with what the program said about the parent.
    pub(crate) fn begin_with(
        &self,
        site: &'static Callsite,
        bits: u64,
        start: Option<&root::Start>,
    ) -> (u32, *const SpanState) {
        local::with(|local| {
            let previous = local.current.get();
            // SAFETY: as in `begin`.
            let current = unsafe { previous.as_ref() }.filter(|state| state.is_running());
            let flags = if bits & callsite::SPAN != 0 { root::begin(self, local, site, current, start) } else { 0 };
            (self.begun(local, site, bits, flags), previous)
        })
    }

    /// A span below a span of ours.
    #[inline(always)]
    pub(crate) fn begin_child(&self, local: &Local, parent: &SpanState) -> u32 {
        let inherited = parent.flags.get();
        if inherited & RECORDED == 0 {
            return 0;
        }
        self.trace_high.set(parent.trace_high.get());
        self.trace_low.set(parent.trace_low.get());
        self.id.set(local.ids.span());
        self.parent.set(parent.id.get());
        let mut flags = inherited & INHERITED | STARTED | CURRENT;
        if inherited & EXTRA != 0 {
            root::inherit_extra(self, parent);
            flags |= EXTRA;
        }
        self.start.set(clock::now());
        flags
    }

    /// Prepares for what the body says first: attributes, labels, the event of the entry.
    #[inline(always)]
    fn expect(&self, local: &Local, site: &'static Callsite, bits: u64) {
        if bits & callsite::METRICS != 0 {
            self.add(MEASURED);
            if bits & callsite::LABELS == 0 {
                self.series.set(site.red.enter([]));
            }
        }
        if bits & callsite::LABELS != 0 || (bits & callsite::ATTRIBUTES != 0 && self.is_recorded()) {
            self.add(FRAME);
            local.frame.set(self);
        }
        if bits & callsite::LOG != 0 {
            self.add(LOGGED);
        }
    }

    /// The thread leaves the call, for now or for good.
    #[inline(always)]
    pub(crate) fn leave(&self, previous: *const SpanState) {
        let local = local::here();
        if self.has(CURRENT) {
            local.current.set(previous);
        }
        if self.has(FRAME) && ptr::eq(local.frame.get(), self) {
            local.frame.set(ptr::null());
        }
        if self.has(ATTACHED) {
            root::detach();
        }
    }

    /// Leaves a call that returned, and writes what it was.
    ///
    /// Not inlined, like `begin`: the code of a call site stays small, and here the thread-local is two instructions away.
    #[inline(never)]
    pub(crate) fn end(
        &self,
        previous: *const SpanState,
        end: u64,
        outcome: Outcome,
        fault: Option<Box<Fault>>,
        polled: Option<Polled>,
    ) {
        self.leave(previous);
        self.finish(end, outcome, fault, polled);
    }

    /// As `end`, for a plain call that simply succeeded.
    #[inline(never)]
    pub(crate) fn end_ok(&self, previous: *const SpanState, end: u64) {
        self.leave(previous);
        self.finish(end, Outcome::Ok, None, None);
    }

    /// Writes what the call was. `leave` has been called or will be.
    #[inline(always)]
    pub(crate) fn finish(&self, end: u64, outcome: Outcome, fault: Option<Box<Fault>>, polled: Option<Polled>) {
        let flags = self.flags.get();
        let plain = fault.is_none() && outcome == Outcome::Ok && flags & (LOGGED | EXTRA) == 0;
        if !plain {
            return self.finish_slowly(end, outcome, fault, polled);
        }
        if flags & MEASURED != 0
            && let Some(site) = self.site.get()
        {
            site.red.exit(self.series.get(), end.wrapping_sub(self.start.get()), end, outcome, None, self.span_ref());
        }
        if flags & RECORDED != 0 {
            self.write_end(end, outcome, polled);
        }
        self.flags.set(0);
    }

    #[inline(always)]
    fn span_ref(&self) -> SpanRef {
        SpanRef { trace: self.trace(), span: self.id.get(), sampled: self.has(SAMPLED) && self.is_recorded() }
    }

    #[inline(always)]
    fn write_end(&self, end: u64, outcome: Outcome, polled: Option<Polled>) {
        let Some(site) = self.site.get() else { return };
        let flags = self.flags.get();
        let first = |record| wire::first(record, outcome as u64, flags as u64 & 0xffff, site.known_id() as u64);
        let last = self.series.get().to_bits() as u64 | ((flags >> 16) as u64) << 32;
        let (high, low) = (self.trace_high.get(), self.trace_low.get());
        let (id, parent, start) = (self.id.get(), self.parent.get(), self.start.get());
        let local = local::here();
        let written = match polled {
            None => local.write([first(wire::END), id, high, low, parent, start, end, last]),
            Some(Polled { polls, busy }) => {
                local.write([first(wire::END_ASYNC), id, high, low, parent, start, end, last, polls as u64, busy])
            }
        };
        if !written {
            local.count_drop();
        }
    }

    #[cold]
    #[inline(never)]
    fn finish_slowly(&self, end: u64, outcome: Outcome, fault: Option<Box<Fault>>, polled: Option<Polled>) {
        let class = match outcome {
            Outcome::Panic => Some("panic"),
            _ => fault.as_ref().map(|fault| fault.class),
        };
        let failure = class.map(|class| Failure { class, status: fault.as_ref().and_then(|fault| fault.status) });
        if self.has(MEASURED)
            && let Some(site) = self.site.get()
        {
            let ticks = end.wrapping_sub(self.start.get());
            site.red.exit(self.series.get(), ticks, end, outcome, failure, self.span_ref());
        }
        super::failure::report(self, outcome, fault.as_deref(), end);
        if self.is_recorded() {
            if let Some(class) = class {
                let first = wire::first(wire::ATTRIBUTE, wire::TEXT, wire::ERROR_TYPE, class.len() as u64);
                local::with(|local| local.write_bytes([first, self.id.get()], class.as_bytes()));
            }
            self.write_end(end, outcome, polled);
        }
        self.release_extra();
        self.flags.set(0);
    }

    /// The call unwound, or its future was dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&self, outcome: Outcome, polled: Option<Polled>) {
        self.finish_slowly(clock::now(), outcome, None, polled);
    }

    pub(crate) fn set_site(&self, site: &'static Callsite) {
        self.site.set(Some(site));
    }

    /// Attributes and labels come next, on this thread.
    #[inline(always)]
    pub(crate) fn expect_frame(&self) {
        if self.has(FRAME) {
            local::with(|local| local.frame.set(self));
        }
    }

    /// No more attributes and labels.
    pub(crate) fn end_frame(&self) {
        if self.has(FRAME) {
            self.remove(FRAME);
            local::with(|local| {
                if ptr::eq(local.frame.get(), self) {
                    local.frame.set(ptr::null());
                }
            });
        }
    }

    /// Takes back that the call was running.
    pub(crate) fn forget_metrics(&self) {
        if self.has(MEASURED)
            && let Some(site) = self.site.get()
        {
            site.red.forget(self.series.get());
        }
        self.release_extra();
        self.flags.set(0);
    }

    pub(crate) fn set_series(&self, series: Series) {
        self.series.set(series);
    }

    /// Hands a state that is not current over to where it will stay.
    pub(crate) fn take(&self) -> SpanState {
        let moved = SpanState::new();
        moved.site.set(self.site.get());
        for (to, from) in [
            (&moved.trace_high, &self.trace_high),
            (&moved.trace_low, &self.trace_low),
            (&moved.id, &self.id),
            (&moved.parent, &self.parent),
            (&moved.start, &self.start),
        ] {
            to.set(from.get());
        }
        moved.flags.set(self.flags.replace(0));
        moved.series.set(self.series.get());
        moved.extra.set(self.extra.replace(ptr::null()));
        moved
    }
}

impl Drop for SpanState {
    #[inline(always)]
    fn drop(&mut self) {
        // Only a state that never ended still has one.
        if self.flags.get() & EXTRA != 0 {
            self.release_extra();
        }
    }
}

/// How a future got on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polled {
    pub(crate) polls: u32,
    /// Ticks inside of `poll`.
    pub(crate) busy: u64,
}

/// A state that is only written when there is something to do.
type Slot = MaybeUninit<SpanState>;

/// Ends the call when it unwinds.
struct Unwinding {
    /// Null when there is nothing to do.
    state: *const SpanState,
    previous: *const SpanState,
}

impl Drop for Unwinding {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: null, or the state that `run_body` was given, which outlives this guard.
        if let Some(state) = unsafe { self.state.as_ref() } {
            state.leave(self.previous);
            state.abandon(Outcome::Panic, None);
        }
    }
}

/// A plain call.
#[inline]
pub fn call<R>(
    site: &'static Callsite,
    _: Returns<R>,
    body: impl FnOnce() -> R,
    exit: impl FnOnce(&R, &mut Exit<'_>),
) -> R {
    let bits = site.bits();
    let mut slot = Slot::uninit();
    let (state, previous) = if Callsite::is_on(bits) { begin_in(&mut slot, site, bits) } else { NOTHING };
    run_body(state, previous, body, exit)
}

/// A call whose parent, links or baggage are given.
#[inline]
pub fn call_with<R>(
    start: root::Start,
    _: Returns<R>,
    body: impl FnOnce() -> R,
    exit: impl FnOnce(&R, &mut Exit<'_>),
) -> R {
    let mut slot = Slot::uninit();
    let state: &SpanState = slot.write(SpanState::new());
    let (flags, previous) = start.begin(state);
    if flags & (ATTACHED | LOGGED) != 0 {
        begin_specially(state);
    }
    let state = if flags == 0 { ptr::null() } else { ptr::from_ref(state) };
    run_body(state, previous, body, exit)
}

const NOTHING: (*const SpanState, *const SpanState) = (ptr::null(), ptr::null());

/// Begins a call whose state will lie in `slot`; null when there is nothing to do.
#[inline(never)]
fn begin_in(slot: &mut Slot, site: &'static Callsite, bits: u64) -> (*const SpanState, *const SpanState) {
    let state: &SpanState = slot.write(SpanState::new());
    let (flags, previous) = state.begin_here(site, bits);
    if flags == 0 {
        return NOTHING;
    }
    if flags & (ATTACHED | LOGGED) != 0 {
        begin_specially(state);
    }
    (state, previous)
}

#[cold]
#[inline(never)]
pub(crate) fn begin_specially(state: &SpanState) {
    if state.has(ATTACHED) {
        root::attach(state);
    }
    if state.has(LOGGED) {
        super::failure::entered(state);
    }
}

/// Runs the body once, whatever is recorded. `state` is null or points to the slot of the caller.
#[inline(always)]
fn run_body<R>(
    state: *const SpanState,
    previous: *const SpanState,
    body: impl FnOnce() -> R,
    exit: impl FnOnce(&R, &mut Exit<'_>),
) -> R {
    let unwinding = Unwinding { state, previous };
    let returned = body();
    // SAFETY: null, or the state in the caller's slot.
    let Some(state) = (unsafe { state.as_ref() }) else {
        std::mem::forget(unwinding);
        return returned;
    };
    let end = end_of(state);
    let mut seen = Exit::new(state);
    exit(&returned, &mut seen);
    let Exit { outcome, fault, .. } = seen;
    std::mem::forget(unwinding);
    if outcome == Outcome::Ok && fault.is_none() {
        state.end_ok(previous, end);
    } else {
        state.end(previous, end, outcome, fault, None);
    }
    returned
}

/// The end of a call that needs one; a span that is not recorded and not measured does not pay for the clock.
#[inline(always)]
pub(crate) fn end_of(state: &SpanState) -> u64 {
    if state.has(RECORDED | MEASURED | LOGGED) { clock::now() } else { 0 }
}

/// The body keeps its place and has no closure: `-> impl Trait` and `#[track_caller]`.
#[inline]
pub fn enter(site: &'static Callsite) -> Entered {
    let bits = site.bits();
    if !Callsite::is_on(bits) {
        return Entered { running: None, panicking: false };
    }
    // On the heap, because the guard moves and the state must not.
    let state = Box::new(SpanState::new());
    let (flags, previous) = state.begin(site, bits);
    Entered::begun(state, flags, previous)
}

/// The guard form of [`call_with`].
pub fn enter_with(start: root::Start) -> Entered {
    let state = Box::new(SpanState::new());
    let (flags, previous) = start.begin(&state);
    Entered::begun(state, flags, previous)
}

/// Made by [`enter`]; ends the call when it is dropped.
pub struct Entered {
    running: Option<(Box<SpanState>, *const SpanState)>,
    panicking: bool,
}

impl Entered {
    fn begun(state: Box<SpanState>, flags: u32, previous: *const SpanState) -> Self {
        if flags == 0 {
            return Entered { running: None, panicking: false };
        }
        if flags & (ATTACHED | LOGGED) != 0 {
            begin_specially(&state);
        }
        Entered { running: Some((state, previous)), panicking: std::thread::panicking() }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let Some((state, previous)) = self.running.take() else { return };
        state.leave(previous);
        if !self.panicking && std::thread::panicking() {
            state.abandon(Outcome::Panic, None);
        } else {
            state.finish(end_of(&state), Outcome::Ok, None, None);
        }
    }
}

/// Ends an [`enter`]ed call with the value it returns.
#[inline]
pub fn leave<R>(mut entered: Entered, returned: R, exit: impl FnOnce(&R, &mut Exit<'_>)) -> R {
    if let Some((state, previous)) = &entered.running {
        let end = end_of(state);
        let mut seen = Exit::new(state);
        exit(&returned, &mut seen);
        let Exit { outcome, fault, .. } = seen;
        state.leave(*previous);
        state.finish(end, outcome, fault, None);
        entered.running = None;
    }
    returned
}

/// The return type of a function, learnt from a `return` that never runs.
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Clone for Returns<R> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Returns<R> {}

/// A return type that is still to be learnt.
#[inline]
pub const fn returns<R>() -> Returns<R> {
    Returns(PhantomData)
}

impl<R> Returns<R> {
    /// `None`, so that a `return` of its content has the right type and never runs.
    #[inline]
    pub const fn never(self) -> Option<R> {
        None
    }

    /// The value, known to be of the return type.
    #[inline]
    pub fn is(self, value: R) -> R {
        value
    }
}
