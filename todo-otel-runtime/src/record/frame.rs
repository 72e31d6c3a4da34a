//! What the body of an annotated function says first: its attributes and its labels.
//!
//! Both find the call they belong to through the thread-local, and both evaluate nothing when the call does not need it.

use std::ptr;

use super::{
    callsite::{self, Callsite},
    local::{self, Local},
    span::SpanState,
    value::{Key, Slot, Value},
};
use crate::metrics::{Label, Ordinal};

/// Writes the attributes of a call, in the order of their keys.
pub struct Writer<'a> {
    local: &'a Local,
    span: u64,
    at: u64,
}

impl Writer<'_> {
    /// The next value; an absent one takes its place and leaves nothing.
    #[inline(always)]
    pub fn put<T: Value + ?Sized>(&mut self, value: &T) {
        value.put(&mut Slot::new(self.local, self.span, Key::At(self.at)));
        self.at += 1;
    }
}

/// Evaluates the attributes when this very call records a span.
#[inline(always)]
pub fn attributes(site: &'static Callsite, write: impl FnOnce(&mut Writer<'_>)) {
    if site.bits() & callsite::ATTRIBUTES == 0 {
        return;
    }
    let Some((local, span)) = expected(site) else { return };
    // SAFETY: the thread-local has no destructor, and this thread does not end before this function.
    let local = unsafe { &*local };
    let frame = local.frame.get();
    write(&mut Writer { local, span, at: 0 });
    // The values may have been calls of annotated functions; this one is still running.
    local.frame.set(frame);
}

/// The span of the call that has just begun at `site`, if it is recorded.
#[inline(never)]
fn expected(site: &'static Callsite) -> Option<(*const Local, u64)> {
    local::with(|local| {
        // SAFETY: a frame is put there by a call that is running on this thread, and taken away when the thread leaves it.
        let state = unsafe { local.frame.get().as_ref() }?;
        (state.is_of(site) && state.is_recorded()).then(|| (ptr::from_ref(local), state.id()))
    })
}

/// A label value, for the array that `labels` wants.
#[inline(always)]
pub fn label<L: Label + ?Sized>(value: &L) -> Ordinal {
    value.ordinal()
}

/// Evaluates the labels when metrics of this call are recorded.
#[inline(always)]
pub fn labels<const N: usize>(site: &'static Callsite, labels: impl FnOnce() -> [Ordinal; N]) {
    if site.bits() & callsite::LABELS == 0 {
        return;
    }
    local::with(|local| {
        let frame: *const SpanState = local.frame.get();
        // SAFETY: as above.
        let Some(state) = (unsafe { frame.as_ref() }) else { return };
        if !state.is_of(site) {
            return;
        }
        state.set_series(site.red.enter(labels()));
        local.frame.set(frame);
    });
}
