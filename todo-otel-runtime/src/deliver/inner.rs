//! What all clones of a `Delivery` share, and the three ways a body can go: sent, spooled, dropped.

use super::{
    breaker::Breakers,
    clock::{self, Now},
    counts::{Reason, Tally},
    diagnosis,
    drain::{Destination, Ended, FAIR_TRY, Pass},
    losing::{self, Losing},
    queue::{Body, Queue},
    runs::Mark,
    send::{Attempt, Transport},
    settings::Settings,
    side_by_side,
    spool::{Limits, RealDisk, Refused, Spool, segment},
    verdict::{Verdict, verdict},
};
use crate::config::{Compression, Durability, Role, Signal};
use std::{
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Instant,
};

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) tally: Tally,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) queue: Queue,
    /// One per destination; `None` = memory only.
    destinations: Vec<OnceLock<Option<Destination>>>,
    /// Breakers of destinations without a spool.
    memory_breakers: Vec<Mutex<Breakers>>,
    pub(crate) run: u32,
    pub(crate) pid: u32,
    pub(crate) finished: AtomicBool,
    /// This command left increments in the ledger.
    pub(crate) ledger_waits: AtomicBool,
    mark: OnceLock<Option<Mark>>,
    losing: Mutex<Losing>,
}

impl Inner {
    pub(crate) fn new(settings: Settings, transport: Box<dyn Transport>) -> Inner {
        let count = settings.destinations.len();
        Inner {
            tally: Tally::default(),
            transport,
            queue: Queue::default(),
            destinations: (0..count).map(|_| OnceLock::new()).collect(),
            memory_breakers: (0..count).map(|_| Mutex::default()).collect(),
            // Zero marks the runtime's own accounts.
            run: (clock::random() as u32).max(1),
            pid: std::process::id(),
            finished: AtomicBool::new(false),
            ledger_waits: AtomicBool::new(false),
            mark: OnceLock::new(),
            losing: Mutex::default(),
            settings,
        }
    }

    /// Marks this run; only a service lives long enough to be missed.
    pub(crate) fn begin(&self) {
        let dir = self.settings.spool_root.as_deref().and_then(std::path::Path::parent);
        if let Some(dir) = dir.filter(|_| self.settings.role == Role::Service) {
            self.mark.get_or_init(|| Mark::leave(dir, self.run));
        }
    }

    /// Runs that died before this one.
    pub(crate) fn unclean(&self) -> u64 {
        self.mark.get().and_then(Option::as_ref).map_or(0, |mark| mark.unclean)
    }

    pub(crate) fn ends_cleanly(&self) {
        if let Some(Some(mark)) = self.mark.get() {
            mark.remove();
        }
    }

    /// Says when losing begins or is over.
    pub(crate) fn look_for_losses(&self) {
        let counts = self.tally.snapshot();
        let mut losing = self.losing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let line = losing.look(counts.lost_total(), Instant::now());
        drop(losing);
        if let Some(line) = line {
            losing::say(&line, &counts);
        }
    }

    /// Nothing has failed lately: several requests may be under way at once.
    pub(crate) fn is_steady(&self, signal: Signal) -> bool {
        self.breakers(signal, |breakers| breakers.of(signal).failures == 0).unwrap_or(false)
    }

    /// The destination's spool, opened at first use.
    pub(crate) fn destination(&self, index: usize) -> Option<&Destination> {
        let cell = self.destinations.get(index)?;
        cell.get_or_init(|| open(&self.settings, index, self.run, true)).as_ref()
    }

    /// Puts a spool of a test in the place of the real one.
    #[cfg(test)]
    pub(crate) fn install(&self, destination: Destination) {
        let index = destination.index;
        assert!(self.destinations[index].set(Some(destination)).is_ok(), "already open");
    }

    /// Every destination with a usable spool.
    pub(crate) fn spools(&self) -> impl Iterator<Item = &Destination> {
        (0..self.destinations.len()).filter_map(|index| self.destination(index))
    }

    fn destination_of(&self, signal: Signal) -> Option<&Destination> {
        self.destination(self.settings.route(signal)?.destination)
    }

