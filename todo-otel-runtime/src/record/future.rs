//! Calls that are futures or streams: measured from the first poll to completion, current only while they are polled.
//!
//! One that is dropped earlier was cancelled; one that was never polled never was. The inner future is dropped before its
//! end is recorded, so that what it cancels ends before it, and without its span being current.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    ptr,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{
    callsite::Callsite,
    clock, failure, local,
    outcome::{Exit, Fault, Outcome, a_value},
    root::{self, Start},
    shortcut,
    span::{
        ATTACHED, CURRENT, FRAME, LOGGED, MEASURED, RECORDED, Returns, SpanState,
        begin::{Previous, Slot, begin_here},
        end::{ASYNC_END_WORDS, LONG, Polled, end_of},
    },
    wire,
};

/// A measured future or stream.
///
/// No wrapper around `inner`: each one costs a level of the compiler's recursion limit for every measured future in a chain.
pub struct Run<F, C> {
    // Before `call`, so that what it cancels ends before the end of this call is recorded.
    inner: F,
    call: Call,
    exit: Option<C>,
}

/// How far a measured future got.
struct Call {
    /// Written by the first poll or by whoever built the future; before that only its call site is.
    state: Slot,
    /// Ticks inside of `poll`; while the thread is inside, less the moment when it came in.
    busy: u64,
    polls: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not polled; of the state there is the call site only.
    New,
    /// Begun by whoever built it, not polled.
    Begun,
    /// Polled, and to be recorded.
    Running,
    /// Nothing to record, or recorded, or a thread is inside of `poll`.
    Quiet,
}

impl<F: Unpin, C> Unpin for Run<F, C> {}

impl<F, C> Run<F, C> {
    #[inline(always)]
    fn new(state: Slot, phase: Phase, exit: C, inner: F) -> Self {
        Run { inner, call: Call { state, busy: 0, polls: 0, phase }, exit: Some(exit) }
    }

    /// The call, what looks at its value, and the inner future.
    #[inline]
    fn parts(self: Pin<&mut Self>) -> (&mut Call, &mut Option<C>, Pin<&mut F>) {
        // SAFETY: `inner` is pinned whenever `self` is: it is never moved out, `Run` is `Unpin` only when `F` is and has no
        // `Drop` of its own. The other fields are never pinned.
        unsafe {
            let Run { inner, call, exit } = self.get_unchecked_mut();
            (call, exit, Pin::new_unchecked(inner))
        }
    }
}

// What is generic over the inner future is compiled once per function of the program. Unoptimised, inlining would put
// these into each of them again.

/// The thread comes in.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn enter<'a>(call: &mut Call, previous: &'a mut Previous) -> Unwinding<'a> {
    let runs = call.phase != Phase::Quiet && call.enter(previous);
    Unwinding { call: if runs { call } else { ptr::null_mut() }, previous }
}

/// The thread leaves with a value.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn end_with<T, C: FnOnce(&T, &mut Exit<'_>)>(entered: Unwinding<'_>, value: &T, look: &mut Option<C>) {
    // SAFETY: null, or from a reference that lives as long as the poll and is not used any more; the guard does not look
    // before it drops.
    let Some(call) = (unsafe { entered.call.as_mut() }) else {
        std::mem::forget(entered);
        return;
    };
    // SAFETY: `enter` has written it.
    let before = unsafe { entered.previous.assume_init() };
    // SAFETY: `enter` has said that the call runs.
    let state = unsafe { call.state.assume_init_ref() };
    let end = end_of(state);
    let mut seen = Exit::new(state);
    if let Some(look) = look.take() {
        look(value, &mut seen);
    }
    let Exit { outcome, fault, .. } = seen;
    std::mem::forget(entered);
    if outcome == Outcome::Ok && fault.is_none() {
        call.end_ok(before, end);
    } else {
        call.end(before, end, outcome, fault);
    }
}

/// The thread leaves for now.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn pause(entered: Unwinding<'_>) {
    // SAFETY: as above.
    if let Some(call) = unsafe { entered.call.as_mut() } {
        // SAFETY: `enter` has written it.
        call.pause(unsafe { entered.previous.assume_init() });
    }
    std::mem::forget(entered);
}

impl Call {
    fn polled(&self) -> Polled {
        Polled { polls: self.polls, busy: self.busy }
    }

    /// # Safety
    /// The call has begun.
    #[inline(always)]
    unsafe fn state(&self) -> &SpanState {
        // SAFETY: as demanded of the caller.
        unsafe { self.state.assume_init_ref() }
    }

