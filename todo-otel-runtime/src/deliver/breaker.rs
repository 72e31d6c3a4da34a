//! When a signal may be sent to its destination again. Pure: time and chance come in as arguments; the file is
//! `spool`'s.
//!
//! Each signal has a breaker of its own, so that a receiver of traces alone gets its traces. An outage, which no signal
//! got around, counts against all of them: that keeps the requests few.

use super::{clock::Now, verdict::MAX_ASKED};
use crate::config::Signal;
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
/// Characters kept of what went wrong.
const MAX_PROBLEM: usize = 120;

/// The breakers of one destination, by `Signal as usize`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breakers {
    signals: [Breaker; 3],
    /// Answers so far, and requests without one: the order of events.
    events: u64,
}

/// Closed while `opened == 0`; otherwise open until `not_before`, and half-open from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Times it opened since the last success.
    pub(crate) opened: u32,
    /// Times it opened because the configuration was refused.
    pub(crate) refused: u32,
    /// The wait is one that the receiver asked for.
    pub(crate) asked: bool,
    /// The latest failure was another signal's.
    shared: bool,
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
    /// Latest failure, for people.
    pub(crate) problem: String,
    /// Event of this signal's latest request.
    tried: u64,
    /// Event of this signal's latest success.
    succeeded: u64,
}

impl Breakers {
    pub(crate) fn of(&self, signal: Signal) -> &Breaker {
        &self.signals[signal as usize]
    }

    pub(crate) fn of_mut(&mut self, signal: Signal) -> &mut Breaker {
        &mut self.signals[signal as usize]
    }

    pub(crate) fn may_send(&self, signal: Signal, now: &Now) -> bool {
        self.of(signal).may_send(now)
    }

    /// Whose turn it is: of signals that fail, the one that was tried longest ago comes first, so that none stands
    /// before the others at each attempt.
    pub(crate) fn turn(&self, signal: Signal) -> u64 {
        let breaker = self.of(signal);
        if breaker.failures == 0 { 0 } else { breaker.tried.saturating_add(1) }
    }

    pub(crate) fn succeeded(&mut self, signal: Signal, now: &Now) {
        self.events = self.events.saturating_add(1);
        for other in self.signals.iter_mut().filter(|breaker| breaker.shared && !breaker.asked && breaker.refused == 0)
        {
            *other = Breaker { last_success_ms: other.last_success_ms, ..other.without_failures() };
        }
        let events = self.events;
        let breaker = self.of_mut(signal);
        let last_success_ms = now.wall_ms;
        *breaker = Breaker { last_success_ms, tried: events, succeeded: events, ..breaker.without_failures() };
    }

    /// No answer, or one that says later. `chance` is uniform over `u64`.
    ///
    /// It counts against the whole destination, unless another signal got through since this one was last tried. What
    /// the receiver asks for holds for all.
    pub(crate) fn failed(&mut self, signal: Signal, asked: Option<Duration>, problem: &str, now: &Now, chance: u64) {
        self.events = self.events.saturating_add(1);
        let tried = self.of(signal).tried;
        let asked = if sabotaged!("retry_after_ignored") { None } else { asked };
        let alone = asked.is_none() && self.signals.iter().any(|other| other.succeeded > tried);
        for (i, breaker) in self.signals.iter_mut().enumerate() {
            let own = i == signal as usize;
            if own || !alone {
                breaker.shared = !own;
                breaker.failed(asked, now, chance);
                breaker.problem = problem.chars().take(MAX_PROBLEM).collect();
            }
            if own {
                breaker.tried = self.events;
            }
        }
    }

    /// The configuration of this signal was refused; the others have their own.
    pub(crate) fn misconfigured(&mut self, signal: Signal, problem: &str, now: &Now, chance: u64) {
        self.events = self.events.saturating_add(1);
        let events = self.events;
        if sabotaged!("one_breaker_for_all") {
            self.signals.iter_mut().for_each(|breaker| breaker.misconfigured(now, chance));
        }
        let breaker = self.of_mut(signal);
        breaker.shared = false;
        breaker.misconfigured(now, chance);
        breaker.problem = problem.chars().take(MAX_PROBLEM).collect();
        breaker.tried = events;
    }

    /// What is worth a write of the file.
    pub(crate) fn changed_since(&self, before: &Breakers) -> bool {
        self.signals
            .iter()
            .zip(&before.signals)
            .any(|(now, then)| (now.failures, now.opened) != (then.failures, then.opened))
    }

