//! What is recorded at all: a few words that every call reads and only start and tests write.

use std::sync::{
    RwLock,
    atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::*},
};

const OFF: u8 = 0;
const ON: u8 = 1;
static STATE: AtomicU8 = AtomicU8::new(OFF);
static IN_FLIGHT: AtomicU8 = AtomicU8::new(OFF);
/// 0 traces that are sampled, 1 every measurement, 2 none.
static EXEMPLARS: AtomicU8 = AtomicU8::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(DEFAULT_LIMIT);
pub(crate) const DEFAULT_LIMIT: usize = 500;
pub(crate) const LIMIT_WITH_ERROR_TYPE: usize = 100;

static START_NS: AtomicU64 = AtomicU64::new(0);

/// Since when sums count, in nanoseconds since 1970: the first time that metrics were switched on.
pub(crate) fn start_ns() -> u64 {
    START_NS.load(Relaxed)
}

/// Switches recording on or off.
pub(crate) fn set_enabled(on: bool) {
    if on {
        _ = START_NS.compare_exchange(0, super::read::now_ns(), Relaxed, Relaxed);
    }
    STATE.store(on as u8, Release);
}

/// Whether metrics are recorded at all: one relaxed load.
#[inline(always)]
pub(crate) fn enabled() -> bool {
    STATE.load(Relaxed) == ON
}

/// Whether calls that are running are counted (role `Service`).
pub(crate) fn set_in_flight(on: bool) {
    IN_FLIGHT.store(on as u8, Relaxed);
}

/// Whether calls that are running are counted.
#[inline(always)]
pub(crate) fn in_flight() -> bool {
    IN_FLIGHT.load(Relaxed) == ON
}

/// Whether up-down counters are recorded: in role `Service`, as a command's would never come back.
#[inline(always)]
pub(crate) fn up_down() -> bool {
    in_flight()
}

/// 0 = sampled traces, 1 = every measurement, 2 = none.
pub(crate) fn set_exemplars(filter: u8) {
    EXEMPLARS.store(filter, Relaxed);
}

/// Whether a measurement in such a trace may become an exemplar.
#[inline(always)]
pub(crate) fn exemplar_wanted(sampled: bool) -> bool {
    match EXEMPLARS.load(Relaxed) {
        0 => sampled,
        1 => true,
        _ => false,
    }
}

static EXPONENTIAL: AtomicU8 = AtomicU8::new(OFF);

/// Histograms that are made from now on have base-2 exponential buckets.
pub(crate) fn set_exponential(on: bool) {
    EXPONENTIAL.store(on as u8, Relaxed);
}

pub(crate) fn exponential() -> bool {
    EXPONENTIAL.load(Relaxed) == ON
}

/// Series that one call site may have before further ones fold into `otel.metric.overflow`.
pub(crate) fn set_limit(limit: usize) {
    LIMIT.store(limit.max(1), Relaxed);
}

/// Series that a stream may have. A limit that somebody set holds for all streams.
pub(crate) fn limit(error_type: bool) -> usize {
    match LIMIT.load(Relaxed) {
        DEFAULT_LIMIT if error_type => LIMIT_WITH_ERROR_TYPE,
        limit => limit,
    }
}

/// Name of the program, for the names of the runtime's own metrics.
static APP: RwLock<String> = RwLock::new(String::new());

pub(crate) fn set_app(app: &str) {
    *APP.write().unwrap_or_else(std::sync::PoisonError::into_inner) = app.to_owned();
}

/// A name as it leaves the process: `{app}` is the program.
pub(crate) fn named(name: &'static str) -> super::model::Text {
    match name.strip_prefix("{app}") {
        None => name.into(),
        Some(rest) => format!("{}{rest}", APP.read().unwrap_or_else(std::sync::PoisonError::into_inner)).into(),
    }
}
