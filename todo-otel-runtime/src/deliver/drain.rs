//! Sends what lies in the spool of one destination, oldest first, under the drain lock. Knows outage from poison.
//!
//! What is not here: who drains and for how long (`drainer`, `sender`, `Delivery::finish`).

use super::{
    account,
    breaker::Breakers,
    clock::{self, Now},
    counts::{Reason, Tally},
    send::{Attempt, Transport},
    settings::Settings,
    side_by_side,
    spool::{Claim, Listing, Name, NotClaimed, Spool},
    verdict::{Verdict, verdict},
};
use crate::config::Signal;
use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Failures of the oldest segment after which another one is tried before it.
const HEAD_FAILURES: u32 = 3;
/// Pause before a segment that was not taken is tried again while others pass.
const AGAIN: Duration = Duration::from_secs(1);
/// An attempt that our own deadline ended counts against the receiver if it had this long.
pub(crate) const FAIR_TRY: Duration = Duration::from_millis(100);

/// One destination of one process.
pub(crate) struct Destination {
    pub(crate) index: usize,
    pub(crate) spool: Spool,
    pub(crate) run: u32,
    breakers: Mutex<Breakers>,
    /// Not to be touched by this process: foreign, newer than this program, or delivered and not removable.
    untouchable: Mutex<HashSet<Name>>,
}

/// How a pass over the spool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing is left that this process could send.
    Empty,
    /// Of what is left nothing may be sent for this long.
    Wait(Duration),
    /// The deadline passed.
    Deadline,
}

/// What one attempt came to.
enum Sent {
    Done,
    Gone,
    Kept,
}

/// What a pass needs of its process.
pub(crate) struct Pass<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) transport: &'a dyn Transport,
    pub(crate) tally: &'a Tally,
    pub(crate) deadline: Instant,
    /// Ends the pass early once it is set.
    pub(crate) halt: Option<&'a AtomicBool>,
    /// Somebody asked for it: one attempt for each signal, whatever its breaker says, but for the waits that the
    /// receiver asked for.
    pub(crate) on_demand: bool,
    /// Threads that send beside the calling one while all is well.
    pub(crate) helpers: usize,
}

/// State that the threads of one pass share.
#[derive(Clone, Copy, Default)]
struct Round {
    /// Not yet asked for.
    on_demand: [bool; 3],
    /// Signals of which something is left, and how long they are to be left alone at least.
    left: [Option<Duration>; 3],
    over: bool,
}

fn round(round: &Mutex<Round>) -> MutexGuard<'_, Round> {
    round.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn is_over(pass: &Pass<'_>) -> bool {
    Instant::now() >= pass.deadline || pass.halt.is_some_and(|halt| halt.load(Ordering::SeqCst))
}

impl Destination {
    pub(crate) fn new(index: usize, spool: Spool, run: u32) -> Destination {
        let breakers = Mutex::new(spool.load_breakers());
        Destination { index, spool, run, breakers, untouchable: Mutex::default() }
    }