    /// The thread comes in; false when there is nothing to record. Until `pause` or `end` the call is over if it unwinds.
    #[inline(never)]
    fn enter(&mut self, previous: &mut Previous) -> bool {
        let phase = std::mem::replace(&mut self.phase, Phase::Quiet);
        if phase != Phase::Running {
            return self.enter_first(phase, previous);
        }
        self.polls += 1;
        // SAFETY: a call that was polled has begun.
        let state = unsafe { self.state.assume_init_ref() };
        previous.write(enter_again(state));
        if state.has(RECORDED) {
            self.busy = self.busy.wrapping_sub(clock::now());
        }
        true
    }

    #[inline(always)]
    fn enter_first(&mut self, phase: Phase, previous: &mut Previous) -> bool {
        let state = if phase == Phase::New { self.begin(previous) } else { self.enter_begun(previous) };
        // SAFETY: null, or the state that has just begun.
        let Some(state) = (unsafe { state.as_ref() }) else { return false };
        self.polls = 1;
        self.busy = 0u64.wrapping_sub(state.start.get());
        true
    }

    #[inline(always)]
    fn begin(&mut self, previous: &mut Previous) -> *const SpanState {
        // SAFETY: whoever made the call wrote this field.
        let site = unsafe { (&raw const (*self.state.as_ptr()).site).read() }.get();
        match site.map(|site| (site, site.bits_unasked())) {
            Some((site, bits)) if Callsite::is_on(bits) => begin_here(&mut self.state, previous, site, bits),
            _ => ptr::null(),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_begun(&self, previous: &mut Previous) -> *const SpanState {
        // SAFETY: only called for a call that whoever built it has begun.
        let state = unsafe { self.state() };
        state.start.set(clock::now());
        previous.write(enter_again(state));
        state.expect_frame();
        if state.has(LOGGED) {
            failure::entered(state);
        }
        state
    }

    #[inline(never)]
    fn pause(&mut self, previous: *const SpanState) {
        // SAFETY: a call that is paused was entered.
        let state = unsafe { self.state.assume_init_ref() };
        if state.has(RECORDED) {
            self.busy = self.busy.wrapping_add(clock::now());
        }
        state.leave(previous);
        self.phase = Phase::Running;
    }

    /// The short way of a future that succeeded.
    #[inline(never)]
    fn end_ok(&mut self, previous: *const SpanState, end: u64) {
        // SAFETY: a call that ends was entered.
        let state = unsafe { self.state() };
        let flags = state.flags.get();
        let local = local::here();
        let Some(site) =
            state.site().filter(|_| flags & (LONG | FRAME | RECORDED) == RECORDED && local.has_room(ASYNC_END_WORDS))
        else {
            return self.end(previous, end, Outcome::Ok, None);
        };
        let ticks = end.wrapping_sub(state.start.get());
        if flags & MEASURED != 0
            && !site.red.count_ok(state.series.get(), ticks, end, state.is_kept(), || state.span_ref())
        {
            return self.end(previous, end, Outcome::Ok, None);
        }
        local.current.set(previous);
        let polled = Polled { polls: self.polls, busy: self.busy.wrapping_add(end) };
        local.write_in_room(polled.after(state.end_words(site, flags, wire::END_ASYNC, Outcome::Ok, end)));
    }

    #[cold]
    #[inline(never)]
    fn end(&mut self, previous: *const SpanState, end: u64, outcome: Outcome, fault: Option<Box<Fault>>) {
        self.busy = self.busy.wrapping_add(end);
        // SAFETY: a call that ends was entered.
        let state = unsafe { self.state() };
        state.leave(previous);
        state.finish(end, outcome, fault, Some(self.polled()));
    }
}

#[inline(always)]
fn enter_again(state: &SpanState) -> *const SpanState {
    let local = local::here();
    let previous = local.current.get();
    if state.has(CURRENT) {
        local.current.set(state);
    }
    if state.has(ATTACHED) || shortcut::foreign_spans_alive() {
        attach(state);
    }
    previous
}

#[cold]
#[inline(never)]
fn attach(state: &SpanState) {
    state.add(ATTACHED);
    root::attach(state);
}

/// Ends the call when a poll unwinds.
struct Unwinding<'a> {
    /// Null when there is nothing to do.
    call: *mut Call,
    previous: &'a Previous,
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: null, or the call, which outlives the poll, and whose other references are not used while it unwinds.
        let Some(call) = (unsafe { self.call.as_mut() }) else { return };
        call.busy = call.busy.wrapping_add(clock::now());
        // SAFETY: a call that a thread is inside of has begun.
        let state = unsafe { call.state() };
        // SAFETY: written when the thread came in.
        state.leave(unsafe { self.previous.assume_init() });
        state.abandon(Outcome::Panic, Some(call.polled()));
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        match self.phase {
            // SAFETY: a call that was polled has begun.
            Phase::Running => unsafe { self.state() }.abandon(Outcome::Cancelled, Some(self.polled())),
            // SAFETY: the phase says so.
            Phase::Begun => unsafe { self.state() }.forget(),
            Phase::New | Phase::Quiet => {}
        }
    }
}

