//! What is known about a provider across processes: retry budget, breaker, and the time the provider asked to wait.
//!
//! Pure: no clock, no storage. Times are milliseconds since 1970.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Retries that a quiet provider has in store.
const TOKENS: f64 = 10.0;
/// What one call adds: in the long run at most one retry per ten calls.
const PER_CALL: f64 = 0.1;
/// Attempts that are looked at.
const WINDOW: u32 = 10;
/// Failures among them that open the breaker.
const FAILURES: u32 = 5;
const FIRST_OPEN_MS: i64 = 30_000;
const LONGEST_OPEN_MS: i64 = 600_000;
/// A probe that has not reported back by then is taken for dead.
const PROBE_MS: i64 = 130_000;
/// Longest wait that a provider can impose.
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// State of one provider; stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderState {
    /// Retries left.
    tokens: f64,
    /// The last attempts, newest in the lowest bit, 1 = failed.
    outcomes: u16,
    /// 0 = closed; else no call before this time.
    open_until: i64,
    /// How long the breaker was opened for.
    open_for: i64,
    /// A probe is under way until then; 0 = none.
    probe_until: i64,
    /// The provider asked for no request before this time.
    wait_until: i64,
}

impl Default for ProviderState {
    fn default() -> Self {
        ProviderState { tokens: TOKENS, outcomes: 0, open_until: 0, open_for: 0, probe_until: 0, wait_until: 0 }
    }
}

/// May a call be made?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// The provider asked to wait this long.
    Wait(Duration),
    /// The breaker is open for this long.
    Open(Duration),
}

impl ProviderState {
    /// Reads the stored text; what cannot be read counts as new.
    pub fn from_text(text: Option<&str>) -> ProviderState {
        let state: ProviderState = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let tokens = if state.tokens.is_finite() { state.tokens.clamp(0.0, TOKENS) } else { TOKENS };
        ProviderState { tokens, ..state }
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Asked before each logical call.
    pub fn admit(&mut self, now: i64) -> Admission {
        // A clock that was set back must not lock the provider for longer than it ever could be.
        if self.open_until > now + LONGEST_OPEN_MS {
            self.open_until = now;
        }
        if self.wait_until > now + LONGEST_WAIT_MS {
            self.wait_until = 0;
        }
        if self.probe_until > now + PROBE_MS {
            self.probe_until = 0;
        }
        if self.wait_until > now {
            return Admission::Wait(millis(self.wait_until - now));
        }
        if self.open_until != 0 {
            if self.open_until > now {
                return Admission::Open(millis(self.open_until - now));
            }
            if self.probe_until > now {
                return Admission::Open(millis(self.probe_until - now));
            }
            self.probe_until = now + PROBE_MS;
        }
        self.tokens = (self.tokens + PER_CALL).min(TOKENS);
        Admission::Go
    }

    /// Asked before each retry inside a call; takes from the budget when it says yes.
    pub fn may_retry(&mut self) -> bool {
        if self.open_until != 0 || self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Told after each attempt. `failed`: the provider did not do its work; a refusal of our request is no failure.
    pub fn record(&mut self, failed: bool, now: i64) {
        if self.open_until != 0 {
            self.probe_until = 0;
            if failed {
                self.open_for = (self.open_for * 2).clamp(FIRST_OPEN_MS, LONGEST_OPEN_MS);
                self.open_until = now + self.open_for;
            } else {
                *self = ProviderState { tokens: self.tokens, ..ProviderState::default() };
            }
            return;
        }
        self.outcomes = ((self.outcomes << 1) | u16::from(failed)) & ((1 << WINDOW) - 1);
        if self.outcomes.count_ones() >= FAILURES {
            self.open_for = FIRST_OPEN_MS;
            self.open_until = now + FIRST_OPEN_MS;
        }
    }

    /// Told when the provider asks for a pause.
    pub fn wait(&mut self, wait: Duration, now: i64) {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(LONGEST_WAIT_MS).min(LONGEST_WAIT_MS);
        self.wait_until = self.wait_until.max(now + wait);
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_of_ten_open_it_and_one_probe_closes_it() {
        let mut state = ProviderState::default();
        for failed in [true, true, false, true, false, true] {
            assert_eq!(state.admit(0), Admission::Go);
            state.record(failed, 0);
        }
        state.record(true, 1_000);
        assert_eq!(state.admit(1_000), Admission::Open(Duration::from_secs(30)));
        assert!(!state.may_retry());

        assert_eq!(state.admit(31_000), Admission::Go, "the probe");
        assert!(matches!(state.admit(31_001), Admission::Open(_)), "one probe at a time");
        state.record(true, 31_500);
        assert_eq!(state.admit(31_500), Admission::Open(Duration::from_secs(60)), "twice as long");

        assert_eq!(state.admit(92_000), Admission::Go);
        state.record(false, 92_100);
        assert_eq!(state.admit(92_100), Admission::Go);
        assert_eq!(state.admit(92_100), Admission::Go, "closed");
    }

    #[test]
    fn it_stays_open_for_ten_minutes_at_most() {
        let (mut state, mut now) = (ProviderState::default(), 0);
        for _ in 0..5 {
            state.record(true, now);
        }
        for _ in 0..12 {
            let Admission::Open(wait) = state.admit(now) else { panic!("closed") };
            assert!(wait <= Duration::from_secs(600));
            now += i64::try_from(wait.as_millis()).unwrap();
            assert_eq!(state.admit(now), Admission::Go);
            state.record(true, now);
        }
    }

    #[test]
    fn a_hundred_calls_in_an_outage_are_few_attempts() {
        let mut state = ProviderState::default();
        let mut attempts = 0;
        for call in 0..100 {
            let now = call * 100;
            if state.admit(now) != Admission::Go {
                continue;
            }
            loop {
                attempts += 1;
                state.record(true, now);
                if !state.may_retry() {
                    break;
                }
            }
        }
        assert!(attempts <= 10, "{attempts} attempts");
    }

    #[test]
    fn retries_are_a_tenth_of_the_calls_in_the_long_run() {
        let mut state = ProviderState::default();
        let mut retries = 0;
        for call in 0..1000 {
            assert_eq!(state.admit(call), Admission::Go);
            // Every attempt of every call fails now and then, never often enough for the breaker.
            if state.may_retry() {
                retries += 1;
            }
            state.record(false, call);
        }
        assert!((100..=111).contains(&retries), "{retries}");
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept_by_everyone() {
        let mut state = ProviderState::default();
        state.wait(Duration::from_secs(20), 5_000);
        let mut other = ProviderState::from_text(Some(&state.to_text()));
        assert_eq!(other, state);
        assert_eq!(other.admit(10_000), Admission::Wait(Duration::from_secs(15)));
        assert_eq!(other.admit(25_000), Admission::Go);
    }

    #[test]
    fn nonsense_and_clock_steps_lock_nobody_out() {
        assert_eq!(ProviderState::from_text(Some("{\"tokens\":")), ProviderState::default());
        let mut state = ProviderState::default();
        state.wait(Duration::from_secs(60), 10_000_000_000);
        for _ in 0..5 {
            state.record(true, 10_000_000_000);
        }
        assert_eq!(state.admit(1_000), Admission::Go, "the clock was set back by months");
    }

    #[test]
    fn a_lost_probe_is_replaced() {
        let mut state = ProviderState::default();
        for _ in 0..5 {
            state.record(true, 0);
        }
        assert_eq!(state.admit(30_000), Admission::Go);
        assert!(matches!(state.admit(60_000), Admission::Open(_)));
        assert_eq!(state.admit(30_000 + PROBE_MS), Admission::Go);
    }
}
