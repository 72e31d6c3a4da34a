//! Ticks of the recorder's clock and what they are worth; the current span.

use crate::record::{clock, current, red::SpanRef};

/// Ticks in so many seconds.
pub(crate) fn ticks_of(seconds: f64) -> u64 {
    (seconds * 1e9 * clock::ticks_per_ns()) as u64
}

/// Seconds that so many ticks take.
pub(crate) fn seconds_of(ticks: u64) -> f64 {
    ticks as f64 / clock::ticks_per_ns() / 1e9
}

/// The span that is current on this thread; the default one when there is none.
pub(crate) fn current_span() -> SpanRef {
    let span = |ids: current::Ids| SpanRef { trace: ids.trace, span: ids.span, sampled: ids.sampled };
    current::current().map_or(SpanRef::default(), span)
}

/// Turns ticks into time.
pub(crate) struct Clock(clock::Anchor);

impl Clock {
    pub(crate) fn new() -> Self {
        Clock(clock::anchor())
    }

    /// A duration in seconds.
    pub(crate) fn seconds(&self, ticks: u64) -> f64 {
        // Whole nanoseconds: more than the clock knows.
        self.0.ns(ticks) as f64 / 1e9
    }

    /// A moment in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self, ticks: u64) -> u64 {
        self.0.unix_ns(ticks)
    }
}