impl<F, C> Future for Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let (call, look, inner) = self.parts();
        let mut previous = Previous::uninit();
        let entered = enter(call, &mut previous);
        // The body is polled in one place only, so that there is one copy of its code.
        let result = inner.poll(cx);
        match &result {
            Poll::Ready(value) => end_with(entered, value, look),
            Poll::Pending => pause(entered),
        }
        result
    }
}

/// The exit of a stream: it has no value to look at.
#[derive(Clone, Copy, Debug)]
pub struct Ended;

impl<S: Stream> Stream for Run<S, Ended> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let (call, _, inner) = self.parts();
        let mut previous = Previous::uninit();
        let entered = enter(call, &mut previous);
        let result = inner.poll_next(cx);
        match &result {
            Poll::Ready(end @ None) => end_with(entered, end, &mut Some(a_value)),
            _ => pause(entered),
        }
        result
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// A state of which only the call site is written.
#[inline(always)]
fn only_site(site: &'static Callsite) -> Slot {
    let mut state = Slot::uninit();
    // SAFETY: the field lies inside of the slot.
    unsafe { (&raw mut (*state.as_mut_ptr()).site).write(Cell::new(Some(site))) };
    state
}

/// The body of an `async fn`.
#[inline]
pub fn run<F, C>(site: &'static Callsite, _: Returns<F::Output>, body: F, exit: C) -> Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    Run::new(only_site(site), Phase::New, exit, body)
}

/// The same with parent, links or baggage given. Decides at once, so call it where the future is awaited.
#[inline]
pub fn run_with<F, C>(start: Start, _: Returns<F::Output>, body: F, exit: C) -> Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    let state = SpanState::new();
    let (flags, previous) = start.begin(&state);
    let phase = if flags == 0 { Phase::Quiet } else { Phase::Begun };
    state.step_back(previous);
    Run::new(Slot::new(state.take()), phase, exit, body)
}

/// Ends a call that unwinds before there is a future.
struct BuildUnwinding<'a>(&'a SpanState);

impl Drop for BuildUnwinding<'_> {
    fn drop(&mut self) {
        self.0.end_frame();
        self.0.abandon(Outcome::Panic, None);
    }
}

#[inline(always)]
fn build_inner<F, C>(
    begin: impl FnOnce(&SpanState) -> (u32, *const SpanState),
    body: impl FnOnce() -> F,
    exit: C,
) -> Run<F, C> {
    let state = SpanState::new();
    let (flags, previous) = begin(&state);
    if flags == 0 {
        return Run::new(Slot::uninit(), Phase::Quiet, exit, body());
    }
    state.step_back_keeping_frame(previous);
    let unwinding = BuildUnwinding(&state);
    let inner = body();
    std::mem::forget(unwinding);
    state.end_frame();
    Run::new(Slot::new(state.take()), Phase::Begun, exit, inner)
}

#[inline(always)]
fn begin_at(site: &'static Callsite) -> impl FnOnce(&SpanState) -> (u32, *const SpanState) {
    move |state| {
        let bits = site.bits();
        if Callsite::is_on(bits) { state.begin(site, bits) } else { (0, ptr::null()) }
    }
}

/// A function that builds its future: attributes and labels are taken while building.
#[inline]
pub fn build<F, C>(site: &'static Callsite, _: Returns<F>, body: impl FnOnce() -> F, exit: C) -> Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    build_inner(begin_at(site), body, exit)
}

/// The same with parent, links or baggage given.
#[inline]
pub fn build_with<F, C>(start: Start, _: Returns<F>, body: impl FnOnce() -> F, exit: C) -> Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    build_inner(move |state| start.begin(state), body, exit)
}

/// A function that builds a stream: from the first poll to `None`.
#[inline]
pub fn build_stream<S: Stream>(site: &'static Callsite, _: Returns<S>, body: impl FnOnce() -> S) -> Run<S, Ended> {
    build_inner(begin_at(site), body, Ended)
}

/// The same with parent, links or baggage given.
#[inline]
pub fn build_stream_with<S: Stream>(start: Start, _: Returns<S>, body: impl FnOnce() -> S) -> Run<S, Ended> {
    build_inner(move |state| start.begin(state), body, Ended)
}

/// Covers the statements before `Box::pin(async ..)`: an unwind of theirs is a panic of the call.
#[must_use = "hand it to `run_built`"]
pub struct Building {
    // On the heap, because this value moves and the state must not while attributes are taken.
    state: Option<Box<SpanState>>,
}

/// Begins a function that boxes its future in place.
#[inline]
pub fn building(site: &'static Callsite) -> Building {
    Building::new(begin_at(site), Callsite::is_on(site.bits()))
}

