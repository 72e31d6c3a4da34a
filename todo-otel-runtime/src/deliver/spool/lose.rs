//! Every way in which the spool loses something, and the tombstones that tell of it: empty files whose names say
//! signal, items and reason, made by the same rename that makes the loss.

use super::{ACCOUNT, BAD, Claim, Entry, Listing, Name, Spool};
use crate::{
    config::Signal,
    deliver::{clock, counts::Reason, send::Encoding},
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Tombstones that may lie about before they are merged.
const MAX_TOMBSTONES: usize = 256;
/// Refused files kept for diagnosis.
const MAX_BAD: usize = 8;
const MAX_BAD_AGE_MS: u64 = 7 * 24 * 3_600_000;

impl Spool {
    /// Gives up a segment. False when the file system did not let us: then nothing was lost either.
    pub(crate) fn bury(&self, claim: Claim, reason: Reason) -> bool {
        let buried = self.disk.rename(&claim.name.segment(), &claim.name.tombstone(reason)).is_ok();
        if buried {
            let _ = claim.handle.truncate();
        }
        buried
    }

    /// Gives up a segment and keeps it for diagnosis. The tombstone comes first and has the segment's name, so that
    /// dying in between counts once.
    pub(crate) fn quarantine(&self, claim: Claim, reason: Reason) -> bool {
        let tombstone = claim.name.tombstone(reason);
        match self.disk.create(&tombstone) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => return self.bury(claim, reason),
        }
        let bad = format!("{BAD}{}.{}.seg", claim.name, reason.as_str());
        if self.disk.rename(&claim.name.segment(), &bad).is_err() {
            let gone = self.disk.unlink(&claim.name.segment()).is_ok();
            if !gone {
                let _ = self.disk.unlink(&tombstone);
            }
            return gone;
        }
        self.tidy_bad();
        true
    }

    /// Keeps for diagnosis what was refused and never lay in the spool. Its loss is counted elsewhere.
    pub(crate) fn keep_copy(&self, signal: Signal, items: u64, raw: &Bytes, reason: Reason) {
        let count = u32::try_from(items).unwrap_or(u32::MAX);
        let name = self.name(signal, items, raw.len());
        let created_ns = name.ms.saturating_mul(1_000_000);
        let header = super::segment::header(signal, Encoding::Identity, count, created_ns, raw, raw);
        let file = format!("{BAD}{name}.{}.seg", reason.as_str());
        if let Ok(mut copy) = self.disk.create(&file)
            && copy.write(&[&header, raw]).is_err()
        {
            let _ = self.disk.unlink(&file);
        }
        self.tidy_bad();
    }

    fn tidy_bad(&self) {
        let Ok(mut files) = self.disk.list_bad() else { return };
        files.retain(|file| file.ends_with(".seg"));
        files.sort_unstable();
        let too_many = files.len().saturating_sub(MAX_BAD);
        let now = clock::wall_ms();
        for (i, file) in files.iter().enumerate() {
            let ms: u64 = file.get(..13).and_then(|ms| ms.parse().ok()).unwrap_or(0);
            if i < too_many || now.saturating_sub(ms) > MAX_BAD_AGE_MS {
                let _ = self.disk.unlink(&format!("{BAD}{file}"));
            }
        }
    }

    /// Records a loss from memory.
    pub(crate) fn lose(&self, signal: Signal, reason: Reason, items: u64) -> bool {
        let name = self.name(signal, items, 0);
        self.disk.create(&name.tombstone(reason)).is_ok()
    }

    /// Removes what is too old. Returns what was lost.
    pub(crate) fn expire(&self, listing: &Listing) -> Vec<(Name, Reason)> {
        let oldest = clock::wall_ms().saturating_sub(u64::try_from(self.limits.age.as_millis()).unwrap_or(u64::MAX));
        let mut lost = Vec::new();
        for name in listing.segments.iter().take_while(|name| name.ms < oldest) {
            let Ok(claim) = self.claim(name) else { continue };
            if self.bury(claim, Reason::Expired) {
                lost.push((name.clone(), Reason::Expired));
            }
        }
        lost
    }

    /// As `evict`, when a look at the names says that it is needed.
    pub(crate) fn evict_if_full(&self) -> Vec<(Name, Reason)> {
        match self.list() {
            Ok(listing) if listing.bytes() > self.limits.bytes || listing.files() > self.limits.segments => {
                self.evict()
            }
            _ => Vec::new(),
        }
    }

    /// Makes room below the caps, oldest first. What is being sent is claimed, and so is never evicted. Returns what
    /// was lost. When another process evicts, the caps may be passed by a body per writer.
    pub(crate) fn evict(&self) -> Vec<(Name, Reason)> {
        let mut lost = Vec::new();
        let Some(_lock) = self.lock("evict.lock") else { return lost };
        let Ok(mut listing) = self.list() else { return lost };
        if listing.tombstones.len() > MAX_TOMBSTONES {
            self.merge(&mut listing);
        }
        let (mut bytes, mut files) = (listing.bytes(), listing.files());
        if sabotaged!("evict_newest") {
            listing.segments.reverse();
        }
        for name in listing.segments.iter().filter(|name| name.run != ACCOUNT) {
            // Burying leaves a tombstone, so the number of files falls only when tombstones are merged.
            let segments = files.saturating_sub(listing.tombstones.len().min(MAX_TOMBSTONES));
            if bytes <= self.limits.bytes && segments <= self.limits.segments {
                break;
            }
            let Ok(claim) = self.claim(name) else { continue };
            if self.bury(claim, Reason::SpoolFull) {
                bytes = bytes.saturating_sub(name.bytes + super::segment::HEADER as u64);
                files -= 1;
                lost.push((name.clone(), Reason::SpoolFull));
            }
        }
        lost
    }

    /// One tombstone per signal and reason instead of many. The new one comes first, so that dying in between counts
    /// twice rather than not at all.
    fn merge(&self, listing: &mut Listing) {
        let mut sums: BTreeMap<(Signal, Reason), u64> = BTreeMap::new();
        for (name, reason) in &listing.tombstones {
            let sum = sums.entry((name.signal, *reason)).or_default();
            *sum = sum.saturating_add(name.items);
        }
        for ((signal, reason), items) in sums {
            if !self.lose(signal, reason, items) {
                continue;
            }
            listing.tombstones.retain(|(name, why)| {
                let merged = name.signal == signal && *why == reason;
                if merged {
                    let _ = self.disk.unlink(&name.tombstone(*why));
                }
                !merged
            });
        }
    }

    /// Forgets tombstones whose message is out.
    pub(crate) fn forget(&self, tombstones: &[(Name, Reason)]) {
        for (name, reason) in tombstones {
            let _ = self.disk.unlink(&name.tombstone(*reason));
        }
    }

    /// Removes everything that is ours, locked segments excepted. Returns files removed and items lost by signal.
    pub(crate) fn purge(&self) -> (usize, [u64; 3]) {
        let (mut files, mut items) = (0, [0; 3]);
        let Ok(listing) = self.list() else { return (files, items) };
        for name in &listing.segments {
            let Ok(claim) = self.claim(name) else { continue };
            if self.disk.unlink(&claim.name.segment()).is_ok() {
                files += 1;
                items[name.signal as usize] += name.items;
            }
        }
        for name in &listing.temporary {
            let Ok(_claim) = self.claim_file(name, &name.temporary()) else { continue };
            files += usize::from(self.disk.unlink(&name.temporary()).is_ok());
        }
        for (name, reason) in &listing.tombstones {
            files += usize::from(self.disk.unlink(&Entry::Tombstone(name.clone(), *reason).file()).is_ok());
        }
        for file in self.disk.list_bad().unwrap_or_default() {
            if file.ends_with(".seg") {
                files += usize::from(self.disk.unlink(&format!("{BAD}{file}")).is_ok());
            }
        }
        let _ = self.disk.unlink("state");
        (files, items)
    }
}
