//! Rate, errors, duration: what the hot path does. Each thread owns its cells of a call site and changes them by plain
//! load and store; the reader adds up what all threads hold and what ended threads left behind.
//!
//! Not here: what a row is and how threads are added up (`metrics::site`), what rows mean as instruments (`metrics::view`),
//! which labels exist (`metrics::label`), the clock.

use std::{
    cell::{Cell, UnsafeCell},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::*},
    },
};

use crate::metrics::{
    cell::{self, Cells, Exemplar},
    label::{Kind, Ordinal},
    meta::MetricsMeta,
    site::{self, DEFAULT_LIMIT, MAX_PRODUCT, RowKey, SiteData, ThreadShared},
    state,
};

/// How a call ended; the one value that span, metric and log read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// It returned a value, `Ok` or `Some`, or `None`.
    Ok,
    /// It returned an `Err` that nobody declared expected.
    Error,
    /// It returned an `Err` that the call site or its class declares expected.
    Expected,
    /// It unwound.
    Panic,
    /// Its future was dropped after the first poll and before completion.
    Cancelled,
}

impl Outcome {
    /// The value of the label `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Expected => "expected",
            Outcome::Panic => "panic",
            Outcome::Cancelled => "cancelled",
        }
    }
}

/// Why a call failed, as far as labels say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Failure {
    /// `error.type`: a class, never a message.
    pub class: &'static str,
    /// `db.response.status_code`.
    pub status: Option<&'static str>,
}

/// The span that a measurement belongs to, for exemplars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanRef {
    /// Trace id.
    pub trace: u128,
    /// Span id.
    pub span: u64,
    /// The trace is recorded for export.
    pub sampled: bool,
}

/// The label values of one call, computed at its entry; small, `Copy`, valid on every thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Series(pub(crate) u32);

impl Series {
    /// Metrics were off when the call began: nothing is recorded at its end.
    pub const NONE: Series = Series(0);

    /// For the way through a ring.
    #[inline(always)]
    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    /// What `to_bits` gave.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Series(bits)
    }
}
/// The metric side of a call site; lives in its static.
#[derive(Debug)]
pub struct Site {
    metrics: Option<&'static MetricsMeta>,
    /// Instrumentation scope: package and version.
    scope: (&'static str, &'static str),
    /// Index of `SITES` + 1; 0 before the first call.
    id: AtomicU32,
    /// Identity of the closed label sets, so that an index computed from ordinals is only used with the sets it was registered with.
    shape: AtomicUsize,
}

impl Site {
    /// Not registered; `None` means the call site has no metrics.
    pub const fn new(metrics: Option<&'static MetricsMeta>, package: &'static str, version: &'static str) -> Self {
        Site { metrics, scope: (package, version), id: AtomicU32::new(0), shape: AtomicUsize::new(0) }
    }

    /// The series of a call site without labels; `None` when `enter` has to be asked.
    #[inline(always)]
    pub(crate) fn only_series(&self) -> Option<Series> {
        let plain = self.id.load(Relaxed) & IN_FLIGHT == 0 && self.shape.load(Relaxed) == site::EMPTY_SHAPE;
        plain.then_some(Series(1))
    }

    /// `exit` for a call that succeeded, where that is only counting; false when `exit` has to be asked.
    #[inline(always)]
    pub(crate) fn count_ok(
        &'static self,
        series: Series,
        ticks: u64,
        end: u64,
        sampled: bool,
        span: impl FnOnce() -> SpanRef,
    ) -> bool {
        #[cfg(feature = "testing")]
        if crate::testing::hook::is_open() {
            return false;
        }
        if self.id.load(Relaxed) & IN_FLIGHT != 0 || series == Series::NONE {
            return false;
        }
        let Some(cells) = self.thread().and_then(|thread| thread.ok_cells(series)) else { return false };
        if !state::exemplar_wanted(sampled) {
            count(cells, ticks);
            return true;
        }
        let Some(exemplars) = cells.exemplars() else { return false };
        let bucket = count(cells, ticks);
        exemplars.write(bucket, ticks, end, span());
        true
    }

