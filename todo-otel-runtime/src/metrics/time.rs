//! Ticks of the recorder's clock and what they are worth; the current span.

use crate::record::red::SpanRef;

/// Ticks in so many seconds.
pub(crate) fn ticks_of(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// The span that is current on this thread; the default one when there is none.
pub(crate) fn current_span() -> SpanRef {
    SpanRef::default()
}

/// Turns ticks into time.
pub(crate) struct Clock;

impl Clock {
    pub(crate) fn new() -> Self {
        Clock
    }

    /// A duration in seconds.
    pub(crate) fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / 1e9
    }

    /// A moment in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self, ticks: u64) -> u64 {
        ticks
    }
}
