//! What all threads share about one call site: its bounds, its label values, its rows, and the sum over threads.
//!
//! Cold: entered at the first call of a thread, a label value or an error class, and by readers.

use std::{
    collections::HashMap,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::*},
    },
};

use crate::{
    metrics::{
        cell::{Cells, Totals},
        instrument::InstrumentKind,
        label::{Kind, LabelValue, Ordinal},
        meta::{InstrumentMeta, MetricsMeta, Role},
        state, time,
        views::{self, Buckets, Selected},
    },
    record::red::{self, Failure, Outcome, Series},
};

pub(crate) use crate::metrics::state::DEFAULT_LIMIT;

/// More combinations of closed labels than this are looked up instead of computed.
pub(crate) const MAX_PRODUCT: usize = 512;

/// Shape of no labels.
pub(crate) const EMPTY_SHAPE: usize = 1;

/// Shape of some labels and one more, whose closed set is at the address `values`; never 0.
#[inline(always)]
pub(crate) fn add_to_shape(shape: usize, values: usize) -> usize {
    (shape.rotate_left(7) ^ values) | 1
}

static SITES: Mutex<Vec<&'static SiteData>> = Mutex::new(Vec::new());

/// The call sites that have recorded; the position is the id - 1.
pub(crate) fn all() -> MutexGuard<'static, Vec<&'static SiteData>> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every call site that has recorded, in the order of their first calls.
pub(crate) fn registered() -> Vec<&'static SiteData> {
    all().clone()
}

/// What all threads share about one call site.
pub(crate) struct SiteData {
    pub(crate) meta: &'static MetricsMeta,
    pub(crate) scope: (&'static str, &'static str),
    /// Union of the bounds of all its histograms, in seconds; each instrument is an exact coarsening.
    pub(crate) bounds: Vec<f64>,
    pub(crate) id: usize,
    /// Identity of the closed label sets; 0 = handles are looked up.
    pub(crate) shape: usize,
    closed: Vec<Ordinal>,
    /// The bounds in ticks, and `u64::MAX` at the end.
    pub(crate) ticks: Box<[u64]>,
    /// By magnitude: how many bounds are surely below.
    pub(crate) table: [u16; 64],
    /// Durations are counted in exponential buckets too: so many, at this scale to begin with.
    pub(crate) exponential: Option<(usize, i32)>,
    active: Option<&'static str>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(crate) struct Inner {
    interned: HashMap<Vec<LabelValue>, Series>,
    /// Label values of the interned series, whose handles follow those of the closed combinations.
    values: Vec<Vec<LabelValue>>,
    rows: Vec<RowKey>,
    row_of: HashMap<RowKey, usize>,
    retired: Vec<Totals>,
    pub(crate) retired_active: HashMap<Series, i64>,
    pub(crate) threads: Vec<Arc<ThreadShared>>,
    overflowed: bool,
}

/// One combination of label values, outcome and failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowKey {
    pub(crate) series: Series,
    pub(crate) outcome: Outcome,
    pub(crate) failure: Option<Failure>,
}

/// Everything beyond the limit.
const OVERFLOW: Series = Series(u32::MAX);

/// One row as the reader sees it.
pub(crate) struct RowTotals {
    /// `None`: the overflow row.
    pub(crate) labels: Option<Vec<LabelValue>>,
    pub(crate) outcome: Outcome,
    pub(crate) failure: Option<Failure>,
    pub(crate) totals: Totals,
}