    pub(crate) fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn untouchable(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.untouchable.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes over what another process has learnt.
    pub(crate) fn reload(&self) {
        *self.breakers() = self.spool.load_breakers();
    }

    /// Counts losses of segments: our own move within our counts, those of others have their tombstones.
    pub(crate) fn count_lost(&self, tally: &Tally, lost: &[(Name, Reason)]) {
        for (name, reason) in lost.iter().filter(|(name, _)| name.run == self.run) {
            tally.unspooled(name.signal, name.items, Some(*reason));
            tally.buried(name.signal, *reason, name.items);
        }
    }

    /// Something lies in the spool that this process may send now.
    pub(crate) fn has_work(&self, settings: &Settings) -> bool {
        let now = Now::read();
        let (untouchable, breakers) = (self.untouchable(), self.breakers());
        self.spool.list().is_ok_and(|listing| {
            listing.segments.iter().any(|name| {
                self.is_routed(settings, name.signal)
                    && breakers.may_send(name.signal, &now)
                    && !untouchable.contains(name)
            })
        })
    }

    /// Signals that come here.
    pub(crate) fn signals<'a>(&self, settings: &'a Settings) -> impl Iterator<Item = Signal> + use<'a> {
        let index = self.index;
        Signal::ALL
            .into_iter()
            .filter(move |signal| settings.route(*signal).is_some_and(|route| route.destination == index))
    }

    fn is_routed(&self, settings: &Settings, signal: Signal) -> bool {
        settings.route(signal).is_some_and(|route| route.destination == self.index)
    }

    /// One pass; the caller holds the drain lock.
    pub(crate) fn pass(&self, pass: &Pass<'_>) -> Ended {
        self.reload();
        let Ok(listing) = self.spool.list() else { return Ended::Empty };
        self.tidy(pass, &listing);
        let Ok(listing) = self.spool.list() else { return Ended::Empty };
        let mut segments: Vec<&Name> =
            listing.segments.iter().filter(|name| self.is_routed(pass.settings, name.signal)).collect();
        {
            let breakers = self.breakers();
            segments.sort_by_key(|name| breakers.turn(name.signal));
        }
        for signal in Signal::ALL {
            self.try_around_head(pass, segments.iter().copied().filter(|name| name.signal == signal));
        }
        let shared = Mutex::new(Round { on_demand: [pass.on_demand; 3], ..Round::default() });
        let next = AtomicUsize::new(0);
        let steady = || Signal::ALL.iter().all(|signal| self.breakers().of(*signal).failures == 0);
        let helpers = if segments.len() > 1 && steady() { pass.helpers } else { 0 };
        let caller = std::thread::current().id();
        side_by_side::run(helpers, || {
            // After a failure one request at a time tells how things stand.
            while std::thread::current().id() == caller || steady() {
                let Some(name) = segments.get(next.fetch_add(1, Ordering::SeqCst)) else { return };
                if is_over(pass) {
                    round(&shared).over = true;
                    return;
                }
                let demanded = std::mem::take(&mut round(&shared).on_demand[name.signal as usize]);
                if !self.may_send(name.signal, demanded) {
                    round(&shared).left[name.signal as usize].get_or_insert(Duration::ZERO);
                } else if matches!(self.send_segment(pass, name), Sent::Kept) {
                    round(&shared).left[name.signal as usize] = Some(AGAIN);
                }
            }
        });
        let Round { over, left, .. } = *round(&shared);
        if over {
            return Ended::Deadline;
        }
        let (breakers, now) = (self.breakers(), Now::read());
        let waits = Signal::ALL
            .into_iter()
            .filter_map(|signal| Some(breakers.of(signal).wait(&now).max(left[signal as usize]?)));
        waits.min().map_or(Ended::Empty, Ended::Wait)
    }

    fn may_send(&self, signal: Signal, demanded: bool) -> bool {
        let (breakers, now) = (self.breakers(), Now::read());
        breakers.may_send(signal, &now) || demanded && !breakers.of(signal).asked
    }

    /// The oldest segment of a signal failed again and again: is it the receiver, or this segment? The next one tells;
    /// and the oldest gets one more chance after it, for the outage may just have ended.
    fn try_around_head<'a>(&self, pass: &Pass<'_>, mut segments: impl Iterator<Item = &'a Name>) {
        let (Some(head), Some(next)) = (segments.next(), segments.next()) else { return };
        let suspect = {
            let breakers = self.breakers();
            let breaker = breakers.of(head.signal);
            breaker.head_failures >= HEAD_FAILURES && breaker.head == head.to_string()
        };
        if !suspect || is_over(pass) || !self.may_send(head.signal, false) {
            return;
        }
        if !matches!(self.send_segment(pass, next), Sent::Done) || is_over(pass) {
            return;
        }
        let mut before = self.breakers().clone();
        if matches!(self.send_segment(pass, head), Sent::Kept)
            && let Ok(claim) = self.spool.claim(head)
        {
            // The others pass: what this one met must not make them wait.
            let breaker = before.of_mut(head.signal);
            (breaker.head, breaker.head_failures) = (String::new(), 0);
            self.spool.save_breakers(&before);
            *self.breakers() = before;
            self.quarantine(pass, claim, Reason::Poison);
        }
    }

    fn send_segment(&self, pass: &Pass<'_>, name: &Name) -> Sent {
        if self.untouchable().contains(name) {
            return Sent::Gone;
        }
        let mut claim = match self.spool.claim(name) {
            Ok(claim) => claim,
            Err(NotClaimed::Busy) => return Sent::Gone,
            Err(NotClaimed::Foreign) => {
                self.untouchable().insert(name.clone());
                return Sent::Gone;
            }
        };
        let segment = match self.spool.read(&mut claim) {
            Ok(segment) => segment,
            Err(super::spool::segment::Unusable::Newer) => {
                self.untouchable().insert(name.clone());
                return Sent::Gone;
            }
            Err(super::spool::segment::Unusable::Unreadable) => return Sent::Gone,
            Err(super::spool::segment::Unusable::Corrupt) => {
                self.quarantine(pass, claim, Reason::Corrupt);
                return Sent::Gone;
            }
        };
        let Some(route) = pass.settings.route(segment.signal) else { return Sent::Gone };
        let left = pass.deadline.saturating_duration_since(Instant::now());
        if sabotaged!("unlink_before_send") {
            self.spool.unlink_now(name);
        }
        let answer = pass.transport.send(&Attempt {
            route,
            signal: segment.signal,
            body: segment.body,
            encoding: segment.encoding,
            idempotency_key: &name.to_string(),
            limit: route.timeout.map_or(left, |timeout| timeout.min(left)),
        });
        let now = Now::read();
        match verdict(&answer, now.wall()) {
            Verdict::Delivered { rejected } => {
                let rejected = rejected.min(name.items);
                // The unlink is the commit: whoever dies before it sends again.
                if !self.spool.remove(claim) {
                    self.untouchable().insert(name.clone());
                }
                self.count_delivered(pass, name, rejected);
                self.settle(name.signal, &now);
                Sent::Done
            }
            Verdict::Later { asked, tls } => {
                if let Some(problem) = tls {
                    super::diagnosis::tls(&problem);
                }
                if Instant::now() < pass.deadline || left >= FAIR_TRY || asked.is_some() {
                    let problem = answer.problem();
                    self.failed(name, |breakers| {
                        breakers.failed(name.signal, asked, &problem, &now, clock::random());
                    });
                }
                Sent::Kept
            }
            Verdict::Misconfigured => {
                let problem = answer.problem();
                self.failed(name, |breakers| {
                    breakers.misconfigured(name.signal, &problem, &now, clock::random());
                });
                self.quarantine(pass, claim, Reason::Rejected);
                Sent::Gone
            }
            Verdict::Refused => {
                self.quarantine(pass, claim, Reason::Rejected);
                self.settle(name.signal, &now);
                Sent::Gone
            }
        }
    }

    /// The receiver answers: whatever was counted against it is forgotten.
    fn settle(&self, signal: Signal, now: &Now) {
        let mut breakers = self.breakers();
        let before = breakers.clone();
        breakers.succeeded(signal, now);
        // A success alone is only shown to people: once a minute is enough.
        let stale = now.wall_ms.saturating_sub(before.of(signal).last_success_ms) > 60_000;
        if stale || breakers.changed_since(&before) {
            self.spool.save_breakers(&breakers);
        }
    }

    fn failed(&self, name: &Name, change: impl FnOnce(&mut Breakers)) {
        let mut breakers = self.breakers();
        change(&mut breakers);
        let breaker = breakers.of_mut(name.signal);
        let name = name.to_string();
        if breaker.head == name {
            breaker.head_failures = breaker.head_failures.saturating_add(1);
        } else {
            breaker.head = name;
            breaker.head_failures = 1;
        }
        self.spool.save_breakers(&breakers);
    }

    fn count_delivered(&self, pass: &Pass<'_>, name: &Name, rejected: u64) {
        if name.run == self.run {
            pass.tally.unspooled(name.signal, name.items - rejected, None);
            pass.tally.unspooled(name.signal, rejected, Some(Reason::Rejected));
            return;
        }
        pass.tally.drained(name.signal, name.items - rejected);
        if rejected > 0 {
            self.spool.lose(name.signal, Reason::Rejected, rejected);
        }
    }

    fn quarantine(&self, pass: &Pass<'_>, claim: Claim, reason: Reason) {
        let name = claim.name.clone();
        if self.spool.quarantine(claim, reason) {
            self.count_lost(pass.tally, &[(name, reason)]);
        }
    }

    /// Adopts, expires, evicts, and turns tombstones into a segment of log records.
    fn tidy(&self, pass: &Pass<'_>, listing: &Listing) {
        self.count_lost(pass.tally, &self.spool.adopt(listing));
        self.count_lost(pass.tally, &self.spool.expire(listing));
        let limits = self.spool.limits();
        let bytes: u64 = listing.segments.iter().map(|name| name.bytes).fold(0, u64::saturating_add);
        if listing.segments.len() > limits.segments || bytes > limits.bytes {
            self.count_lost(pass.tally, &self.spool.evict());
        }
        let logs_here = self.is_routed(pass.settings, Signal::Logs);
        // Told only when there is somebody to tell: a report that expires in the spool is a report lost.
        if listing.tombstones.is_empty() || !logs_here || !self.may_send(Signal::Logs, false) {
            return;
        }
        let told = &listing.tombstones[..listing.tombstones.len().min(512)];
        let body = account::records(&pass.settings.app, &pass.settings.resource, told);
        if self.spool.write_account(told.len() as u64, &body).is_ok() {
            self.spool.forget(told);
        }
    }
}
