//! When a destination may be tried again. Pure: time and chance come in as arguments; the file is `spool`'s.

use super::{clock::Now, verdict::MAX_ASKED};
use std::time::Duration;

/// First wait of an outage; each further one is twice as long.
const FIRST: u64 = 1_000;
/// Longest wait of an outage.
const LONGEST: u64 = 5 * 60_000;
/// First wait after a refusal that only another configuration can mend.
const FIRST_REFUSED: u64 = 60_000;
/// Longest wait, whoever asked for it.
const CAP: u64 = MAX_ASKED.as_millis() as u64;
/// Failures in a row that open a closed breaker.
const TOLERATED: u32 = 2;

/// Closed while `opened == 0`; otherwise open until `not_before`, and half-open from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Times it opened since the last success.
    pub(crate) opened: u32,
    /// Times it opened because the configuration was refused.
    pub(crate) refused: u32,
    /// No request before this wall time in ms.
    pub(crate) not_before_ms: u64,
    /// The same moment on the boot clock, valid for this boot.
    pub(crate) not_before_boot_ms: u64,
    pub(crate) boot_id: String,
    /// Segment at the head of the spool that was not taken, and how often.
    pub(crate) head: String,
    pub(crate) head_failures: u32,
    /// Wall time in ms of the last success; 0 = never.
    pub(crate) last_success_ms: u64,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.opened > 0
    }

    /// Time until the next request is allowed; zero when it is.
    pub(crate) fn wait(&self, now: &Now) -> Duration {
        if self.opened == 0 {
            return Duration::ZERO;
        }
        let left = if self.boot_id == now.boot_id && !self.boot_id.is_empty() {
            self.not_before_boot_ms.saturating_sub(now.boot_ms)
        } else {
            self.not_before_ms.saturating_sub(now.wall_ms)
        };
        // Further away than any wait we make: the clock was moved, or the file is not ours.
        let left = if left > CAP + CAP / 10 { 0 } else { left };
        Duration::from_millis(left)
    }

    pub(crate) fn may_send(&self, now: &Now) -> bool {
        self.wait(now).is_zero()
    }

    pub(crate) fn succeeded(&mut self, now: &Now) {
        *self = Breaker {
            head: std::mem::take(&mut self.head),
            head_failures: self.head_failures,
            last_success_ms: now.wall_ms,
            ..Breaker::default()
        };
    }

    /// No answer, or one that says later. `chance` is uniform over `u64`.
    pub(crate) fn failed(&mut self, asked: Option<Duration>, now: &Now, chance: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.opened == 0 && self.failures < TOLERATED && asked.is_none() {
            return;
        }
        let full = doubled(FIRST, self.opened, LONGEST);
        let own = full / 2 + chance % (full / 2 + 1);
        let wait = match asked.map(|asked| u64::try_from(asked.as_millis()).unwrap_or(CAP)) {
            Some(asked) => own.max(asked + chance % (asked / 10 + 1)).min(CAP),
            None => own,
        };
        self.open(wait, now);
    }

    /// The configuration was refused.
    pub(crate) fn misconfigured(&mut self, now: &Now, chance: u64) {
        let full = doubled(FIRST_REFUSED, self.refused, CAP);
        self.refused = self.refused.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        self.open((full + chance % (full / 10 + 1)).min(CAP), now);
    }

    fn open(&mut self, wait_ms: u64, now: &Now) {
        self.opened = self.opened.saturating_add(1);
        self.not_before_ms = now.wall_ms.saturating_add(wait_ms);
        self.not_before_boot_ms = now.boot_ms.saturating_add(wait_ms);
        self.boot_id.clone_from(&now.boot_id);
    }

    /// The file `state`: JSON, at most 4 KiB.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!({
            "failures": self.failures, "opened": self.opened, "refused": self.refused,
            "not_before_ms": self.not_before_ms, "not_before_boot_ms": self.not_before_boot_ms,
            "boot_id": self.boot_id, "head": self.head, "head_failures": self.head_failures,
            "last_success_ms": self.last_success_ms,
        })
        .to_string()
    }

    /// Anything unreadable is a closed breaker: losing the state is harmless.
    pub(crate) fn from_json(text: &[u8]) -> Breaker {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(text) else { return Breaker::default() };
        let number = |key: &str| value.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let small = |key: &str| u32::try_from(number(key)).unwrap_or(u32::MAX);
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        Breaker {
            failures: small("failures"),
            opened: small("opened"),
            refused: small("refused"),
            not_before_ms: number("not_before_ms"),
            not_before_boot_ms: number("not_before_boot_ms"),
            boot_id: text("boot_id"),
            head: text("head"),
            head_failures: small("head_failures"),
            last_success_ms: number("last_success_ms"),
        }
    }
}