    /// Runs a change on the breakers of a signal's destination; saved when this process may save it.
    fn breakers<T>(&self, signal: Signal, change: impl FnOnce(&mut Breakers) -> T) -> Option<T> {
        let index = self.settings.route(signal)?.destination;
        if let Some(destination) = self.destination(index) {
            let mut breakers = destination.breakers();
            let before = breakers.clone();
            let result = change(&mut breakers);
            if breakers.changed_since(&before) {
                // Somebody else's lock means somebody else's knowledge is at least as new.
                if let Some(_lock) = destination.spool.drain_lock() {
                    destination.spool.save_breakers(&breakers);
                }
            }
            return Some(result);
        }
        let breakers = self.memory_breakers.get(index)?;
        Some(change(&mut breakers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }

    pub(crate) fn may_send(&self, signal: Signal) -> bool {
        self.breakers(signal, |breakers| breakers.may_send(signal, &Now::read())).unwrap_or(false)
    }

    pub(crate) fn pass(&self, destination: &Destination, deadline: Instant, halt: Option<&AtomicBool>) -> Ended {
        self.pass_with(destination, deadline, halt, false)
    }

    /// As `pass`, for somebody who asked for it now.
    pub(crate) fn pass_on_demand(&self, destination: &Destination, deadline: Instant) -> Ended {
        self.pass_with(destination, deadline, None, true)
    }

    fn pass_with(
        &self,
        destination: &Destination,
        deadline: Instant,
        halt: Option<&AtomicBool>,
        on_demand: bool,
    ) -> Ended {
        destination.pass(&Pass {
            settings: &self.settings,
            transport: self.transport.as_ref(),
            tally: &self.tally,
            deadline,
            halt,
            on_demand,
            helpers: match self.settings.role {
                Role::Cli => 0,
                Role::Service => side_by_side::HELPERS,
            },
        })
    }

    fn gzip(&self, signal: Signal) -> bool {
        self.settings.route(signal).is_some_and(|route| route.compression == Compression::Gzip)
    }

    /// One attempt for a body in memory. Returns what is to become of it, without having counted it.
    pub(crate) fn attempt(&self, body: &Body, deadline: Instant) -> Outcome {
        let Some(route) = self.settings.route(body.signal) else { return Outcome::Keep };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::Keep;
        }
        let (bytes, encoding) = segment::encode(&body.bytes, self.gzip(body.signal));
        let answer = self.transport.send(&Attempt {
            route,
            signal: body.signal,
            body: bytes,
            encoding,
            idempotency_key: &body.key,
            limit: route.timeout.map_or(left, |timeout| timeout.min(left)),
        });
        let now = Now::read();
        match verdict(&answer, now.wall()) {
            Verdict::Delivered { rejected } => {
                self.breakers(body.signal, |breakers| breakers.succeeded(body.signal, &now));
                Outcome::Delivered { rejected: rejected.min(body.items) }
            }
            Verdict::Later { asked, tls } => {
                if let Some(problem) = tls {
                    diagnosis::tls(&problem);
                }
                if Instant::now() < deadline || left >= FAIR_TRY || asked.is_some() {
                    let problem = answer.problem();
                    self.breakers(body.signal, |breakers| {
                        breakers.failed(body.signal, asked, &problem, &now, clock::random());
                    });
                }
                Outcome::Keep
            }
            Verdict::Misconfigured => {
                let problem = answer.problem();
                self.breakers(body.signal, |breakers| {
                    breakers.misconfigured(body.signal, &problem, &now, clock::random());
                });
                Outcome::Refused
            }
            Verdict::Refused => {
                self.breakers(body.signal, |breakers| breakers.succeeded(body.signal, &now));
                Outcome::Refused
            }
        }
    }

    /// Counts what an attempt came to; a body to be kept goes to the spool.
    pub(crate) fn settle(&self, body: Body, outcome: Outcome) {
        match outcome {
            Outcome::Delivered { rejected } => {
                self.tally.delivered(body.signal, body.items - rejected);
                self.tally.dropped(body.signal, Reason::Rejected, rejected);
            }
            Outcome::Refused => {
                self.tally.dropped(body.signal, Reason::Rejected, body.items);
                if let Some(destination) = self.destination_of(body.signal) {
                    destination.spool.keep_copy(body.signal, body.items, &body.bytes, Reason::Rejected);
                }
            }
            Outcome::Keep => {
                if let Err((body, reason)) = self.spool(body) {
                    self.tally.dropped(body.signal, body.unspooled.unwrap_or(reason), body.items);
                }
            }
        }
    }

    /// Stores a body and counts it; gives it back uncounted when that is impossible, with the reason.
    pub(crate) fn spool(&self, body: Body) -> Result<(), (Body, Reason)> {
        let Some(destination) = self.destination_of(body.signal) else { return Err((body, Reason::NoSpool)) };
        match destination.spool.write(body.signal, body.items, &body.bytes, self.gzip(body.signal)) {
            Ok(name) => {
                self.tally.spooled(body.signal, body.items);
                // A service keeps the exact caps while draining; of commands every sixteenth looks.
                if self.settings.role == Role::Service || name.random % 16 == 0 {
                    destination.count_lost(&self.tally, &destination.spool.evict_if_full());
                }
                Ok(())
            }
            Err(reason) => Err((body, reason)),
        }
    }

    /// A body of this process with its idempotency key.
    pub(crate) fn body(&self, signal: Signal, items: u64, bytes: bytes::Bytes) -> Body {
        let key = format!("{:08x}-{}-{:016x}", self.run, self.pid, clock::random());
        Body { signal, items, bytes, key, unspooled: None, made: Instant::now() }
    }
}

/// What is to become of a body after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered { rejected: u64 },
    Refused,
    Keep,
}

/// Opens a destination's spool; says so when it is refused.
pub(crate) fn open(settings: &Settings, index: usize, run: u32, create: bool) -> Option<Destination> {
    let path = settings.spool_dir(index)?;
    match RealDisk::open(&path, create, settings.durability != Durability::Process) {
        Ok(disk) => {
            let spool = Spool::new(Arc::new(disk), limits(settings), settings.durability, run);
            Some(Destination::new(index, spool, run))
        }
        Err(Refused::Unsafe(problem)) => {
            diagnosis::spool(&problem);
            None
        }
        Err(Refused::Io) => None,
    }
}

/// The spool in a folder that exists, whoever it is for.
pub(crate) fn open_path(settings: &Settings, path: &std::path::Path) -> Option<Spool> {
    let disk = RealDisk::open(path, false, false).ok()?;
    Some(Spool::new(Arc::new(disk), limits(settings), settings.durability, (clock::random() as u32).max(1)))
}

fn limits(settings: &Settings) -> Limits {
    let segments = match settings.role {
        Role::Cli => 1024,
        Role::Service => 8192,
    };
    Limits { bytes: settings.max_bytes, segments, age: settings.max_age, keep_free: settings.keep_free }
}
