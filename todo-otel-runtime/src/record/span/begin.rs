//! How a call begins: is there a span, which ids has it, when did it start?
//!
//! Two short ways, for a span below a span of ours and for the same with metrics. They call nothing, so that they need no
//! stack; whatever they do not know goes the long way, which knows everything. New traces are in `root`.

use std::{mem::MaybeUninit, ptr};

use super::{
    super::{
        callsite::{self, Callsite},
        clock, failure,
        local::{self, Local},
        red::Series,
        root, sampling, shortcut,
    },
    ATTACHED, CURRENT, EXTRA, FRAME, INHERITED, LOCAL_ROOT, LOGGED, MEASURED, RANDOM, RECORDED, SAMPLED, STARTED,
    SpanState, TIMED,
};

/// A state that is only written when there is something to do.
pub(crate) type Slot = MaybeUninit<SpanState>;

/// What was current before; written when there is something to do.
pub(crate) type Previous = MaybeUninit<*const SpanState>;

/// What only the long way knows.
const LONG: u64 = callsite::LOG | callsite::SPECIAL | callsite::NEW;

/// Begins a call whose state will lie in `slot`, where it must stay until the call is left. Null = there is nothing to do.
///
/// `bits` is what `bits_unasked` said, and not nothing. One pointer is returned, because a function that returns two does
/// not hand over to another one without a frame of its own.
#[inline(never)]
pub(crate) fn begin_in(
    slot: &mut Slot,
    previous: &mut Previous,
    site: &'static Callsite,
    bits: u64,
) -> *const SpanState {
    begin_here(slot, previous, site, bits)
}

/// `begin_in`, where there is a function around it anyway.
#[inline(always)]
pub(crate) fn begin_here(
    slot: &mut Slot,
    previous: &mut Previous,
    site: &'static Callsite,
    bits: u64,
) -> *const SpanState {
    if bits & (LONG | callsite::METRICS) != 0 {
        let only_counted = bits & (LONG | callsite::METRICS | callsite::LABELS | callsite::SPAN) == callsite::METRICS;
        let begin = if only_counted { begin_counted } else { begin_measured };
        return begin(slot, previous, site, bits);
    }
    let local = local::here();
    // SAFETY: the thread-local points to a state whose call is running on this thread, or to nothing.
    let Some(parent) = (unsafe { local.current.get().as_ref() }).filter(|_| shortcut::is_open()) else {
        return begin_trace(slot, previous, site, bits);
    };
    let inherited = parent.flags.get();
    if !passes_on(inherited, local) {
        if inherited & (STARTED | RECORDED) == STARTED {
            return ptr::null();
        }
        return begin_slowly(slot, previous, site, bits);
    }
    let flags = inherited & INHERITED | STARTED | CURRENT | TIMED;
    let state: &SpanState = slot.write(SpanState::below(parent, local.ids.seeded_span(), site, flags, Series::NONE));
    previous.write(parent);
    local.current.set(state);
    // Attributes find this call as the current one, where nobody stands in front of it.
    local.frame.set(ptr::null());
    state.start.set(clock::chosen());
    state
}

/// A trace of its own, where every trace is recorded and nothing of others is in sight.
#[inline(never)]
fn begin_trace(slot: &mut Slot, previous: &mut Previous, site: &'static Callsite, bits: u64) -> *const SpanState {
    let local = local::here();
    let simple = local.current.get().is_null()
        && shortcut::is_open()
        && sampling::takes_all()
        && local.ids.is_seeded()
        && root::context_is_empty(local);
    if !simple {
        return begin_slowly(slot, previous, site, bits);
    }
    let state: &SpanState = slot.write(SpanState::new());
    let flags = STARTED | CURRENT | TIMED | RECORDED | SAMPLED | LOCAL_ROOT | RANDOM | u32::from(local.tag.get()) << 16;
    let (high, low) = local.ids.trace();
    state.site.set(Some(site));
    state.trace_high.set(high);
    state.trace_low.set(low);
    state.id.set(local.ids.seeded_span());
    state.flags.set(flags);
    previous.write(ptr::null());
    local.current.set(state);
    local.frame.set(ptr::null());
    state.start.set(clock::chosen());
    root::write_start(state, local, flags, site);
    state
}

/// A call with metrics, and neither labels nor a span.
#[inline(never)]
fn begin_counted(slot: &mut Slot, previous: &mut Previous, site: &'static Callsite, bits: u64) -> *const SpanState {
    let Some(series) = site.red.only_series().filter(|_| shortcut::is_open()) else {
        return begin_slowly(slot, previous, site, bits);
    };
    let state: &SpanState = slot.write(SpanState::new());
    state.site.set(Some(site));
    state.flags.set(STARTED | MEASURED | TIMED);
    state.series.set(series);
    previous.write(ptr::null());
    state.start.set(clock::chosen());
    state
}

