//! May a call take the short way? Yes while the counter of the processor is the clock and no span made through the
//! OpenTelemetry API is alive in this process: one load answers both.

use std::sync::atomic::{AtomicU32, Ordering};

/// The clock is not chosen yet, or it is not the processor's counter.
const NO_COUNTER: u32 = 1 << 31;

/// Spans of others that are alive, and the bit above.
static OBSTACLES: AtomicU32 = AtomicU32::new(if cfg!(all(target_arch = "x86_64", not(miri))) { NO_COUNTER } else { 0 });

/// Nothing is in the way: `clock::chosen` is the clock and the current span is the parent.
#[inline(always)]
pub(crate) fn is_open() -> bool {
    OBSTACLES.load(Ordering::Relaxed) == 0
}

/// The processor's counter is the clock from now on.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) fn counter_is_usable() {
    OBSTACLES.fetch_and(!NO_COUNTER, Ordering::Relaxed);
}

/// Must every call site look into `opentelemetry::Context`?
#[inline(always)]
pub(crate) fn foreign_spans_alive() -> bool {
    OBSTACLES.load(Ordering::Relaxed) & !NO_COUNTER != 0
}

/// A span made through the OpenTelemetry API has begun.
pub(crate) fn foreign_span_started() {
    OBSTACLES.fetch_add(1, Ordering::Relaxed);
}

/// It has ended.
pub(crate) fn foreign_span_ended() {
    OBSTACLES.fetch_sub(1, Ordering::Relaxed);
}
