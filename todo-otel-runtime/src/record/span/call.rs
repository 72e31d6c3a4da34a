//! Plain calls: the body runs once, whatever is recorded, and the call ends on every way out of it.
//!
//! Generated code calls what is public here, once per function, so there is little of it.

use std::{marker::PhantomData, ptr};

use super::{
    super::{
        callsite::Callsite,
        outcome::{Exit, Outcome},
        root,
    },
    ATTACHED, LOGGED, SpanState,
    begin::{Previous, Slot, begin_in, begin_specially},
    end::end_of,
};

/// Ends the call when it unwinds.
struct Unwinding<'a> {
    /// Null when there is nothing to do.
    state: *const SpanState,
    previous: &'a Previous,
}

impl Drop for Unwinding<'_> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: null, or the state of a call, which outlives this guard.
        if let Some(state) = unsafe { self.state.as_ref() } {
            // SAFETY: written when the call began.
            state.leave(unsafe { self.previous.assume_init() });
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
    let (mut slot, mut previous) = (Slot::uninit(), Previous::uninit());
    let entered = begin_at(&mut slot, &mut previous, site);
    let returned = body();
    end_with(entered, &returned, exit);
    returned
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
    let previous = Previous::new(previous);
    let entered = Unwinding { state, previous: &previous };
    let returned = body();
    end_with(entered, &returned, exit);
    returned
}

// Generic over nothing, and over the returned type only: what is generic over the body is compiled once per function of
// the program. Unoptimised, inlining would put these into each of them again.

#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn begin_at<'a>(slot: &mut Slot, previous: &'a mut Previous, site: &'static Callsite) -> Unwinding<'a> {
    let bits = site.bits_unasked();
    let state = if Callsite::is_on(bits) { begin_in(slot, previous, site, bits) } else { ptr::null() };
    Unwinding { state, previous }
}

/// Ends the call with the value it returns, unless there is nothing to do.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn end_with<R>(entered: Unwinding<'_>, returned: &R, exit: impl FnOnce(&R, &mut Exit<'_>)) {
    // SAFETY: null, or the state in the caller's slot.
    let Some(state) = (unsafe { entered.state.as_ref() }) else {
        std::mem::forget(entered);
        return;
    };
    let end = end_of(state);
    let mut seen = Exit::new(state);
    exit(returned, &mut seen);
    let Exit { outcome, fault, .. } = seen;
    let previous = entered.previous;
    std::mem::forget(entered);
    // SAFETY: written when the call began.
    let previous = unsafe { previous.assume_init() };
    if outcome == Outcome::Ok && fault.is_none() {
        state.end_ok(previous, end);
    } else {
        state.end(previous, end, outcome, fault);
    }
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