impl SiteData {
    pub(crate) fn new(
        meta: &'static MetricsMeta,
        scope: (&'static str, &'static str),
        id: usize,
        labels: &[Ordinal],
    ) -> Self {
        let (mut bounds, mut exponential) = (Vec::new(), None);
        for instrument in meta.instruments.iter().filter(|i| i.role == Role::Duration) {
            match views::buckets(selected(instrument, scope), instrument.bounds) {
                Buckets::Explicit(own) => bounds.extend_from_slice(&own),
                Buckets::Exponential(most, scale) => exponential = Some((most, scale)),
            }
        }
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds.truncate(u16::MAX as usize - 1);
        let mut ticks: Vec<u64> = bounds.iter().map(|seconds| time::ticks_of(*seconds)).collect();
        ticks.push(u64::MAX);
        let table =
            std::array::from_fn(|magnitude| ticks.iter().filter(|bound| **bound < 1 << magnitude).count() as u16);
        let mut shape = EMPTY_SHAPE;
        let mut product = 1usize;
        for label in labels {
            let (values, width) = match label.0 {
                Kind::Closed(_, values) => (values.as_ptr() as usize, values.len() + 1),
                Kind::Bool(_) => (1, 3),
                _ => (0, MAX_PRODUCT + 1),
            };
            shape = add_to_shape(shape, values);
            product = product.saturating_mul(width);
        }
        let computed = product <= MAX_PRODUCT;
        SiteData {
            meta,
            scope,
            bounds,
            id,
            shape: if computed { shape } else { 0 },
            closed: if computed { labels.to_vec() } else { Vec::new() },
            ticks: ticks.into_boxed_slice(),
            table,
            exponential,
            active: meta.in_flight.then(|| active_name(meta)).flatten(),
            inner: Mutex::new(Inner::default()),
        }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which bucket a duration falls into.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "the capture of tests counts for itself"))]
    pub(crate) fn bucket(&self, ticks: u64) -> usize {
        red::bucket(self, ticks)
    }

    /// Handles up to this one are computed from ordinals.
    fn computed(&self) -> u32 {
        match self.shape {
            0 => 0,
            _ => self.closed.iter().map(|label| width(*label)).product::<usize>() as u32,
        }
    }

    fn labels(&self, inner: &Inner, series: Series) -> Option<Vec<LabelValue>> {
        if series == OVERFLOW {
            return None;
        }
        let computed = self.computed();
        if series.0 > computed {
            return inner.values.get((series.0 - computed - 1) as usize).cloned();
        }
        let mut index = series.0 as usize - 1;
        let mut values = Vec::with_capacity(self.closed.len());
        for label in self.closed.iter().rev() {
            let width = width(*label);
            values.push(with_index(*label, index % width).value());
            index /= width;
        }
        values.reverse();
        Some(values)
    }

    /// A row that was counted elsewhere.
    #[cfg(feature = "testing")]
    pub(crate) fn row_totals(&self, key: RowKey, totals: Totals) -> RowTotals {
        let labels = self.labels(&self.inner(), key.series);
        RowTotals { labels, outcome: key.outcome, failure: key.failure, totals }
    }

    /// Sums per row, without rows that never counted.
    pub(crate) fn read(&self) -> Vec<RowTotals> {
        let inner = self.inner();
        let mut all: Vec<Totals> = inner.retired.clone();
        all.resize(inner.rows.len(), Totals::default());
        for thread in &inner.threads {
            for (row, cells) in thread.rows().iter() {
                all[*row].add(cells);
            }
        }
        let rows = inner.rows.iter().zip(all).filter(|(_, totals)| totals.buckets.iter().any(|count| *count > 0));
        rows.map(|(key, totals)| RowTotals {
            labels: self.labels(&inner, key.series),
            outcome: key.outcome,
            failure: key.failure,
            totals,
        })
        .collect()
    }

    /// Calls that are running, per label values.
    pub(crate) fn running(&self) -> Vec<(Option<Vec<LabelValue>>, i64)> {
        let inner = self.inner();
        let mut all = inner.retired_active.clone();
        for thread in &inner.threads {
            for (series, cell) in thread.active().iter() {
                *all.entry(*series).or_default() += cell.load(Relaxed);
            }
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(series, _)| series.0);
        all.into_iter().map(|(series, running)| (self.labels(&inner, series), running)).collect()
    }

    /// Name of the up-down counter of running calls, where the call site keeps one.
    pub(crate) fn active_name(&self) -> Option<&'static str> {
        self.active
    }

    /// Whether rows were folded into the overflow row.
    #[cfg(test)]
    pub(crate) fn overflowed(&self) -> bool {
        self.inner().overflowed
    }

    /// The largest limit of its instruments; each is held to its own when it is read.
    fn limit(&self) -> usize {
        let error_type = self.meta.instruments.iter().any(|i| i.error_type);
        let limits = self.meta.instruments.iter().map(|i| views::limit(selected(i, self.scope), error_type));
        limits.max().unwrap_or_else(|| state::limit(error_type))
    }
}

/// What views look at.
pub(crate) fn selected(instrument: &InstrumentMeta, scope: (&'static str, &'static str)) -> Selected<'static> {
    let kind = match instrument.role {
        Role::Duration => InstrumentKind::Histogram,
        Role::Calls | Role::Errors => InstrumentKind::Counter,
    };
    Selected { name: instrument.name, kind, observable: false, unit: instrument.unit, scope }
}