fn doubled(first: u64, times: u32, longest: u64) -> u64 {
    first.saturating_mul(1 << times.min(20)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Now {
        Now { wall_ms: 1_800_000_000_000 + ms, boot_ms: 50_000 + ms, boot_id: "boot".to_owned() }
    }

    #[test]
    fn one_failure_is_tolerated_two_open_it_and_a_success_closes_it() {
        let mut breaker = Breaker::default();
        breaker.failed(None, &at(0), 0);
        assert!(breaker.may_send(&at(0)));
        breaker.failed(None, &at(0), 0);
        assert!(!breaker.may_send(&at(499)) && breaker.may_send(&at(500)));
        breaker.succeeded(&at(600));
        assert!(breaker.may_send(&at(600)) && !breaker.is_open());
    }

    #[test]
    fn what_a_server_asks_is_a_floor_from_the_first_answer_on() {
        for chance in [0, 7, u64::MAX] {
            let mut breaker = Breaker::default();
            breaker.failed(Some(Duration::from_secs(30)), &at(0), chance);
            assert!(!breaker.may_send(&at(29_999)));
            assert!(breaker.may_send(&at(33_000)));
        }
    }

    #[test]
    fn a_refused_configuration_waits_from_a_minute_to_an_hour() {
        let mut breaker = Breaker::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            breaker.misconfigured(&at(0), 0);
            waits.push(breaker.wait(&at(0)).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn a_moved_wall_clock_neither_freezes_nor_hastens() {
        let mut breaker = Breaker::default();
        breaker.failed(Some(Duration::from_secs(60)), &at(0), 0);
        for wall_ms in [0, 1, 1_700_000_000_000, 1_900_000_000_000] {
            let early = Now { wall_ms, ..at(59_000) };
            assert!(!breaker.may_send(&early), "{wall_ms}");
            assert!(breaker.may_send(&Now { wall_ms, ..at(67_000) }), "{wall_ms}");
        }
    }

    #[test]
    fn after_a_reboot_the_wall_clock_decides_but_never_beyond_the_cap() {
        let mut breaker = Breaker::default();
        breaker.failed(Some(Duration::from_secs(60)), &at(0), 0);
        let rebooted = |ms| Now { boot_ms: 3, boot_id: "next".to_owned(), ..at(ms) };
        assert!(!breaker.may_send(&rebooted(1_000)));
        assert!(breaker.may_send(&rebooted(67_000)));
        let back_fifty_years = Now { wall_ms: 200_000_000_000, ..rebooted(0) };
        assert!(breaker.may_send(&back_fifty_years));
    }

    #[test]
    fn state_that_is_no_state_is_a_closed_breaker() {
        for junk in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe", b"{\"opened\":\"x\"}", b"{\"opened\":-1}"] {
            assert_eq!(Breaker::from_json(junk), Breaker::default());
        }
    }

    proptest! {
        #[test]
        fn an_outage_costs_at_most_ten_requests_in_its_first_minute(chances in prop::collection::vec(any::<u64>(), 40)) {
            let mut breaker = Breaker::default();
            let (mut now, mut requests) = (0, 0);
            for chance in chances {
                now += breaker.wait(&at(now)).as_millis() as u64;
                if now >= 60_000 {
                    break;
                }
                requests += 1;
                breaker.failed(None, &at(now), chance);
            }
            prop_assert!(requests <= 10, "{requests}");
        }

        #[test]
        fn survives_the_file(failures: u32, opened: u32, not_before_ms: u64, head in "[ -~]{0,80}") {
            let breaker = Breaker { failures, opened, not_before_ms, head, boot_id: "b".into(), ..Breaker::default() };
            prop_assert_eq!(Breaker::from_json(breaker.to_json().as_bytes()), breaker);
        }
    }
}
