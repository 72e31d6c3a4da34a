//! What became of every item, exact to one: emitted = delivered + spooled + waiting + dropped, by signal and reason.

use crate::config::Signal;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why an item was dropped. The list is closed; names are the values of the attribute `…telemetry.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A ring or a queue was full.
    QueueFull,
    /// Too large to be sent.
    Limit,
    /// Encoding failed.
    Encode,
    /// An exporter or processor panicked.
    Panic,
    /// Not out in time at shutdown.
    Deadline,
    /// Emitted after shutdown.
    Shutdown,
    /// Emitted in a forked child without exec.
    Fork,
    /// Could not be sent, and there is no spool.
    NoSpool,
    /// Could not be spooled: no space or quota left.
    DiskFull,
    /// Could not be spooled: another error of the file system.
    IoError,
    /// Evicted: the spool was at its cap.
    SpoolFull,
    /// Older than the spool keeps.
    Expired,
    /// Half-written by a process that died.
    Torn,
    /// Unreadable in the spool.
    Corrupt,
    /// Refused again and again while others passed.
    Poison,
    /// Refused by the receiver.
    Rejected,
    /// Removed on the user's request.
    Purged,
    /// Left out by a sampling decision; not a loss.
    Sampled,
    /// Left out by a rate limit; not a loss.
    Suppressed,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Reason; 19] = [
        Reason::QueueFull,
        Reason::Limit,
        Reason::Encode,
        Reason::Panic,
        Reason::Deadline,
        Reason::Shutdown,
        Reason::Fork,
        Reason::NoSpool,
        Reason::DiskFull,
        Reason::IoError,
        Reason::SpoolFull,
        Reason::Expired,
        Reason::Torn,
        Reason::Corrupt,
        Reason::Poison,
        Reason::Rejected,
        Reason::Purged,
        Reason::Sampled,
        Reason::Suppressed,
    ];

    /// Value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::QueueFull => "queue_full",
            Reason::Limit => "limit",
            Reason::Encode => "encode",
            Reason::Panic => "panic",
            Reason::Deadline => "deadline",
            Reason::Shutdown => "shutdown",
            Reason::Fork => "fork",
            Reason::NoSpool => "no_spool",
            Reason::DiskFull => "disk_full",
            Reason::IoError => "io_error",
            Reason::SpoolFull => "spool_full",
            Reason::Expired => "expired",
            Reason::Torn => "torn",
            Reason::Corrupt => "corrupt",
            Reason::Poison => "poison",
            Reason::Rejected => "rejected",
            Reason::Purged => "purged",
            Reason::Sampled => "sampled",
            Reason::Suppressed => "suppressed",
        }
    }

    /// False for decisions (`sampled`, `suppressed`), which stand outside the equation.
    pub const fn is_loss(self) -> bool {
        !matches!(self, Reason::Sampled | Reason::Suppressed)
    }

    pub(crate) fn parse(text: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Items dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// Of this signal.
    pub signal: Signal,
    /// For this reason.
    pub reason: Reason,
    /// So many spans, data points or log records.
    pub items: u64,
}

/// What became of everything this process emitted, in items. Arrays are indexed by `Signal as usize`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reached delivery, or was reported lost before it.
    pub emitted: [u64; 3],
    /// Answered with success by the receiver.
    pub delivered: [u64; 3],
    /// Safe in the spool.
    pub spooled: [u64; 3],
    /// In memory; zero after `finish`.
    pub waiting: [u64; 3],
    /// Lost, by signal and reason; only entries above zero. Decisions (`sampled`, `suppressed`) are listed too.
    pub dropped: Vec<Dropped>,
    /// Spooled by other processes and delivered by this one; not part of the equation.
    pub drained: [u64; 3],
    /// The deadline passed before everything was done.
    pub timed_out: bool,
}

impl Counts {
    /// Items lost for a reason, over all signals.
    pub fn dropped_for(&self, reason: Reason) -> u64 {
        self.dropped.iter().filter(|d| d.reason == reason).map(|d| d.items).sum()
    }

    /// Items lost of a signal, decisions left out.
    pub fn lost(&self, signal: Signal) -> u64 {
        self.dropped.iter().filter(|d| d.signal == signal && d.reason.is_loss()).map(|d| d.items).sum()
    }

    /// Items lost, decisions left out.
    pub fn lost_total(&self) -> u64 {
        Signal::ALL.into_iter().map(|signal| self.lost(signal)).sum()
    }

    /// emitted = delivered + spooled + waiting + dropped, for each signal.
    pub fn balanced(&self) -> bool {
        Signal::ALL.into_iter().all(|signal| {
            let i = signal as usize;
            self.emitted[i] == self.delivered[i] + self.spooled[i] + self.waiting[i] + self.lost(signal)
        })
    }
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Tally {
    emitted: [AtomicU64; 3],
    delivered: [AtomicU64; 3],
    spooled: [AtomicU64; 3],
    waiting: [AtomicU64; 3],
    drained: [AtomicU64; 3],
    dropped: [[AtomicU64; Reason::ALL.len()]; 3],
    /// The part of `dropped` that has left a tombstone already.
    buried: [[AtomicU64; Reason::ALL.len()]; 3],
}

impl Tally {
    pub(crate) fn emitted(&self, signal: Signal, items: u64) {
        self.emitted[signal as usize].fetch_add(items, Relaxed);
        self.waiting[signal as usize].fetch_add(items, Relaxed);
    }

    pub(crate) fn delivered(&self, signal: Signal, items: u64) {
        self.waiting[signal as usize].fetch_sub(items, Relaxed);
        let items = if sabotaged!("miscount_by_one") { items + 1 } else { items };
        self.delivered[signal as usize].fetch_add(items, Relaxed);
    }

    pub(crate) fn spooled(&self, signal: Signal, items: u64) {
        self.waiting[signal as usize].fetch_sub(items, Relaxed);
        self.spooled[signal as usize].fetch_add(items, Relaxed);
    }

    pub(crate) fn dropped(&self, signal: Signal, reason: Reason, items: u64) {
        self.waiting[signal as usize].fetch_sub(items, Relaxed);
        self.dropped[signal as usize][reason as usize].fetch_add(items, Relaxed);
    }

    /// Lost before it reached delivery, or left out by a decision.
    pub(crate) fn lost_elsewhere(&self, signal: Signal, reason: Reason, items: u64) {
        if reason.is_loss() {
            self.emitted[signal as usize].fetch_add(items, Relaxed);
        }
        self.dropped[signal as usize][reason as usize].fetch_add(items, Relaxed);
    }

    /// One of our own segments left the spool.
    pub(crate) fn unspooled(&self, signal: Signal, items: u64, dropped: Option<Reason>) {
        self.spooled[signal as usize].fetch_sub(items, Relaxed);
        match dropped {
            None => self.delivered[signal as usize].fetch_add(items, Relaxed),
            Some(reason) => self.dropped[signal as usize][reason as usize].fetch_add(items, Relaxed),
        };
    }

    /// A loss of which a tombstone tells.
    pub(crate) fn buried(&self, signal: Signal, reason: Reason, items: u64) {
        self.buried[signal as usize][reason as usize].fetch_add(items, Relaxed);
    }

    /// Losses of which no tombstone tells yet.
    pub(crate) fn unburied(&self) -> Vec<Dropped> {
        let mut losses = self.snapshot().dropped;
        losses.retain(|loss| loss.reason.is_loss());
        for loss in &mut losses {
            let buried = self.buried[loss.signal as usize][loss.reason as usize].load(Relaxed);
            loss.items = loss.items.saturating_sub(buried);
        }
        losses.retain(|loss| loss.items > 0);
        losses
    }

    /// A segment of another process was delivered.
    pub(crate) fn drained(&self, signal: Signal, items: u64) {
        self.drained[signal as usize].fetch_add(items, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counts {
        let read = |cells: &[AtomicU64; 3]| cells.each_ref().map(|cell| cell.load(Relaxed));
        let mut dropped = Vec::new();
        for signal in Signal::ALL {
            for reason in Reason::ALL {
                let items = self.dropped[signal as usize][reason as usize].load(Relaxed);
                if items > 0 && !sabotaged!("report_ok_always") {
                    dropped.push(Dropped { signal, reason, items });
                }
            }
        }
        Counts {
            emitted: read(&self.emitted),
            delivered: read(&self.delivered),
            spooled: read(&self.spooled),
            waiting: read(&self.waiting),
            dropped,
            drained: read(&self.drained),
            timed_out: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place_and_its_own_name() {
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
    }

    #[test]
    fn the_equation_holds_through_a_life() {
        let tally = Tally::default();
        tally.emitted(Signal::Traces, 10);
        tally.delivered(Signal::Traces, 3);
        tally.spooled(Signal::Traces, 4);
        tally.dropped(Signal::Traces, Reason::Rejected, 1);
        tally.lost_elsewhere(Signal::Traces, Reason::QueueFull, 5);
        tally.lost_elsewhere(Signal::Traces, Reason::Sampled, 7);
        tally.unspooled(Signal::Traces, 1, None);
        tally.unspooled(Signal::Traces, 1, Some(Reason::SpoolFull));
        let counts = tally.snapshot();
        assert!(counts.balanced(), "{counts:?}");
        assert_eq!((counts.emitted[0], counts.delivered[0], counts.spooled[0], counts.waiting[0]), (15, 4, 2, 2));
        assert_eq!(counts.lost(Signal::Traces), 7);
    }
}