/// The same with parent, links or baggage given.
pub fn building_with(start: Start) -> Building {
    let on = Callsite::is_on(start.site().bits());
    Building::new(move |state| start.begin(state), on)
}

impl Building {
    fn new(begin: impl FnOnce(&SpanState) -> (u32, *const SpanState), on: bool) -> Self {
        if !on {
            return Building { state: None };
        }
        let state = Box::new(SpanState::new());
        let (flags, previous) = begin(&state);
        if flags == 0 {
            return Building { state: None };
        }
        state.step_back_keeping_frame(previous);
        Building { state: Some(state) }
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            drop(BuildUnwinding(&state));
        }
    }
}

/// The future that was boxed in place.
#[inline]
pub fn run_built<F, C>(mut building: Building, body: F, exit: C) -> Run<F, C>
where
    F: Future,
    C: FnOnce(&F::Output, &mut Exit<'_>),
{
    match building.state.take() {
        Some(state) => {
            state.end_frame();
            Run::new(Slot::new(state.take()), Phase::Begun, exit, body)
        }
        None => Run::new(Slot::uninit(), Phase::Quiet, exit, body),
    }
}

/// Seen through any alias or associated type, a boxed future: measured as one.
pub trait ViaBoxFuture {
    /// The boxed future.
    type Boxed;
    /// What it comes to.
    type Out;
    #[doc(hidden)]
    fn __call<C>(self, site: &'static Callsite, body: impl FnOnce() -> Self::Boxed, exit: C) -> Self::Boxed
    where
        C: FnOnce(&Self::Out, &mut Exit<'_>) + Send + Sync + 'static;
    #[doc(hidden)]
    fn __call_with<C>(self, start: Start, body: impl FnOnce() -> Self::Boxed, exit: C) -> Self::Boxed
    where
        C: FnOnce(&Self::Out, &mut Exit<'_>) + Send + Sync + 'static;
}

macro_rules! boxed {
    ($($bound:tt)*) => {
        impl<'a, T: 'a> ViaBoxFuture for Returns<Pin<Box<dyn Future<Output = T> $($bound)* + 'a>>> {
            type Boxed = Pin<Box<dyn Future<Output = T> $($bound)* + 'a>>;
            type Out = T;

            #[inline]
            fn __call<C>(self, site: &'static Callsite, body: impl FnOnce() -> Self::Boxed, exit: C) -> Self::Boxed
            where
                C: FnOnce(&T, &mut Exit<'_>) + Send + Sync + 'static,
            {
                if !Callsite::is_on(site.bits()) {
                    return body();
                }
                Box::pin(build(site, self, body, exit))
            }

            fn __call_with<C>(self, start: Start, body: impl FnOnce() -> Self::Boxed, exit: C) -> Self::Boxed
            where
                C: FnOnce(&T, &mut Exit<'_>) + Send + Sync + 'static,
            {
                Box::pin(build_with(start, self, body, exit))
            }
        }
    };
}
boxed!();
boxed!(+ Send);
boxed!(+ Send + Sync);

/// A plain call.
pub trait ViaCall {
    /// What the function returns.
    type Ret;
    #[doc(hidden)]
    fn __call(
        self,
        site: &'static Callsite,
        body: impl FnOnce() -> Self::Ret,
        exit: impl FnOnce(&Self::Ret, &mut Exit<'_>),
    ) -> Self::Ret;
    #[doc(hidden)]
    fn __call_with(
        self,
        start: Start,
        body: impl FnOnce() -> Self::Ret,
        exit: impl FnOnce(&Self::Ret, &mut Exit<'_>),
    ) -> Self::Ret;
}

impl<R> ViaCall for &Returns<R> {
    type Ret = R;

    #[inline]
    fn __call(self, site: &'static Callsite, body: impl FnOnce() -> R, exit: impl FnOnce(&R, &mut Exit<'_>)) -> R {
        super::span::call(site, *self, body, exit)
    }

    #[inline]
    fn __call_with(self, start: Start, body: impl FnOnce() -> R, exit: impl FnOnce(&R, &mut Exit<'_>)) -> R {
        super::span::call_with(start, *self, body, exit)
    }
}

impl SpanState {
    /// Begun, but not entered: what was current is current again.
    fn step_back(&self, previous: *const SpanState) {
        self.step_back_keeping_frame(previous);
        local::with(|local| {
            if ptr::eq(local.frame.get(), self) {
                local.frame.set(ptr::null());
            }
        });
    }

    fn step_back_keeping_frame(&self, previous: *const SpanState) {
        if self.has(CURRENT) {
            local::with(|local| local.current.set(previous));
        }
    }

    /// A call that never came to its first poll.
    #[cold]
    fn forget(&self) {
        if self.has(RECORDED) {
            local::with(|local| local.write([wire::first(wire::FORGET, 0, 0, 0), self.id()]));
        }
        self.forget_metrics();
    }
}