    /// The file `state`: JSON, at most 4 KiB.
    pub(crate) fn to_json(&self) -> String {
        let signals: serde_json::Map<_, _> =
            Signal::ALL.iter().map(|signal| (signal.as_str().to_owned(), self.of(*signal).to_json())).collect();
        serde_json::json!({ "events": self.events, "signals": signals }).to_string()
    }

    /// Anything unreadable is a closed breaker: losing the state is harmless.
    pub(crate) fn from_json(text: &[u8]) -> Breakers {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(text) else { return Breakers::default() };
        let signal = |signal: Signal| {
            let value = value.get("signals").and_then(|signals| signals.get(signal.as_str()));
            value.map(Breaker::from_json).unwrap_or_default()
        };
        let events = value.get("events").and_then(serde_json::Value::as_u64).unwrap_or(0);
        Breakers { signals: Signal::ALL.map(signal), events }
    }
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

    /// What outlives a success.
    fn without_failures(&self) -> Breaker {
        Breaker {
            head: self.head.clone(),
            head_failures: self.head_failures,
            tried: self.tried,
            succeeded: self.succeeded,
            ..Breaker::default()
        }
    }

    fn failed(&mut self, asked: Option<Duration>, now: &Now, chance: u64) {
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
        self.asked = asked.is_some() || (self.asked && !self.may_send(now));
        self.open(wait, now);
    }

    fn misconfigured(&mut self, now: &Now, chance: u64) {
        let full = doubled(FIRST_REFUSED, self.refused, CAP);
        self.refused = self.refused.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        self.asked = self.asked && !self.may_send(now);
        self.open((full + chance % (full / 10 + 1)).min(CAP), now);
    }

