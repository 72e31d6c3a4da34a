//! The two clocks of delivery, read together, and its randomness.

use std::{
    hash::{BuildHasher, RandomState},
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// One moment: wall time, time since boot (suspend included), and which boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) wall_ms: u64,
    pub(crate) boot_ms: u64,
    pub(crate) boot_id: String,
}

impl Now {
    pub(crate) fn read() -> Now {
        Now { wall_ms: wall_ms(), boot_ms: boot_ms(), boot_id: boot_id() }
    }

    pub(crate) fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.wall_ms)
    }
}

/// Milliseconds since 1970; a clock before that reads as 1970.
pub(crate) fn wall_ms() -> u64 {
    let now = SystemTime::now();
    #[cfg(test)]
    let now = moved(now);
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // A name holds 13 digits, which last until the year 2286.
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).min(9_999_999_999_999)
}

fn boot_ms() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Empty where the system does not tell.
fn boot_id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    let read = || {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().chars().take(64).collect()
    };
    ID.get_or_init(read).clone()
}

/// A number nobody can foresee; good for names and jitter, not for keys.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0x5eed)
}

#[cfg(test)]
thread_local! {
    /// Seconds by which the wall clock of this thread is wrong.
    static MOVED: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn moved(now: SystemTime) -> SystemTime {
    let seconds = MOVED.get();
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) }.unwrap_or(now)
}

/// Moves the wall clock of this thread.
#[cfg(test)]
pub(crate) fn move_by(seconds: i64) {
    MOVED.set(MOVED.get() + seconds);
}
