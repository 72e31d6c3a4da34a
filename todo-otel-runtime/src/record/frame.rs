//! What the body of an annotated function says first: its attributes and its labels.
//!
//! Both find the call they belong to through the thread-local, and both evaluate nothing when the call does not need it.

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
    if site.bits_unasked() & callsite::ATTRIBUTES == 0 {
        return;
    }
    let local = local::here();
    let frame = local.frame.get();
    let Some(span) = expected(local, site) else { return };
    write(&mut Writer { local, span, at: 0 });
    // The values may have been calls of annotated functions; this one is still running.
    local.frame.set(frame);
}

/// The span of the call that has just begun at `site`, if it is recorded: the one that waits for its attributes, or else
/// the current one.
#[inline(always)]
fn expected(local: &Local, site: &'static Callsite) -> Option<u64> {
    let frame = local.frame.get();
    let state = if frame.is_null() { local.current.get() } else { frame };
    // SAFETY: both are put there by calls that are running on this thread, and taken away when the thread leaves them.
    let state = unsafe { state.as_ref() }?;
    (state.is_of(site) && state.is_recorded()).then(|| state.id())
}

/// A label value, for the array that `labels` wants.
#[inline(always)]
pub fn label<L: Label + ?Sized>(value: &L) -> Ordinal {
    value.ordinal()
}

/// Evaluates the labels when metrics of this call are recorded.
#[inline(always)]
pub fn labels<const N: usize>(site: &'static Callsite, labels: impl FnOnce() -> [Ordinal; N]) {
    if site.bits_unasked() & callsite::LABELS == 0 {
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
