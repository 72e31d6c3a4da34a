//! Sends what lies in the spool of one destination, oldest first, under the drain lock. Knows outage from poison.
//!
//! What is not here: who drains and for how long (`drainer`, `sender`, `Delivery::finish`).

use super::{
    account,
    breaker::Breaker,
    clock::{self, Now},
    counts::{Reason, Tally},
    send::{Attempt, Transport},
    settings::Settings,
    spool::{Claim, Listing, Name, NotClaimed, Spool},
    verdict::{Verdict, verdict},
};
use crate::config::Signal;
use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
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
    breaker: Mutex<Breaker>,
    /// Not to be touched by this process: foreign, newer than this program, or delivered and not removable.
    untouchable: Mutex<HashSet<Name>>,
}

/// How a pass over the spool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing is left that this process could send.
    Empty,
    /// The breaker is open for this long.
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
}

impl Destination {
    pub(crate) fn new(index: usize, spool: Spool, run: u32) -> Destination {
        let breaker = Mutex::new(spool.load_breaker());
        Destination { index, spool, run, breaker, untouchable: Mutex::default() }
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn untouchable(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.untouchable.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes over what another process has learnt.
    pub(crate) fn reload(&self) {
        *self.breaker() = self.spool.load_breaker();
    }

    /// Counts losses of segments: our own move within our counts, those of others have their tombstones.
    pub(crate) fn count_lost(&self, tally: &Tally, lost: &[(Name, Reason)]) {
        for (name, reason) in lost.iter().filter(|(name, _)| name.run == self.run) {
            tally.unspooled(name.signal, name.items, Some(*reason));
            tally.buried(name.signal, *reason, name.items);
        }
    }

    /// Something lies in the spool that this process could send.
    pub(crate) fn has_work(&self, settings: &Settings) -> bool {
        let untouchable = self.untouchable();
        self.spool.list().is_ok_and(|listing| {
            listing.segments.iter().any(|name| self.is_routed(settings, name) && !untouchable.contains(name))
        })
    }

    fn is_routed(&self, settings: &Settings, name: &Name) -> bool {
        settings.route(name.signal).is_some_and(|route| route.destination == self.index)
    }

    /// One pass; the caller holds the drain lock.
    pub(crate) fn pass(&self, pass: &Pass<'_>) -> Ended {
        self.reload();
        let Ok(listing) = self.spool.list() else { return Ended::Empty };
        self.tidy(pass, &listing);
        let Ok(listing) = self.spool.list() else { return Ended::Empty };
        let segments: Vec<&Name> = listing.segments.iter().filter(|name| self.is_routed(pass.settings, name)).collect();
        if let Some(ended) = self.try_around_head(pass, &segments) {
            return ended;
        }
        let mut kept = false;
        for name in segments {
            if let Some(ended) = self.may_go_on(pass) {
                return ended;
            }
            kept |= matches!(self.send_segment(pass, name), Sent::Kept);
        }
        if kept { Ended::Wait(self.breaker().wait(&Now::read()).max(AGAIN)) } else { Ended::Empty }
    }

    fn may_go_on(&self, pass: &Pass<'_>) -> Option<Ended> {
        if Instant::now() >= pass.deadline || pass.halt.is_some_and(|halt| halt.load(Ordering::SeqCst)) {
            return Some(Ended::Deadline);
        }
        let wait = self.breaker().wait(&Now::read());
        (!wait.is_zero()).then_some(Ended::Wait(wait))
    }

    /// The oldest segment failed again and again: is it the receiver, or this segment? The next one tells; and the
    /// oldest gets one more chance after it, for the outage may just have ended.
    fn try_around_head(&self, pass: &Pass<'_>, segments: &[&Name]) -> Option<Ended> {
        let (head, next) = (segments.first()?, segments.get(1)?);
        let suspect = {
            let breaker = self.breaker();
            breaker.head == head.to_string() && breaker.head_failures >= HEAD_FAILURES
        };
        if !suspect {
            return None;
        }
        if let Some(ended) = self.may_go_on(pass) {
            return Some(ended);
        }
        if !matches!(self.send_segment(pass, next), Sent::Done) {
            return self.may_go_on(pass);
        }
        let before = self.breaker().clone();
        if matches!(self.send_segment(pass, head), Sent::Kept)
            && let Ok(claim) = self.spool.claim(head)
        {
            // The others pass: what this one met must not make them wait.
            *self.breaker() = Breaker { head: String::new(), head_failures: 0, ..before };
            self.spool.save_breaker(&self.breaker());
            self.quarantine(pass, claim, Reason::Poison);
        }
        None
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
                self.settle(&now);
                Sent::Done
            }
            Verdict::Later { asked, tls } => {
                if let Some(problem) = tls {
                    super::diagnosis::tls(&problem);
                }
                if Instant::now() < pass.deadline || left >= FAIR_TRY || asked.is_some() {
                    self.failed(name, |breaker| breaker.failed(asked, &now, clock::random()));
                }
                Sent::Kept
            }
            Verdict::Misconfigured => {
                self.failed(name, |breaker| breaker.misconfigured(&now, clock::random()));
                self.quarantine(pass, claim, Reason::Rejected);
                Sent::Gone
            }
            Verdict::Refused => {
                self.quarantine(pass, claim, Reason::Rejected);
                self.settle(&now);
                Sent::Gone
            }
        }
    }

    /// The receiver answers: whatever was counted against it is forgotten.
    fn settle(&self, now: &Now) {
        let mut breaker = self.breaker();
        let changed = breaker.failures > 0 || breaker.is_open();
        // A success alone is only shown to people: once a minute is enough.
        let stale = now.wall_ms.saturating_sub(breaker.last_success_ms) > 60_000;
        breaker.succeeded(now);
        if changed || stale {
            self.spool.save_breaker(&breaker);
        }
    }

    fn failed(&self, name: &Name, change: impl FnOnce(&mut Breaker)) {
        let mut breaker = self.breaker();
        change(&mut breaker);
        let name = name.to_string();
        if breaker.head == name {
            breaker.head_failures = breaker.head_failures.saturating_add(1);
        } else {
            breaker.head = name;
            breaker.head_failures = 1;
        }
        self.spool.save_breaker(&breaker);
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
        let logs_here = pass.settings.route(Signal::Logs).is_some_and(|route| route.destination == self.index);
        // Told only when there is somebody to tell: a report that expires in the spool is a report lost.
        if listing.tombstones.is_empty() || !logs_here || !self.breaker().may_send(&Now::read()) {
            return;
        }
        let told = &listing.tombstones[..listing.tombstones.len().min(512)];
        let body = account::records(&pass.settings.app, &pass.settings.resource, told);
        if self.spool.write_account(told.len() as u64, &body).is_ok() {
            self.spool.forget(told);
        }
    }
}
