//! One call while it runs: a small state on the stack, or in the future, that the thread-local points to.
//!
//! A child copies ids by value from its parent's state, so that no state outlives its call. The end is written whole, so
//! that the collector needs to remember nothing but attributes. How a call begins and ends is in `span::begin` and
//! `span::end`, plain calls in `span::call`; futures are in `future`, new traces in `root`.

pub(crate) mod begin;
pub(crate) mod call;
pub(crate) mod end;

use std::{cell::Cell, ptr, sync::Arc};

use opentelemetry::{Context, trace::TraceState};

use super::{callsite::Callsite, meta::Meta, red::Series};
pub use call::{Entered, Returns, call, call_with, enter, enter_with, leave, returns};

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
/// Attributes or labels are still to come, and the thread-local `frame` points here.
pub(crate) const FRAME: u32 = 1 << 13;
/// Its end is timed by `clock::chosen`.
pub(crate) const TIMED: u32 = 1 << 14;
/// What a child takes over from its parent; the upper half is the capture tag.
pub(crate) const INHERITED: u32 = RECORDED | SAMPLED | RANDOM | 0xffff_0000;

/// A call that runs.
#[derive(Debug)]
pub struct SpanState {
    pub(crate) site: Cell<Option<&'static Callsite>>,
    pub(crate) trace_high: Cell<u64>,
    pub(crate) trace_low: Cell<u64>,
    pub(crate) id: Cell<u64>,
    pub(crate) parent: Cell<u64>,
    pub(crate) start: Cell<u64>,
    pub(crate) flags: Cell<u32>,
    pub(crate) series: Cell<Series>,
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
