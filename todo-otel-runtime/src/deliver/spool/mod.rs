//! Bodies on disk. The directory is the state: no index, no shared file that is appended to; a rename is the commit.
//!
//! What is not here: sending (`drain`), what a name and a file look like (`name`, `segment`), the file system (`disk`).

mod disk;
mod lose;
mod name;
pub(crate) mod segment;
#[cfg(test)]
pub(crate) mod sim;

pub(crate) use disk::{BAD, Disk, Handle, RealDisk, Refused};
pub(crate) use name::{ACCOUNT, Entry, Name};

use super::{breaker::Breakers, clock, counts::Reason};
use crate::config::{Durability, Signal};
use bytes::Bytes;
use segment::{MAX_FILE, Segment, Unusable};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How much the spool may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) segments: usize,
    pub(crate) age: Duration,
    /// Bytes of the file system to leave free; `None` = 5 %, at least 64 MiB.
    pub(crate) keep_free: Option<u64>,
}

/// One destination's directory, as one process sees it.
pub(crate) struct Spool {
    disk: Arc<dyn Disk>,
    limits: Limits,
    durability: Durability,
    run: u32,
    pid: u32,
    seq: AtomicU64,
}

/// A segment that this process alone may touch, for as long as it holds this.
pub(crate) struct Claim {
    pub(crate) name: Name,
    handle: Box<dyn Handle>,
}

/// Why a segment cannot be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotClaimed {
    /// Somebody else has it, or had it a moment ago.
    Busy,
    /// No file of ours, whatever its name says.
    Foreign,
}

/// What lies in the directory, sorted by time.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Name>,
    pub(crate) temporary: Vec<Name>,
    pub(crate) tombstones: Vec<(Name, Reason)>,
}

impl Listing {
    pub(crate) fn bytes(&self) -> u64 {
        let files = self.segments.iter().chain(&self.temporary);
        files.map(|name| name.bytes.saturating_add(segment::HEADER as u64)).fold(0, u64::saturating_add)
    }

    fn files(&self) -> usize {
        self.segments.len() + self.temporary.len() + self.tombstones.len()
    }
}

/// A lock held; given back when dropped.
pub(crate) struct Lock(Box<dyn Handle>);

impl Lock {
    pub(crate) fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.0.fd()
    }
}

impl Spool {
    pub(crate) fn new(disk: Arc<dyn Disk>, limits: Limits, durability: Durability, run: u32) -> Spool {
        Spool { disk, limits, durability, run, pid: std::process::id(), seq: AtomicU64::new(0) }
    }

    /// A name for a body of this process.
    pub(crate) fn name(&self, signal: Signal, items: u64, bytes: usize) -> Name {
        Name {
            ms: clock::wall_ms(),
            run: self.run,
            pid: self.pid,
            seq: self.seq.fetch_add(1, Ordering::Relaxed),
            random: clock::random(),
            items,
            bytes: bytes as u64,
            signal,
        }
    }

    /// Stores a body; when this returns, it is as safe as the durability says.
    ///
    /// A failure is tried once more under a new name: after a failed sync the same file proves nothing any more.
    pub(crate) fn write(&self, signal: Signal, items: u64, raw: &Bytes, gzip: bool) -> Result<Name, Reason> {
        let (stored, encoding) = segment::encode(raw, gzip);
        let count = u32::try_from(items).unwrap_or(u32::MAX);
        let created_ns = clock::wall_ms().saturating_mul(1_000_000);
        let header = segment::header(signal, encoding, count, created_ns, raw, &stored);
        let stored = if sabotaged!("flip_after_crc") { stored.iter().map(|byte| byte ^ 1).collect() } else { stored };
        self.check_space()?;
        let first = self.name(signal, items, stored.len());
        if self.write_file(&first, &[&header, &stored], self.durability).is_ok() {
            return Ok(first);
        }
        let second = self.name(signal, items, stored.len());
        self.write_file(&second, &[&header, &stored], self.durability).map(|()| second).map_err(|error| reason(&error))
    }

    /// Stores log records that tell of losses; never evicted.
    pub(crate) fn write_account(&self, items: u64, raw: &Bytes) -> Result<Name, Reason> {
        let count = u32::try_from(items).unwrap_or(u32::MAX);
        let header = segment::header(Signal::Logs, super::send::Encoding::Identity, count, 0, raw, raw);
        let name = Name { run: ACCOUNT, ..self.name(Signal::Logs, items, raw.len()) };
        // The tombstones go for it, so it must outlive whatever they would.
        self.write_file(&name, &[&header, raw], Durability::File).map(|()| name).map_err(|error| reason(&error))
    }

    fn write_file(&self, name: &Name, parts: &[&[u8]], durability: Durability) -> io::Result<()> {
        let (temporary, segment) = (name.temporary(), name.segment());
        let written = (|| {
            let mut file = self.disk.create(&temporary)?;
            // Tells adopters that the writer lives; where locks are refused nobody adopts either.
            let _ = file.try_lock();
            if sabotaged!("rename_before_write") {
                self.disk.rename(&temporary, &segment)?;
                return file.write(parts);
            }
            file.write(parts)?;
            if durability != Durability::Process && !sabotaged!("skip_fdatasync") {
                file.sync()?;
            }
            self.disk.rename(&temporary, &segment)?;
            if durability == Durability::Full
                && let Err(error) = self.disk.sync()
            {
                let _ = self.disk.unlink(&segment);
                return Err(error);
            }
            Ok(())
        })();
        if written.is_err() {
            if sabotaged!("unwrap_on_enospc") {
                std::panic::panic_any("sabotage");
            }
            let _ = self.disk.unlink(&temporary);
        }
        written
    }

