//! Ticks: the cheapest clock that is monotonic, and what a tick is worth.
//!
//! The time stamp counter where it is invariant, nanoseconds of `Instant` elsewhere. Only `now` is called on the hot path;
//! conversion to the system's time is the collector's business, with an anchor that it renews.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Set once, when the counter was found usable; read with every time stamp.
static COUNTER: AtomicBool = AtomicBool::new(false);
/// Ticks per nanosecond as the bits of an `f64`; 0 = not measured.
static RATE: AtomicU64 = AtomicU64::new(0);
static FIRST: OnceLock<(u64, Instant)> = OnceLock::new();
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// The time in ticks.
#[inline(always)]
pub(crate) fn now() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if COUNTER.load(Ordering::Relaxed) {
        return counter();
    }
    fallback()
}

/// The time in ticks where `shortcut::is_open` has said that the clock is chosen.
#[inline(always)]
pub(crate) fn chosen() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    return counter();
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    fallback()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has `rdtsc`; it reads no memory.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cold]
fn fallback() -> u64 {
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Chooses the clock and measures its rate, once per process; takes about 100 microseconds the first time.
pub(crate) fn start() {
    FIRST.get_or_init(|| {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if invariant_counter() {
            let first = pair(counter, Instant::now);
            while first.1.elapsed() < Duration::from_micros(100) {
                std::hint::spin_loop();
            }
            let rate = rate_between(first, pair(counter, Instant::now));
            if (0.01..100.0).contains(&rate) {
                RATE.store(rate.to_bits(), Ordering::Relaxed);
                COUNTER.store(true, Ordering::Relaxed);
                super::shortcut::counter_is_usable();
                return first;
            }
        }
        RATE.store(1f64.to_bits(), Ordering::Relaxed);
        pair(fallback, Instant::now)
    });
}

/// Does the processor promise a counter that runs at one rate in every power state and on every core?
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn invariant_counter() -> bool {
    use std::arch::x86_64::__cpuid;
    __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
}

/// Ticks per nanosecond, as well as known by now.
pub(crate) fn ticks_per_ns() -> f64 {
    start();
    f64::from_bits(RATE.load(Ordering::Relaxed))
}

/// One moment on two clocks: of three attempts the one that took the fewest ticks.
fn pair<T>(ticks: impl Fn() -> u64, other: impl Fn() -> T) -> (u64, T) {
    let attempt = || {
        let (before, value, after) = (ticks(), other(), ticks());
        (after.wrapping_sub(before), before.wrapping_add(after.wrapping_sub(before) / 2), value)
    };
    let mut best = attempt();
    for _ in 0..2 {
        let next = attempt();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1, best.2)
}

fn rate_between(first: (u64, Instant), last: (u64, Instant)) -> f64 {
    last.0.wrapping_sub(first.0) as f64 / last.1.saturating_duration_since(first.1).as_nanos().max(1) as f64
}

/// One moment in ticks and in the system's time, and the rate between the two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    ticks: u64,
    unix_ns: u64,
    ns_per_tick: f64,
}

impl Anchor {
    /// Anchored now, with the rate measured over the life of the process.
    pub(crate) fn new() -> Self {
        start();
        let (ticks, wall) = pair(now, SystemTime::now);
        if let Some(first) = FIRST.get() {
            let last = pair(now, Instant::now);
            if last.1.saturating_duration_since(first.1) > Duration::from_millis(1) {
                RATE.store(rate_between(*first, last).to_bits(), Ordering::Relaxed);
            }
        }
        let unix_ns = wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        Anchor { ticks, unix_ns, ns_per_tick: 1.0 / ticks_per_ns() }
    }

    /// Old enough that the system's clock may have moved away by a measurable amount?
    pub(crate) fn is_stale(&self) -> bool {
        self.ns(now().saturating_sub(self.ticks)) > 1_000_000_000
    }

