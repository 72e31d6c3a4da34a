//! The detached child that sends what commands leave in the spool, so that no command waits for a receiver.
//!
//! What is not here: the fork itself (`fork`), the work on one spool (`drain`).

use super::{
    clock::Now,
    diagnosis,
    drain::{Destination, Ended},
    fork, handover,
    inner::{self, Inner},
    plan,
    send::Network,
    settings::Settings,
    spool::Lock,
};
use rustix::fs::MemfdFlags;
use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// Set for the child alone.
const VARIABLE: &str = "__OTEL_RUNTIME_DRAINER";
/// The spool must have been empty for this long.
const LINGER: Duration = Duration::from_secs(1);
/// No child lives longer.
const LIFETIME: Duration = Duration::from_secs(10);
/// Time between two looks at an empty spool.
const LOOK: Duration = Duration::from_millis(50);
/// Largest plan that is read.
const MAX_PLAN: u64 = 1 << 20;

/// Starts a child for every destination that has something to send, nobody who sends it, and no wait to keep. Waits for
/// nothing.
pub(crate) fn detach(inner: &Inner) {
    let mut locked: Vec<(usize, Lock)> = Vec::new();
    for destination in inner.spools() {
        let (breakers, now) = (destination.spool.load_breakers(), Now::read());
        if !destination.signals(&inner.settings).any(|signal| breakers.may_send(signal, &now)) {
            continue;
        }
        if let Some(lock) = destination.spool.drain_lock() {
            locked.push((destination.index, lock));
        }
    }
    if locked.is_empty() {
        return;
    }
    let mut plan = plan::to_json(&inner.settings);
    plan["locked"] = locked.iter().map(|(index, _)| *index).collect();
    // The locks belong to the open files, which the child inherits: closing ours gives nothing back.
    let _ = memory(plan.to_string().as_bytes()).and_then(|memory| {
        let mut fds = vec![memory.as_fd()];
        fds.extend(locked.iter().filter_map(|(_, lock)| lock.fd()));
        fork::again(VARIABLE, "1", &fds)
    });
}

fn memory(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("plan", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Turns this process into the drainer when it was started as one; returns at once otherwise.
pub(crate) fn run_if_asked() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    // Without a plan the variable was set by somebody else, and the program is to run as ever.
    let Some((settings, locks)) = inherited() else { return };
    diagnosis::keep_quiet();
    be_modest();
    let _ = catch_unwind(AssertUnwindSafe(|| run(settings, locks)));
    std::process::exit(0);
}

/// The plan on the first descriptor and the locks behind it.
fn inherited() -> Option<(Settings, Vec<(usize, OwnedFd)>)> {
    let mut file = File::from(fork::inherited(0)?);
    let mut text = Vec::new();
    Read::by_ref(&mut file).take(MAX_PLAN).read_to_end(&mut text).ok()?;
    let plan: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let settings = plan::from_json(&plan)?;
    let mut locks = Vec::new();
    for (i, index) in plan.get("locked")?.as_array()?.iter().enumerate() {
        locks.push((usize::try_from(index.as_u64()?).ok()?, fork::inherited(i + 1)?));
    }
    Some((settings, locks))
}

/// Commands of the user go first.
fn be_modest() {
    let _ = rustix::process::setpriority_process(None, 19);
    // Without this, niceness means nothing between sessions.
    let _ = std::fs::write("/proc/self/autogroup", "19");
}

/// A destination and the right to drain it.
struct Work<'a> {
    destination: &'a Destination,
    inherited: Option<OwnedFd>,
    lock: Option<Lock>,
    wait_until: Instant,
}

impl Work<'_> {
    fn takes_some(&self, settings: &Settings) -> bool {
        let (breakers, now) = (self.destination.breakers(), Now::read());
        self.destination.signals(settings).any(|signal| breakers.may_send(signal, &now))
    }

    /// Gives the lock back and looks once more: between our last look and this moment somebody may have seen the lock
    /// taken and left the sending to us.
    fn has_more(&mut self, inner: &Inner) -> bool {
        self.inherited = None;
        self.lock = None;
        if !self.destination.has_work(&inner.settings) && !handover::waits(inner) {
            return false;
        }
        self.lock = self.destination.spool.drain_lock();
        self.lock.is_some()
    }
}

fn run(settings: Settings, locks: Vec<(usize, OwnedFd)>) {
    let inner = Inner::new(settings, Box::<Network>::default());
    let end = Instant::now() + LIFETIME;
    let mut works: Vec<Work<'_>> = locks
        .into_iter()
        .filter_map(|(index, lock)| {
            let destination = inner.destination(index)?;
            let wait_until = Instant::now();
            Some(Work { destination, inherited: Some(lock), lock: None, wait_until })
        })
        .collect();
    expire_abandoned(&inner.settings);
    let mut idle_since = Instant::now();
    while !works.is_empty() && Instant::now() < end {
        let before = inner.tally.snapshot().drained;
        handover::spool_totals(&inner);
        works.retain_mut(|work| {
            if Instant::now() < work.wait_until {
                return true;
            }
            match inner.pass(work.destination, end, None) {
                Ended::Wait(wait) if wait <= LINGER => {
                    work.wait_until = Instant::now() + wait;
                    true
                }
                // Who asks for more is asked by somebody else, later; signals that are taken go on.
                Ended::Wait(_) => work.takes_some(&inner.settings),
                Ended::Deadline => false,
                Ended::Empty => true,
            }
        });
        let waits = works.iter().any(|work| work.wait_until > Instant::now());
        if waits || inner.tally.snapshot().drained != before {
            idle_since = Instant::now();
        }
        if idle_since.elapsed() >= LINGER {
            works.retain_mut(|work| work.has_more(&inner));
            idle_since = Instant::now();
        } else {
            std::thread::sleep(LOOK);
        }
    }
}

/// Data for endpoints that are configured no more have nobody to send them; they go when they are too old.
pub(crate) fn expire_abandoned(settings: &Settings) {
    let Some(root) = &settings.spool_root else { return };
    let Ok(folders) = std::fs::read_dir(root) else { return };
    for folder in folders.flatten() {
        let name = folder.file_name();
        let known =
            name.to_str().is_none_or(|name| name.len() != 16 || settings.destinations.iter().any(|d| d == name));
        if known {
            continue;
        }
        let Some(spool) = inner::open_path(settings, &folder.path()) else { continue };
        if let Ok(listing) = spool.list() {
            spool.expire(&listing);
        }
    }
}