    /// Leaves something of the file system free; a GiB is enough on a large one.
    fn check_space(&self) -> Result<(), Reason> {
        let keep = |total: u64| self.limits.keep_free.unwrap_or((total / 20).clamp(64 << 20, 1 << 30));
        match self.disk.space() {
            Ok((free, total)) if free < keep(total) => Err(Reason::DiskFull),
            Ok(_) => Ok(()),
            Err(error) => Err(reason(&error)),
        }
    }

    pub(crate) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for file in self.disk.list()? {
            match Entry::parse(&file) {
                Some(Entry::Segment(name)) => listing.segments.push(name),
                Some(Entry::Temporary(name)) => listing.temporary.push(name),
                Some(Entry::Tombstone(name, reason)) => listing.tombstones.push((name, reason)),
                None => {}
            }
        }
        listing.segments.sort_unstable();
        listing.temporary.sort_unstable();
        listing.tombstones.sort_unstable();
        Ok(listing)
    }

    /// Takes hold of a segment.
    pub(crate) fn claim(&self, name: &Name) -> Result<Claim, NotClaimed> {
        self.claim_file(name, &name.segment())
    }

    fn claim_file(&self, name: &Name, file: &str) -> Result<Claim, NotClaimed> {
        let handle = self.disk.open(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NotClaimed::Busy,
            _ => NotClaimed::Foreign,
        })?;
        match handle.try_lock() {
            // Whoever held it may have renamed or removed it before we got the lock.
            Ok(true) if handle.is(file) => Ok(Claim { name: name.clone(), handle }),
            Ok(_) => Err(NotClaimed::Busy),
            Err(_) => Err(NotClaimed::Foreign),
        }
    }

    pub(crate) fn read(&self, claim: &mut Claim) -> Result<Segment, Unusable> {
        let bytes = claim.handle.read(MAX_FILE).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Unusable::Corrupt,
            _ => Unusable::Unreadable,
        })?;
        let segment = segment::parse(&bytes.into())?;
        // A file under another file's name would be counted wrongly.
        let named = segment.signal == claim.name.signal && u64::from(segment.items) == claim.name.items;
        if named { Ok(segment) } else { Err(Unusable::Corrupt) }
    }

    /// The segment has arrived. False when the file system would not remove it.
    pub(crate) fn remove(&self, claim: Claim) -> bool {
        match self.disk.unlink(&claim.name.segment()) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// The right to drain; one process at a time.
    pub(crate) fn drain_lock(&self) -> Option<Lock> {
        self.lock("drain.lock")
    }

    fn lock(&self, name: &str) -> Option<Lock> {
        let handle = self.disk.open_lock(name).ok()?;
        (handle.try_lock().ok()? || sabotaged!("no_drain_lock")).then_some(Lock(handle))
    }

    /// The shared state of the breakers; whatever cannot be read is closed ones.
    pub(crate) fn load_breakers(&self) -> Breakers {
        let read = self.disk.open("state").and_then(|mut file| file.read(4096));
        read.map_or_else(|_| Breakers::default(), |text| Breakers::from_json(&text))
    }

    /// Only the holder of the drain lock writes it.
    pub(crate) fn save_breakers(&self, breakers: &Breakers) {
        let temporary = "state.tmp";
        let _ = self.disk.unlink(temporary);
        let written = self.disk.create(temporary).and_then(|mut file| {
            file.write(&[breakers.to_json().as_bytes()])?;
            self.disk.rename(temporary, "state")
        });
        if written.is_err() {
            let _ = self.disk.unlink(temporary);
        }
    }

    /// For the check that a claim is not removed before it is sent.
    pub(crate) fn unlink_now(&self, name: &Name) {
        let _ = self.disk.unlink(&name.segment());
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes in what writers that died left complete; what they left torn is counted after an hour. Returns what was
    /// counted.
    pub(crate) fn adopt(&self, listing: &Listing) -> Vec<(Name, Reason)> {
        let now = clock::wall_ms();
        let mut torn = Vec::new();
        for name in &listing.temporary {
            let age = now.saturating_sub(name.ms);
            if age < 2_000 {
                continue;
            }
            let Ok(mut claim) = self.claim_file(name, &name.temporary()) else { continue };
            match self.read(&mut claim) {
                Ok(_) => {
                    let _ = self.disk.rename(&name.temporary(), &name.segment());
                }
                Err(Unusable::Newer | Unusable::Unreadable) => {}
                Err(Unusable::Corrupt) if age > 3_600_000 => {
                    if self.disk.rename(&name.temporary(), &name.tombstone(Reason::Torn)).is_ok() {
                        let _ = claim.handle.truncate();
                        torn.push((name.clone(), Reason::Torn));
                    }
                }
                Err(Unusable::Corrupt) => {}
            }
        }
        torn
    }
}

/// Why something could not be stored.
pub(crate) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Reason::DiskFull,
        io::ErrorKind::FileTooLarge => Reason::NoSpool,
        _ => Reason::IoError,
    }
}