    /// A longer wait that runs already stays.
    fn open(&mut self, wait_ms: u64, now: &Now) {
        if sabotaged!("no_breaker") {
            return;
        }
        let wait_ms = wait_ms.max(u64::try_from(self.wait(now).as_millis()).unwrap_or(0));
        self.opened = self.opened.saturating_add(1);
        self.not_before_ms = now.wall_ms.saturating_add(wait_ms);
        self.not_before_boot_ms = now.boot_ms.saturating_add(wait_ms);
        self.boot_id.clone_from(&now.boot_id);
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "failures": self.failures, "opened": self.opened, "refused": self.refused, "asked": self.asked,
            "shared": self.shared, "not_before_ms": self.not_before_ms, "not_before_boot_ms": self.not_before_boot_ms,
            "boot_id": self.boot_id, "head": self.head, "head_failures": self.head_failures,
            "last_success_ms": self.last_success_ms, "problem": self.problem, "tried": self.tried,
            "succeeded": self.succeeded,
        })
    }

    fn from_json(value: &serde_json::Value) -> Breaker {
        let number = |key: &str| value.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let small = |key: &str| u32::try_from(number(key)).unwrap_or(u32::MAX);
        let flag = |key: &str| value.get(key).and_then(serde_json::Value::as_bool).unwrap_or(false);
        let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        Breaker {
            failures: small("failures"),
            opened: small("opened"),
            refused: small("refused"),
            asked: flag("asked"),
            shared: flag("shared"),
            not_before_ms: number("not_before_ms"),
            not_before_boot_ms: number("not_before_boot_ms"),
            boot_id: text("boot_id"),
            head: text("head"),
            head_failures: small("head_failures"),
            last_success_ms: number("last_success_ms"),
            problem: text("problem").chars().take(MAX_PROBLEM).collect(),
            tried: number("tried"),
            succeeded: number("succeeded"),
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
        let mut breakers = Breakers::default();
        breakers.failed(Signal::Logs, None, "", &at(0), 0);
        assert!(breakers.may_send(Signal::Logs, &at(0)));
        breakers.failed(Signal::Logs, None, "", &at(0), 0);
        assert!(!breakers.may_send(Signal::Logs, &at(499)) && breakers.may_send(Signal::Logs, &at(500)));
        breakers.succeeded(Signal::Logs, &at(600));
        assert!(breakers.may_send(Signal::Logs, &at(600)) && !breakers.of(Signal::Logs).is_open());
    }

    #[test]
    fn a_refused_signal_stops_no_other() {
        let mut breakers = Breakers::default();
        for ms in 0..20 {
            breakers.misconfigured(Signal::Metrics, "HTTP 404", &at(ms), 0);
            breakers.misconfigured(Signal::Logs, "HTTP 404", &at(ms), 0);
            assert!(breakers.may_send(Signal::Traces, &at(ms)));
        }
        assert!(!breakers.may_send(Signal::Logs, &at(59_000)));
        assert_eq!(breakers.of(Signal::Logs).problem, "HTTP 404");
        // An outage does not shorten the wait.
        breakers.failed(Signal::Traces, None, "", &at(100), 0);
        assert!(!breakers.may_send(Signal::Logs, &at(59_000)));
        breakers.succeeded(Signal::Traces, &at(200));
        breakers.misconfigured(Signal::Logs, "HTTP 404", &at(300), 0);
        assert!(!breakers.may_send(Signal::Logs, &at(59_000)));
    }

    #[test]
    fn an_outage_of_one_signal_is_told_from_one_of_all() {
        let (traces, logs) = (Signal::Traces, Signal::Logs);
        let mut breakers = Breakers::default();
        // Logs alone: traces get through in between.
        for ms in 0..50 {
            breakers.succeeded(traces, &at(ms * 1000));
            if breakers.may_send(logs, &at(ms * 1000)) {
                breakers.failed(logs, None, "", &at(ms * 1000), 0);
            }
            assert!(breakers.may_send(traces, &at(ms * 1000)));
        }
        assert!(breakers.of(logs).opened > 3 && !breakers.of(traces).is_open());
        // Everything: each signal waits for the failures of all.
        let mut breakers = Breakers::default();
        breakers.failed(traces, None, "", &at(0), 0);
        breakers.failed(logs, None, "", &at(0), 0);
        assert!(Signal::ALL.iter().all(|signal| !breakers.may_send(*signal, &at(400))));
        assert!(breakers.turn(Signal::Metrics) < breakers.turn(traces) && breakers.turn(traces) < breakers.turn(logs));
        // It is over when one of them gets through.
        breakers.succeeded(Signal::Metrics, &at(600));
        assert!(breakers.may_send(traces, &at(0)));
    }

    #[test]
    fn a_receiver_that_comes_and_goes_sees_no_storm() {
        // Up for 1 s, down for 3 s, for 10 minutes; somebody wants to send every 10 ms.
        let (mut breakers, mut failed, mut taken) = (Breakers::default(), 0, 0);
        for tick in 0..60_000u64 {
            let now = at(tick * 10);
            if !breakers.may_send(Signal::Traces, &now) {
                continue;
            }
            if tick * 10 % 4_000 < 1_000 {
                taken += 1;
                breakers.succeeded(Signal::Traces, &now);
            } else {
                failed += 1;
                breakers.failed(Signal::Traces, None, "", &now, tick.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
        }
        // 150 times down: two requests find out, and a probe or two look again.
        assert!(failed <= 150 * 5, "{failed} requests into 450 s of outage");
        assert!(taken > 500, "{taken}");
    }

    #[test]
    fn what_is_asked_for_holds_for_all_signals() {
        let mut breakers = Breakers::default();
        breakers.succeeded(Signal::Traces, &at(0));
        breakers.failed(Signal::Logs, Some(Duration::from_secs(30)), "", &at(0), 0);
        assert!(Signal::ALL.iter().all(|signal| !breakers.may_send(*signal, &at(29_999))));
        assert!(Signal::ALL.iter().all(|signal| breakers.may_send(*signal, &at(30_000))));
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
        for junk in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b"{\"signals\":{\"traces\":{\"opened\":\"x\"}}}",
            b"{\"signals\":[{\"opened\":-1}]}",
        ] {
            assert_eq!(Breakers::from_json(junk), Breakers::default());
        }
    }

    proptest! {
        #[test]
        fn an_outage_costs_at_most_ten_requests_in_its_first_minute(
            chances in prop::collection::vec((any::<u64>(), 0usize..3), 60), well: [bool; 3]
        ) {
            let mut breakers = Breakers::default();
            for signal in Signal::ALL.into_iter().filter(|signal| well[*signal as usize]) {
                breakers.succeeded(signal, &at(0));
            }
            let (mut now, mut requests) = (0, 0);
            for (chance, tried) in chances {
                let signal = Signal::ALL[tried];
                now += breakers.of(signal).wait(&at(now)).as_millis() as u64;
                if now >= 60_000 {
                    break;
                }
                requests += 1;
                breakers.failed(signal, None, "", &at(now), chance);
            }
            prop_assert!(requests <= 10, "{requests}");
        }

        #[test]
        fn survives_the_file(failures: u32, opened: u32, not_before_ms: u64, head in "[ -~]{0,80}", asked: bool, tried: u64) {
            let breaker =
                Breaker { failures, opened, not_before_ms, head, asked, tried, boot_id: "b".into(), ..Breaker::default() };
            let breakers = Breakers { signals: [Breaker::default(), breaker.clone(), breaker], events: tried };
            prop_assert_eq!(Breakers::from_json(breakers.to_json().as_bytes()), breakers);
        }
    }
}