/// `<name>.active`, next to `<name>.duration`, unless the call site names it.
fn active_name(meta: &'static MetricsMeta) -> Option<&'static str> {
    if meta.active.is_some() {
        return meta.active;
    }
    let suffix = |role| match role {
        Role::Duration => ".duration",
        Role::Calls => ".calls",
        Role::Errors => ".errors",
    };
    let base = meta.instruments.iter().find_map(|i| i.name.strip_suffix(suffix(i.role)))?;
    // Once per call site.
    Some(Box::leak(format!("{base}.active").into_boxed_str()))
}

fn width(label: Ordinal) -> usize {
    match label.0 {
        Kind::Closed(_, values) => values.len() + 1,
        _ => 3,
    }
}

fn with_index(label: Ordinal, index: usize) -> Ordinal {
    match label.0 {
        Kind::Closed(_, values) => Ordinal(Kind::Closed(index as u32, values)),
        _ => Ordinal(Kind::Bool(index as u32)),
    }
}

impl Inner {
    pub(crate) fn series(&mut self, data: &SiteData, labels: &[Ordinal]) -> Series {
        let values: Vec<LabelValue> = labels.iter().map(|label| label.value()).collect();
        if let Some(series) = self.interned.get(&values) {
            return *series;
        }
        if let Some(series) = self.computed(data, labels) {
            return series;
        }
        if self.values.len() >= data.limit() {
            self.overflowed = true;
            return OVERFLOW;
        }
        self.values.push(values.clone());
        let series = Series(data.computed() + self.values.len() as u32);
        self.interned.insert(values, series);
        series
    }

    /// The handle that `Site::series` would compute, if this call site computes handles and the sets are the same.
    fn computed(&self, data: &SiteData, labels: &[Ordinal]) -> Option<Series> {
        if data.shape == 0 {
            return None;
        }
        let mut index = 0;
        for (label, registered) in labels.iter().zip(&data.closed) {
            let ordinal = match (label.0, registered.0) {
                (Kind::Closed(ordinal, values), Kind::Closed(_, same)) if ptr::eq(values, same) => ordinal,
                (Kind::Bool(flag), Kind::Bool(_)) => flag,
                _ => return None,
            };
            index = index * width(*registered) + ordinal as usize;
        }
        Some(Series(index as u32 + 1))
    }

    pub(crate) fn row(&mut self, data: &SiteData, key: RowKey) -> usize {
        if let Some(row) = self.row_of.get(&key) {
            return *row;
        }
        let key = if self.rows.len() >= data.limit() && key.series != OVERFLOW {
            self.overflowed = true;
            RowKey { series: OVERFLOW, failure: None, ..key }
        } else if key.series == OVERFLOW {
            RowKey { failure: None, ..key }
        } else {
            key
        };
        if let Some(row) = self.row_of.get(&key) {
            return *row;
        }
        self.rows.push(key);
        self.row_of.insert(key, self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// The row of a call that was counted; classes are compared by their text.
    pub(crate) fn row_of_class(&self, series: Series, outcome: Outcome, class: Option<&str>) -> Option<usize> {
        let is = |key: &RowKey| {
            key.series == series && key.outcome == outcome && key.failure.map(|failure| failure.class) == class
        };
        self.rows.iter().position(is)
    }

    pub(crate) fn retired_mut(&mut self, row: usize, buckets: usize) -> &mut Totals {
        if self.retired.len() <= row {
            self.retired.resize(row + 1, Totals::default());
        }
        self.retired[row].buckets.resize(buckets, 0);
        &mut self.retired[row]
    }

    pub(crate) fn retire(&mut self, row: usize, cells: &Cells) {
        self.retired_mut(row, cells.buckets.len()).add(cells);
    }
}

/// What the reader needs of one thread's cells of one call site.
#[derive(Default)]
pub(crate) struct ThreadShared {
    rows: Mutex<Vec<(usize, Arc<Cells>)>>,
    active: Mutex<Vec<(Series, Arc<AtomicI64>)>>,
}

impl ThreadShared {
    pub(crate) fn rows(&self) -> MutexGuard<'_, Vec<(usize, Arc<Cells>)>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn active(&self) -> MutexGuard<'_, Vec<(Series, Arc<AtomicI64>)>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
