//! Exact counters of short-lived processes: each hands over what it added as one file, and whoever holds the lock adds the
//! files to totals that never reset.
//!
//! An increment is counted once: the totals file names the increments it contains and is replaced by one rename, so a
//! kill between that rename and the removal of the increments counts neither twice nor zero times.
//! Not here: when to merge, and where the bodies go.

mod file;
#[cfg(all(test, unix))]
mod tests;
mod totals;

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use self::{file::Kind, totals::Totals};
use super::spool::{Disk, Handle, RealDisk, Refused};
use crate::metrics::{ResourceAttributes, Snapshot, otlp};

const FOLDER: &str = "ledger";
const LOCK: &str = "lock";
const TOTALS: &str = "totals";
const TOTALS_NEXT: &str = "totals.tmp";
/// A file of increments that is larger than this is none.
const MAX_INCREMENT: usize = 4 << 20;
const MAX_TOTALS: usize = 64 << 20;
/// Temporary files of writers that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The folder of increments and totals.
pub(crate) struct Ledger {
    disk: Box<dyn Disk>,
    /// Contents are made durable before a rename.
    durable: bool,
}

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Increments that were added.
    pub(crate) added: usize,
    /// Increments that had been added before.
    pub(crate) repeated: usize,
    /// Files that are no increments: moved aside.
    pub(crate) corrupt: usize,
}

impl Ledger {
    /// The ledger in a state directory, made (0700) if it is not there.
    pub(crate) fn open(state_dir: &Path, durable: bool) -> Result<Ledger, Refused> {
        let disk = RealDisk::open(&state_dir.join(FOLDER), true, durable)?;
        Ok(Ledger { disk: Box::new(disk), durable })
    }

    /// Increments wait in a state directory. Makes nothing.
    pub(crate) fn waits(state_dir: &Path, durable: bool) -> bool {
        let names = RealDisk::open(&state_dir.join(FOLDER), false, durable).map(|disk| disk.list());
        names.is_ok_and(|names| names.is_ok_and(|names| names.iter().any(|name| file::increment_id(name).is_some())))
    }

    /// Hands over what a process has added: one file, there as a whole or not at all.
    pub(crate) fn add(&self, increment: &Snapshot, resource: &ResourceAttributes) -> io::Result<()> {
        if increment.is_empty() {
            return Ok(());
        }
        let name = increment_name();
        let bytes = file::frame(Kind::Increment, &otlp::encode(increment, resource));
        self.write(&format!("{name}.tmp"), &name, &bytes)
    }

    fn write(&self, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let written = self.disk.create(temporary).and_then(|mut handle| {
            handle.write(&[bytes])?;
            if self.durable { handle.sync() } else { Ok(()) }
        });
        let renamed = written.and_then(|()| self.disk.rename(temporary, name));
        if renamed.is_err() {
            let _ = self.disk.unlink(temporary);
        }
        renamed
    }

    /// The right to merge and export; `None` while another process has it.
    pub(crate) fn lock(&self) -> io::Result<Option<Locked<'_>>> {
        let lock = self.disk.open_lock(LOCK)?;
        if !lock.try_lock()? {
            return Ok(None);
        }
        // What a killed holder left; a temporary file never counts.
        let _ = self.disk.unlink(TOTALS_NEXT);
        let totals = match self.disk.open(TOTALS) {
            Ok(mut handle) => match file::unframe(Kind::Totals, &handle.read(MAX_TOTALS)?).and_then(Totals::decode) {
                Some(totals) => totals,
                None => {
                    // Series begin anew: a reset, which receivers understand.
                    self.disk.rename(TOTALS, &format!("{}totals-{}", super::spool::BAD, unix_ms()))?;
                    Totals::default()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Totals::default(),
            Err(error) => return Err(error),
        };
        Ok(Some(Locked { ledger: self, totals, _lock: lock }))
    }
}

/// The one who merges and exports.
pub(crate) struct Locked<'a> {
    ledger: &'a Ledger,
    totals: Totals,
    _lock: Box<dyn Handle>,
}

impl Locked<'_> {
    /// Adds all increments to the totals, and the series of `seeds` (all zero) where they are not there yet.
    pub(crate) fn merge(&mut self, seeds: &Snapshot) -> io::Result<Merged> {
        let disk = &self.ledger.disk;
        let now_ns = now_ns();
        let mut names: Vec<String> = disk.list()?;
        names.sort_unstable();
        let (mut merged, mut done) = (Merged::default(), Vec::new());
        for name in names {
            let Some(id) = file::increment_id(&name) else {
                self.forget(&name);
                continue;
            };
            if self.totals.contains(id) {
                merged.repeated += 1;
                done.push(name);
                continue;
            }
            let Ok(bytes) = disk.open(&name).and_then(|mut handle| handle.read(MAX_INCREMENT)) else { continue };
            match file::unframe(Kind::Increment, &bytes).and_then(otlp::decode) {
                Some(groups) => {
                    for (resource, increment) in groups {
                        self.totals.add(resource, increment, now_ns);
                    }
                    self.totals.contain(id);
                    merged.added += 1;
                    done.push(name);
                }
                None => {
                    merged.corrupt += 1;
                    disk.rename(&name, &format!("{}{name}", super::spool::BAD))?;
                }
            }
        }
        let seeded = self.totals.seed(seeds, now_ns);
        let dropped = self.totals.drop_idle(now_ns);
        if merged.added > 0 || seeded || dropped {
            self.save()?;
        }
        for name in done {
            disk.unlink(&name)?;
        }
        Ok(merged)
    }

    /// Removes a temporary file whose writer is gone.
    fn forget(&self, name: &str) {
        let Some(id) = name.strip_suffix(".tmp").and_then(file::increment_id) else { return };
        if unix_ms().saturating_sub(id.unix_ms) > ABANDONED.as_millis() as u64 {
            let _ = self.ledger.disk.unlink(name);
        }
    }

    fn save(&self) -> io::Result<()> {
        let bytes = file::frame(Kind::Totals, &self.totals.encode());
        self.ledger.write(TOTALS_NEXT, TOTALS, &bytes)
    }

    /// The totals as OTLP bodies, to be delivered in this order: where a series is new, first its zero, so that the
    /// receiver sees it grow; then everything, at a time later than that of any export before.
    ///
    /// The time is kept before the bodies are returned: a repeated delivery is harmless, a repeated time is not.
    pub(crate) fn export(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let exported = self.totals.export(now_ns());
        if exported.is_empty() {
            return Ok(Vec::new());
        }
        self.save()?;
        let body = |groups: &Vec<(ResourceAttributes, Snapshot)>| otlp::encode_groups(groups);
        Ok(exported.iter().map(body).filter(|body| !body.is_empty()).collect())
    }

    /// The totals by resource.
    pub(crate) fn totals(&self) -> &[(ResourceAttributes, Snapshot)] {
        self.totals.groups()
    }
}

/// Sorts by time, unique without coordination.
fn increment_name() -> String {
    static SEQUENCE: AtomicU32 = AtomicU32::new(0);
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    let (pid, sequence) = (std::process::id(), SEQUENCE.fetch_add(1, Relaxed));
    format!("{:013}-{pid}-{sequence}-{random:016x}.inc", unix_ms())
}

fn unix_ms() -> u64 {
    now_ns() / 1_000_000
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