    /// Turns the label values into a handle, and counts the call as running where the call site asks for it. Only while metrics are on.
    #[inline(always)]
    pub fn enter<const N: usize>(&'static self, labels: [Ordinal; N]) -> Series {
        let series = self.series(&labels);
        if self.id.load(Relaxed) & IN_FLIGHT != 0 {
            self.running(series, 1);
        }
        series
    }

    #[inline(always)]
    fn series<const N: usize>(&'static self, labels: &[Ordinal; N]) -> Series {
        let (mut index, mut shape, mut closed) = (0usize, site::EMPTY_SHAPE, true);
        for label in labels {
            let (ordinal, values, width) = match label.0 {
                Kind::Closed(ordinal, values) => (ordinal, values.as_ptr() as usize, values.len() + 1),
                Kind::Bool(ordinal) => (ordinal, 1, 3),
                _ => {
                    closed = false;
                    (0, 0, 1)
                }
            };
            index = index * width + ordinal as usize;
            shape = site::add_to_shape(shape, values);
        }
        if closed && shape == self.shape.load(Relaxed) {
            return Series(index as u32 + 1);
        }
        self.look_up(labels)
    }

    /// Open labels: a small table of the thread, keyed by where the strings are, before the table of the call site.
    #[inline(always)]
    fn look_up<const N: usize>(&'static self, labels: &[Ordinal; N]) -> Series {
        if N > CACHED_LABELS {
            return self.intern(labels);
        }
        let mut key = [(0usize, 0usize); CACHED_LABELS];
        let mut hash = 0usize;
        for (word, label) in key.iter_mut().zip(labels) {
            *word = label_word(*label);
            hash = (hash ^ word.0).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize);
        }
        let Some(thread) = self.thread() else { return self.intern(labels) };
        let entry = &thread.cache[hash >> (usize::BITS - CACHE_BITS)];
        let (cached, series) = entry.get();
        if cached[..N] == key[..N] && series != Series::NONE {
            return series;
        }
        let series = self.intern(labels);
        entry.set((key, series));
        series
    }

    #[cold]
    #[inline(never)]
    fn intern(&'static self, labels: &[Ordinal]) -> Series {
        let Some(data) = self.register(labels) else { return Series::NONE };
        data.inner().series(data, labels)
    }

    /// Records the end of a call that `enter` gave `series` for. `end` and `ticks` come from the clock reads of the span.
    #[inline(always)]
    pub fn exit(
        &'static self,
        series: Series,
        ticks: u64,
        end: u64,
        outcome: Outcome,
        failure: Option<Failure>,
        span: SpanRef,
    ) {
        if series == Series::NONE {
            return;
        }
        if self.id.load(Relaxed) & IN_FLIGHT != 0 {
            self.running(series, -1);
        }
        #[cfg(feature = "testing")]
        if crate::testing::hook::is_open()
            && let Some(data) = self.data()
        {
            crate::testing::hook::call(data, RowKey { series, outcome, failure }, ticks);
        }
        let cells = match self.thread() {
            Some(thread) if outcome == Outcome::Ok => thread.ok_cells(series),
            _ => None,
        };
        let Some(cells) = cells else { return self.exit_slowly(series, ticks, end, outcome, failure, span) };
        record(cells, ticks, end, span);
    }

    /// Takes back an `enter` whose call never began.
    #[cold]
    pub fn forget(&'static self, series: Series) {
        if series != Series::NONE && self.id.load(Relaxed) & IN_FLIGHT != 0 {
            self.running(series, -1);
        }
    }

    #[inline(never)]
    fn exit_slowly(
        &'static self,
        series: Series,
        ticks: u64,
        end: u64,
        outcome: Outcome,
        failure: Option<Failure>,
        span: SpanRef,
    ) {
        let key = RowKey { series, outcome, failure };
        let Some(data) = self.data() else { return };
        match self.thread_or_new(data) {
            Some(thread) => {
                let cells = thread.cells(data, key);
                cells.observe(ticks);
                record(cells, ticks, end, span);
            }
            // The thread is past its thread-locals: straight into what ended threads left.
            None => {
                let cells = Cells::new(data);
                cells.observe(ticks);
                record(&cells, ticks, end, span);
                let mut inner = data.inner();
                let row = inner.row(data, key);
                inner.retire(row, &cells);
            }
        }
    }

    /// An exemplar for a call that was recorded earlier, with this `error.type`, and whose trace is kept only now.
    #[cold]
    pub fn kept(
        &'static self,
        series: Series,
        ticks: u64,
        end: u64,
        outcome: Outcome,
        class: Option<&str>,
        span: SpanRef,
    ) {
        let Some(data) = self.data() else { return };
        if series == Series::NONE || !state::exemplar_wanted(true) {
            return;
        }
        let mut inner = data.inner();
        let Some(row) = inner.row_of_class(series, outcome, class) else { return };
        let bucket = bucket(data, ticks);
        inner.retired_mut(row, data.ticks.len()).exemplar(bucket, Exemplar { ticks, end, span });
    }

    #[inline(never)]
    fn running(&'static self, series: Series, by: i64) {
        if !state::in_flight() {
            return;
        }
        let Some(data) = self.data() else { return };
        match self.thread_or_new(data) {
            Some(thread) => {
                let cell = thread.active_cell(series);
                cell.store(cell.load(Relaxed).wrapping_add(by), Relaxed);
            }
            None => *data.inner().retired_active.entry(series).or_default() += by,
        }
    }

    #[inline(always)]
    fn thread(&'static self) -> Option<&'static ThreadSite> {
        let id = (self.id.load(Relaxed) & !IN_FLIGHT) as usize;
        LOCAL.with(|local| {
            if id >= local.len.get() {
                return None;
            }
            // SAFETY: `slots` points to `len` entries that only this thread changes (in `Owner::attach`), and `id` is below `len`.
            let site = unsafe { *local.slots.get().add(id) };
            // SAFETY: an entry is null or points to a box that `Owner` of this thread keeps until it clears `len`.
            // The reference does not leave the call: every caller uses it before it returns, and never across a thread's end.
            unsafe { site.as_ref() }
        })
    }

    #[cold]
    #[inline(never)]
    fn thread_or_new(&'static self, data: &'static SiteData) -> Option<&'static ThreadSite> {
        if let Some(thread) = self.thread() {
            return Some(thread);
        }
        OWNER.try_with(|owner| owner.attach(data)).ok()?;
        self.thread()
    }

    fn data(&'static self) -> Option<&'static SiteData> {
        let id = (self.id.load(Acquire) & !IN_FLIGHT) as usize;
        site::all().get(id.checked_sub(1)?).copied()
    }

    #[cold]
    fn register(&'static self, labels: &[Ordinal]) -> Option<&'static SiteData> {
        let meta = self.metrics?;
        let mut sites = site::all();
        let id = (self.id.load(Relaxed) & !IN_FLIGHT) as usize;
        let data = if id == 0 {
            // One per call site, which is a static: bounded, and never freed because handles and threads point to it.
            let data: &'static SiteData = Box::leak(Box::new(SiteData::new(meta, self.scope, sites.len() + 1, labels)));
            sites.push(data);
            self.shape.store(data.shape, Relaxed);
            let in_flight = if meta.in_flight { IN_FLIGHT } else { 0 };
            self.id.store(data.id as u32 | in_flight, Release);
            data
        } else {
            sites[id - 1]
        };
        drop(sites);
        self.thread_or_new(data);
        Some(data)
    }
}

/// Bit of a site's id: running calls are counted.
const IN_FLIGHT: u32 = 1 << 31;
const CACHED_LABELS: usize = 4;
const CACHE_BITS: u32 = 3;

#[inline(always)]
fn label_word(label: Ordinal) -> (usize, usize) {
    match label.0 {
        Kind::Text(text) => (text.as_ptr() as usize, text.len()),
        Kind::Closed(ordinal, values) => (values.as_ptr() as usize + ordinal as usize, usize::MAX),
        Kind::Bool(flag) => (flag as usize, usize::MAX - 1),
        Kind::Int(number) => (number as usize, usize::MAX - 2),
        Kind::Absent => (0, usize::MAX - 3),
    }
}
/// Which bucket of the union of bounds a duration falls into: by magnitude, then one or two comparisons.
#[inline(always)]
pub(crate) fn bucket(data: &SiteData, ticks: u64) -> usize {
    let mut bucket = data.table[63 - (ticks | 1).leading_zeros() as usize] as usize;
    // SAFETY: an entry of the table counts bounds below a power of two, so it is at most the index of the last bound. That
    // one is `u64::MAX`, which nothing exceeds, so the loop ends there at the latest.
    while ticks > unsafe { *data.ticks.get_unchecked(bucket) } {
        bucket += 1;
    }
    bucket
}

/// Counts one call. Only the thread that owns the cells may call this.
#[inline(always)]
fn record(cells: &Cells, ticks: u64, end: u64, span: SpanRef) {
    let bucket = count(cells, ticks);
    if state::exemplar_wanted(span.sampled) {
        cells.exemplar(bucket, ticks, end, span);
    }
}

/// The counting alone; the bucket.
#[inline(always)]
fn count(cells: &Cells, ticks: u64) -> usize {
    let bucket = bucket(cells.data, ticks);
    // SAFETY: there is one bucket per bound of `cells.data`, made so by `Cells::new`, and `bucket` is the index of a bound.
    cell::bump(unsafe { cells.buckets.get_unchecked(bucket) }, 1);
    cell::bump(&cells.sum, ticks);
    bucket
}

/// One thread's way to its cells of one call site; only that thread touches it.
struct ThreadSite {
    data: &'static SiteData,
    /// Cells of outcome `ok` by handle.
    ok: UnsafeCell<Vec<*const Cells>>,
    /// Everything else, few and rare.
    rest: UnsafeCell<Vec<(RowKey, *const Cells)>>,
    active: UnsafeCell<Vec<(Series, *const AtomicI64)>>,
    cache: [Cell<CacheEntry>; 1 << CACHE_BITS],
    shared: Arc<ThreadShared>,
}

type CacheEntry = ([(usize, usize); CACHED_LABELS], Series);

/// Handles above this are looked up in `rest`, so that a rare big handle does not cost a big table.
const MAX_OK: usize = MAX_PRODUCT + DEFAULT_LIMIT;

impl ThreadSite {
    #[inline(always)]
    fn ok_cells(&self, series: Series) -> Option<&Cells> {
        // SAFETY: only this thread reaches this value, and no reference into `ok` lives while `cells` changes it.
        let cells = unsafe { &*self.ok.get() }.get(series.0 as usize).copied()?;
        // SAFETY: an entry is null or points into an `Arc` that `shared` keeps as long as this value lives.
        unsafe { cells.as_ref() }
    }

    #[cold]
    fn cells(&self, data: &'static SiteData, key: RowKey) -> &Cells {
        // SAFETY: only this thread reaches this value; nothing called below comes back to `rest` or `ok`.
        let (ok, rest) = unsafe { (&mut *self.ok.get(), &mut *self.rest.get()) };
        let known = rest.iter().find(|(known, _)| *known == key).map(|(_, cells)| *cells);
        let cells = known.unwrap_or_else(|| {
            let mut inner = data.inner();
            let row = inner.row(data, key);
            let mut rows = self.shared.rows();
            // Several keys share the overflow row.
            let cells = match rows.iter().find(|(known, _)| *known == row) {
                Some((_, cells)) => cells.clone(),
                None => {
                    let cells = Arc::new(Cells::new(data));
                    rows.push((row, cells.clone()));
                    cells
                }
            };
            let index = key.series.0 as usize;
            // Exponential buckets are counted the slow way, so that nobody else pays for them.
            let is_quick = cells.exponential.is_none() && index < MAX_OK;
            if key.outcome == Outcome::Ok && key.failure.is_none() && is_quick {
                ok.resize(ok.len().max(index + 1), ptr::null());
                ok[index] = Arc::as_ptr(&cells);
            } else if rest.len() < MAX_OK {
                rest.push((key, Arc::as_ptr(&cells)));
            }
            Arc::as_ptr(&cells)
        });
        // SAFETY: points into an `Arc` that `shared` keeps as long as this value lives.
        unsafe { &*cells }
    }

    fn active_cell(&self, series: Series) -> &AtomicI64 {
        // SAFETY: only this thread reaches this value; nothing called below comes back to `active`.
        let active = unsafe { &mut *self.active.get() };
        let known = active.iter().find(|(known, _)| *known == series).map(|(_, cell)| *cell);
        let cell = known.unwrap_or_else(|| {
            let cell = Arc::new(AtomicI64::new(0));
            active.push((series, Arc::as_ptr(&cell)));
            self.shared.active().push((series, cell.clone()));
            Arc::as_ptr(&cell)
        });
        // SAFETY: points into an `Arc` that `shared` keeps as long as this value lives.
        unsafe { &*cell }
    }
}

struct Local {
    slots: Cell<*mut *const ThreadSite>,
    len: Cell<usize>,
}

thread_local! {
    /// Without a destructor, so that reading it is a plain load. `Owner` frees what it points to.
    static LOCAL: Local = const { Local { slots: Cell::new(ptr::null_mut()), len: Cell::new(0) } };
    static OWNER: Owner = const { Owner { slots: UnsafeCell::new(Vec::new()), sites: UnsafeCell::new(Vec::new()) } };
}

/// Frees a thread's cells when it ends, after folding them into their call sites.
struct Owner {
    slots: UnsafeCell<Vec<*const ThreadSite>>,
    #[expect(clippy::vec_box, reason = "pointers into the boxes must survive the vector's growth")]
    sites: UnsafeCell<Vec<Box<ThreadSite>>>,
}

impl Owner {
    fn attach(&self, data: &'static SiteData) {
        let shared = Arc::new(ThreadShared::default());
        data.inner().threads.push(shared.clone());
        let site = Box::new(ThreadSite {
            data,
            ok: UnsafeCell::new(Vec::new()),
            rest: UnsafeCell::new(Vec::new()),
            active: UnsafeCell::new(Vec::new()),
            cache: [const { Cell::new(([(0, 0); CACHED_LABELS], Series::NONE)) }; 1 << CACHE_BITS],
            shared,
        });
        // SAFETY: only this thread reaches its `Owner`, and no reference into the vectors outlives a call of `attach`.
        let (slots, sites) = unsafe { (&mut *self.slots.get(), &mut *self.sites.get()) };
        slots.resize(slots.len().max(data.id + 1), ptr::null());
        slots[data.id] = &*site;
        sites.push(site);
        LOCAL.with(|local| {
            local.slots.set(slots.as_mut_ptr());
            local.len.set(slots.len());
        });
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.len.set(0);
            local.slots.set(ptr::null_mut());
        });
        for site in self.sites.get_mut().drain(..) {
            let mut inner = site.data.inner();
            for (row, cells) in site.shared.rows().iter() {
                inner.retire(*row, cells);
            }
            for (series, cell) in site.shared.active().iter() {
                *inner.retired_active.entry(*series).or_default() += cell.load(Relaxed);
            }
            inner.threads.retain(|thread| !Arc::ptr_eq(thread, &site.shared));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{
        Label,
        label::LabelValue,
        meta::{InstrumentMeta, Role},
    };

    static META: MetricsMeta = MetricsMeta {
        labels: &["verb", "open"],
        instruments: &[InstrumentMeta {
            role: Role::Duration,
            name: "acme.duration",
            unit: "s",
            bounds: &[0.001, 0.01],
            labels: 0b11,
            outcome: true,
            error_type: true,
            ..InstrumentMeta::DEFAULT
        }],
        ..MetricsMeta::DEFAULT
    };

    #[derive(Clone, Copy)]
    enum Verb {
        Add,
        List,
    }

    impl Label for Verb {
        const VALUES: &'static [&'static str] = &["add", "list"];
        fn ordinal(&self) -> Ordinal {
            Ordinal::closed(*self as usize, Self::VALUES)
        }
    }

    fn call(site: &'static Site, labels: [Ordinal; 2], millis: u64, outcome: Outcome, failure: Option<Failure>) {
        state::set_enabled(true);
        let series = site.enter(labels);
        site.exit(series, crate::metrics::time::ticks_of(millis as f64 / 1e3), 7, outcome, failure, SpanRef::default());
    }

    type Count = (Vec<LabelValue>, Outcome, Option<&'static str>, Vec<u64>);

    fn counts(site: &'static Site) -> Vec<Count> {
        let rows = site.data().expect("it recorded").read();
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|r| (r.labels.unwrap_or_default(), r.outcome, r.failure.map(|f| f.class), r.totals.buckets))
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn closed_and_open_labels_land_in_cells_of_their_own_whatever_the_thread() {
        static SITE: Site = Site::new(Some(&META), "acme", "1");
        let work = || {
            for _ in 0..100 {
                call(&SITE, [Verb::Add.ordinal(), true.ordinal()], 1, Outcome::Ok, None);
                call(&SITE, [Verb::List.ordinal(), Ordinal::ABSENT], 5, Outcome::Ok, None);
                let failure = Failure { class: "io", status: None };
                call(&SITE, [Verb::List.ordinal(), false.ordinal()], 50, Outcome::Error, Some(failure));
            }
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(work)).collect();
        work();
        for thread in threads {
            thread.join().expect("no panic");
        }
        let text = LabelValue::Text;
        assert_eq!(
            counts(&SITE),
            [
                (vec![text("add"), LabelValue::Bool(true)], Outcome::Ok, None, vec![500, 0, 0]),
                (vec![text("list"), LabelValue::Absent], Outcome::Ok, None, vec![0, 500, 0]),
                (vec![text("list"), LabelValue::Bool(false)], Outcome::Error, Some("io"), vec![0, 0, 500]),
            ]
        );
    }

    #[test]
    fn a_series_taken_on_one_thread_counts_when_the_call_ends_on_another() {
        static SITE: Site = Site::new(Some(&META), "acme", "1");
        state::set_enabled(true);
        let series = SITE.enter(["moved".ordinal(), 3u8.eq(&3).ordinal()]);
        std::thread::spawn(move || SITE.exit(series, 1, 1, Outcome::Ok, None, SpanRef::default()))
            .join()
            .expect("no panic");
        assert_eq!(
            counts(&SITE),
            [(vec![LabelValue::Text("moved"), LabelValue::Bool(true)], Outcome::Ok, None, vec![1, 0, 0])]
        );
    }

    #[test]
    fn beyond_the_limit_everything_folds_into_one_overflow_row() {
        static SITE: Site = Site::new(Some(&META), "acme", "1");
        for i in 0..state::LIMIT_WITH_ERROR_TYPE + 20 {
            let text: &'static str = Box::leak(format!("v{i}").into_boxed_str());
            call(&SITE, [text.ordinal(), Ordinal::ABSENT], 1, Outcome::Ok, None);
        }
        let rows = SITE.data().expect("it recorded").read();
        assert_eq!(rows.len(), state::LIMIT_WITH_ERROR_TYPE + 1);
        let overflow: Vec<_> = rows.iter().filter(|r| r.labels.is_none()).map(|r| r.totals.buckets[0]).collect();
        assert_eq!(overflow, [20]);
        assert!(SITE.data().expect("it recorded").overflowed());
    }

    #[test]
    fn the_newest_sampled_call_of_a_bucket_is_its_exemplar() {
        static SITE: Site = Site::new(Some(&META), "acme", "1");
        state::set_enabled(true);
        let series = SITE.enter([Ordinal::ABSENT, Ordinal::ABSENT]);
        for end in 1..4 {
            let span = SpanRef { trace: 1 << 100 | end as u128, span: end, sampled: end < 3 };
            SITE.exit(series, 5, end, Outcome::Ok, None, span);
        }
        let rows = SITE.data().expect("it recorded").read();
        let newest = rows[0].totals.exemplars[0].expect("two calls were sampled");
        assert_eq!((newest.end, newest.span.trace, newest.span.span), (2, 1 << 100 | 2, 2));
    }
}
