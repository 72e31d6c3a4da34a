//! The counts of one row: cells that one thread writes and anyone may read, and the sums over them.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering::*, fence},
};

use crate::{
    metrics::{exponential::Accumulator, site::SiteData, time},
    record::red::SpanRef,
};

/// Sums over threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Calls per bucket of the union of bounds.
    pub(crate) buckets: Vec<u64>,
    /// Sum of durations.
    pub(crate) ticks: u64,
    /// Newest per bucket; empty when there never was one.
    pub(crate) exemplars: Vec<Option<Exemplar>>,
    /// Durations in seconds, where an instrument has exponential buckets.
    pub(crate) exponential: Option<Accumulator>,
}

impl Totals {
    pub(crate) fn add(&mut self, cells: &Cells) {
        self.buckets.resize(cells.buckets.len(), 0);
        for (total, cell) in self.buckets.iter_mut().zip(&cells.buckets) {
            *total += cell.load(Relaxed);
        }
        self.ticks = self.ticks.wrapping_add(cells.sum.load(Relaxed));
        if let Some(counts) = &cells.exponential {
            let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut self.exponential {
                Some(total) => total.add(&counts),
                None => self.exponential = Some(counts.clone()),
            }
        }
        let Some(slots) = cells.exemplars.get() else { return };
        for (bucket, slot) in slots.0.iter().enumerate() {
            if let Some(exemplar) = slot.read() {
                self.exemplar(bucket, exemplar);
            }
        }
    }

    pub(crate) fn exemplar(&mut self, bucket: usize, exemplar: Exemplar) {
        if self.exemplars.len() <= bucket {
            self.exemplars.resize(self.buckets.len().max(bucket + 1), None);
        }
        let newest = &mut self.exemplars[bucket];
        if newest.is_none_or(|old| old.end <= exemplar.end) {
            *newest = Some(exemplar);
        }
    }
}

/// A measurement that points at its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exemplar {
    /// Duration.
    pub(crate) ticks: u64,
    /// When it was measured, in ticks of the clock.
    pub(crate) end: u64,
    pub(crate) span: SpanRef,
}

/// The counts of one row on one thread. Only that thread writes; anyone may read.
pub(crate) struct Cells {
    pub(crate) data: &'static SiteData,
    pub(crate) sum: AtomicU64,
    pub(crate) buckets: Box<[AtomicU64]>,
    exemplars: OnceLock<Exemplars>,
    /// Only calls that end the slow way count here.
    pub(crate) exponential: Option<Mutex<Accumulator>>,
}

/// The newest exemplar of each bucket.
pub(crate) struct Exemplars(Box<[Slot]>);

impl Exemplars {
    #[inline(always)]
    pub(crate) fn write(&self, bucket: usize, ticks: u64, end: u64, span: SpanRef) {
        if let Some(slot) = self.0.get(bucket) {
            slot.write(Exemplar { ticks, end, span });
        }
    }
}

impl Cells {
    pub(crate) fn new(data: &'static SiteData) -> Self {
        Cells {
            data,
            sum: AtomicU64::new(0),
            buckets: data.ticks.iter().map(|_| AtomicU64::new(0)).collect(),
            exemplars: OnceLock::new(),
            exponential: data.exponential.map(|(most, scale)| Mutex::new(Accumulator::new(most, scale))),
        }
    }

    /// Counts a duration in exponential buckets, where there are some.
    pub(crate) fn observe(&self, ticks: u64) {
        if let Some(counts) = &self.exponential {
            counts.lock().unwrap_or_else(PoisonError::into_inner).record(time::seconds_of(ticks));
        }
    }

    /// Leaves the newest exemplar of a bucket.
    #[inline(always)]
    pub(crate) fn exemplar(&self, bucket: usize, ticks: u64, end: u64, span: SpanRef) {
        match self.exemplars() {
            Some(exemplars) => exemplars.write(bucket, ticks, end, span),
            None => self.first_exemplar(bucket, ticks, end, span),
        }
    }

    /// The exemplars, once there was one.
    #[inline(always)]
    pub(crate) fn exemplars(&self) -> Option<&Exemplars> {
        self.exemplars.get()
    }

    #[cold]
    #[inline(never)]
    fn first_exemplar(&self, bucket: usize, ticks: u64, end: u64, span: SpanRef) {
        let exemplars =
            self.exemplars.get_or_init(|| Exemplars(self.buckets.iter().map(|_| Slot::default()).collect()));
        exemplars.write(bucket, ticks, end, span);
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline(always)]
pub(crate) fn bump(cell: &AtomicU64, by: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(by), Relaxed);
}

/// One exemplar, readable while its thread overwrites it: an odd version means it is being written.
#[derive(Default)]
struct Slot {
    version: AtomicU64,
    words: [AtomicU64; 6],
}

impl Slot {
    #[inline(always)]
    fn write(&self, e: Exemplar) {
        let version = self.version.load(Relaxed);
        self.version.store(version + 1, Relaxed);
        fence(Release);
        let words =
            [e.ticks, e.end, (e.span.trace >> 64) as u64, e.span.trace as u64, e.span.span, e.span.sampled as u64];
        for (cell, word) in self.words.iter().zip(words) {
            cell.store(word, Relaxed);
        }
        self.version.store(version + 2, Release);
    }

    fn read(&self) -> Option<Exemplar> {
        for _ in 0..8 {
            let version = self.version.load(Acquire);
            if version == 0 {
                return None;
            }
            let [ticks, end, high, low, span, sampled] = std::array::from_fn(|i| self.words[i].load(Relaxed));
            fence(Acquire);
            if version.is_multiple_of(2) && self.version.load(Relaxed) == version {
                let trace = (high as u128) << 64 | low as u128;
                return Some(Exemplar { ticks, end, span: SpanRef { trace, span, sampled: sampled != 0 } });
            }
        }
        None
    }
}