/// A call with metrics and maybe labels, with or without a span.
#[inline(never)]
fn begin_measured(slot: &mut Slot, previous: &mut Previous, site: &'static Callsite, bits: u64) -> *const SpanState {
    let labelled = bits & callsite::LABELS != 0;
    let series = if labelled { Some(Series::NONE) } else { site.red.only_series() };
    let Some(series) = series.filter(|_| bits & LONG == 0 && shortcut::is_open()) else {
        return begin_slowly(slot, previous, site, bits);
    };
    let local = local::here();
    let flags = STARTED | MEASURED | TIMED | if labelled { FRAME } else { 0 };
    // SAFETY: as above.
    let parent = unsafe { local.current.get().as_ref() }.filter(|_| bits & callsite::SPAN != 0);
    let inherited = parent.map_or(0, |parent| parent.flags.get());
    let state: &SpanState = match parent {
        Some(parent) if passes_on(inherited, local) => {
            let flags = flags | inherited & INHERITED | CURRENT;
            let state = slot.write(SpanState::below(parent, local.ids.seeded_span(), site, flags, series));
            local.current.set(state);
            state
        }
        _ if bits & callsite::SPAN == 0 || inherited & (STARTED | RECORDED) == STARTED => {
            let state: &SpanState = slot.write(SpanState::new());
            state.site.set(Some(site));
            state.flags.set(flags);
            state.series.set(series);
            state
        }
        _ => return begin_slowly(slot, previous, site, bits),
    };
    previous.write(parent.map_or(ptr::null(), ptr::from_ref));
    local.frame.set(if labelled { state } else { ptr::null() });
    state.start.set(clock::chosen());
    state
}

/// Does a running span hand nothing but its ids to a span below it?
#[inline(always)]
fn passes_on(inherited: u32, local: &Local) -> bool {
    inherited & (STARTED | RECORDED | EXTRA) == STARTED | RECORDED && local.ids.is_seeded()
}

/// The long way.
#[cold]
#[inline(never)]
fn begin_slowly(slot: &mut Slot, previous: &mut Previous, site: &'static Callsite, _: u64) -> *const SpanState {
    let bits = site.bits();
    if !Callsite::is_on(bits) {
        return ptr::null();
    }
    let state: &SpanState = slot.write(SpanState::new());
    let (flags, before) = state.begin(site, bits);
    if flags == 0 {
        return ptr::null();
    }
    previous.write(before);
    if flags & (ATTACHED | LOGGED) != 0 {
        begin_specially(state);
    }
    state
}

#[cold]
#[inline(never)]
pub(crate) fn begin_specially(state: &SpanState) {
    if state.has(ATTACHED) {
        root::attach(state);
    }
    if state.has(LOGGED) {
        failure::entered(state);
    }
}

impl SpanState {
    #[inline(always)]
    fn below(parent: &SpanState, id: u64, site: &'static Callsite, flags: u32, series: Series) -> Self {
        let state = SpanState::new();
        state.site.set(Some(site));
        state.trace_high.set(parent.trace_high.get());
        state.trace_low.set(parent.trace_low.get());
        state.id.set(id);
        state.parent.set(parent.id.get());
        state.flags.set(flags);
        state.series.set(series);
        state
    }

    /// Begins the call, whatever it is. 0 = there is nothing to do.
    ///
    /// The state must stay where it is until `leave` with the pointer that is returned here.
    pub(crate) fn begin(&self, site: &'static Callsite, bits: u64) -> (u32, *const SpanState) {
        let local = local::here();
        let previous = local.current.get();
        let mut flags = 0;
        if bits & callsite::SPAN != 0 {
            // SAFETY: the thread-local points to a state whose call is running on this thread, or to nothing.
            match unsafe { previous.as_ref() } {
                Some(parent)
                    if bits & callsite::SPECIAL == 0 && parent.is_running() && !shortcut::foreign_spans_alive() =>
                {
                    flags = self.begin_child(local, parent);
                }
                parent => flags = root::begin(self, local, site, parent.filter(|p| p.is_running()), None),
            }
        }
        (self.begun(local, site, bits, flags), previous)
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
        if flags & RECORDED != 0 && shortcut::is_open() {
            flags |= TIMED;
        }
        self.flags.set(flags);
        self.expect(local, site, bits);
        if flags & CURRENT != 0 {
            local.current.set(self);
        }
        self.flags.get()
    }

    /// A span below a span of ours.
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

    /// Attributes and labels come next, on this thread.
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
}