    /// A duration in nanoseconds.
    pub(crate) fn ns(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick) as u64
    }

    /// A moment in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self, ticks: u64) -> u64 {
        if ticks >= self.ticks {
            self.unix_ns.saturating_add(self.ns(ticks - self.ticks))
        } else {
            self.unix_ns.saturating_sub(self.ns(self.ticks - ticks))
        }
    }

    /// Start and end of a span; the end is never before the start.
    pub(crate) fn interval(&self, start: u64, end: u64) -> (SystemTime, SystemTime) {
        let from = self.unix_ns(start);
        let to = from.saturating_add(self.ns(end.saturating_sub(start)));
        (UNIX_EPOCH + Duration::from_nanos(from), UNIX_EPOCH + Duration::from_nanos(to))
    }

    /// A moment in the system's time.
    pub(crate) fn time(&self, ticks: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.unix_ns(ticks))
    }
}

/// The anchor of this second. Everybody who turns ticks into time of day asks here, so that an event and its span, which
/// are written by different threads, agree to the nanosecond.
pub(crate) fn anchor() -> Anchor {
    static SHARED: Mutex<Option<Anchor>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match *shared {
        Some(anchor) if !anchor.is_stale() => anchor,
        _ => *shared.insert(Anchor::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(a: SystemTime, b: SystemTime) -> Duration {
        a.duration_since(b).unwrap_or_else(|e| e.duration())
    }

    #[test]
    fn ticks_agree_with_the_system_clock() {
        let anchor = Anchor::new();
        let end = Instant::now() + Duration::from_millis(20);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        let (ticks, wall) = pair(now, SystemTime::now);
        assert!(apart(anchor.time(ticks), wall) < Duration::from_millis(1), "{:?} and {wall:?}", anchor.time(ticks));
        let again = Anchor::new();
        assert!(apart(again.time(ticks), wall) < Duration::from_millis(1));
    }

    #[test]
    fn a_rate_error_of_an_hour_stays_below_a_millisecond() {
        start();
        let end = Instant::now() + Duration::from_millis(50);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        // Renewed every second, an anchor only has to carry one second: far inside of the promise.
        let first = Anchor::new();
        let second = Anchor::new();
        let hour = (3.6e12 / first.ns_per_tick) as u64;
        let drift = first.ns(hour).abs_diff(second.ns(hour));
        assert!(drift / 3600 < 1_000_000, "{drift} ns an hour");
    }

    #[test]
    fn spans_of_an_hour_stay_within_a_millisecond_of_the_system_clock() {
        // A counter of 3 GHz whose rate is known to 50 ppm, under a system clock that is slewed by 500 ppm, the most that
        // adjtime does, now forwards and now backwards.
        const TICKS_PER_NS: f64 = 3.0;
        let (mut ticks, mut system, mut furthest) = (1u64 << 40, 1_700_000_000_000_000_000u64, 0);
        for second in 0..3600 {
            let slew = if second % 600 < 300 { 1.0005 } else { 0.9995 };
            let anchor = Anchor { ticks, unix_ns: system, ns_per_tick: 1.00005 / TICKS_PER_NS };
            let mut before = 0;
            for _ in 0..20 {
                ticks += (50e6 * TICKS_PER_NS) as u64;
                system += (50e6 * slew) as u64;
                let shown = anchor.unix_ns(ticks);
                assert!(shown > before, "time goes on within an anchor");
                before = shown;
                furthest = furthest.max(shown.abs_diff(system));
            }
        }
        assert!(furthest < 1_000_000, "{furthest} ns");
    }

    #[test]
    fn an_end_is_never_before_its_start() {
        let anchor = Anchor::new();
        let (start, end) = anchor.interval(1_000, 10);
        assert_eq!(start, end);
    }

    #[test]
    fn the_fallback_runs_in_nanoseconds() {
        let (a, t) = (fallback(), Instant::now());
        while t.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!((2_000_000..2_000_000_000).contains(&(fallback() - a)));
    }
}
