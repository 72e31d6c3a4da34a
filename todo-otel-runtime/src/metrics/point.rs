//! The points of a business instrument: one per combination of label values, changed by atomic operations.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    exponential::Accumulator,
    instrument::{Instrument, InstrumentKind},
    label::{Kind, LabelValue, Ordinal},
    site::MAX_PRODUCT,
    state, time,
    views::{self, Buckets},
};
use crate::record::red::SpanRef;

/// Type of an instrument's values: `u64`, `i64` or `f64`.
pub trait Number: Copy + sealed::Sealed + Send + 'static {
    /// Which one.
    const KIND: NumberKind;
    #[doc(hidden)]
    fn bits(self) -> u64;
    #[doc(hidden)]
    fn float(self) -> f64;
    #[doc(hidden)]
    fn is_finite(self) -> bool {
        self.float().is_finite()
    }
    #[doc(hidden)]
    fn is_countable(self) -> bool {
        self.is_finite() && self.float() >= 0.0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u64 {}
    impl Sealed for i64 {}
    impl Sealed for f64 {}
}

/// Type of an instrument's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "names of the types")]
pub enum NumberKind {
    U64,
    I64,
    F64,
}

impl Number for u64 {
    const KIND: NumberKind = NumberKind::U64;
    #[inline(always)]
    fn bits(self) -> u64 {
        self
    }
    #[inline(always)]
    fn float(self) -> f64 {
        self as f64
    }
}

impl Number for i64 {
    const KIND: NumberKind = NumberKind::I64;
    #[inline(always)]
    fn bits(self) -> u64 {
        self as u64
    }
    #[inline(always)]
    fn float(self) -> f64 {
        self as f64
    }
}

impl Number for f64 {
    const KIND: NumberKind = NumberKind::F64;
    #[inline(always)]
    fn bits(self) -> u64 {
        self.to_bits()
    }
    #[inline(always)]
    fn float(self) -> f64 {
        self
    }
}

/// One measurement that points at its trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointExemplar {
    pub(crate) value: f64,
    pub(crate) unix_ns: u64,
    pub(crate) span: SpanRef,
}

/// One combination of label values.
#[derive(Debug)]
pub(crate) struct Point {
    /// Sum or last value, as bits of the number; the sum of a histogram is always an `f64`.
    value: AtomicU64,
    unix_ns: AtomicU64,
    used: AtomicBool,
    /// Of a histogram with explicit buckets.
    pub(crate) bounds: Cow<'static, [f64]>,
    pub(crate) buckets: Box<[AtomicU64]>,
    /// Of a histogram with exponential buckets.
    pub(crate) exponential: Option<Mutex<Accumulator>>,
    exemplars: Mutex<Vec<Option<PointExemplar>>>,
}

impl Point {
    fn new(instrument: &Instrument) -> Self {
        let definition = instrument.definition();
        let (bounds, exponential) = match definition.kind {
            InstrumentKind::Histogram => match views::buckets(definition.selected(false), definition.bounds) {
                Buckets::Explicit(bounds) => (bounds, None),
                Buckets::Exponential(most, scale) => ((&[]).into(), Some(Mutex::new(Accumulator::new(most, scale)))),
            },
            _ => ((&[]).into(), None),
        };
        let buckets = if definition.kind == InstrumentKind::Histogram { bounds.len() + 1 } else { 0 };
        Point {
            bounds,
            value: AtomicU64::new(0),
            unix_ns: AtomicU64::new(0),
            used: AtomicBool::new(false),
            buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            exponential,
            exemplars: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn add<N: Number>(&self, value: N) {
        match N::KIND {
            NumberKind::F64 => add_float(&self.value, value.float()),
            _ => _ = self.value.fetch_add(value.bits(), Relaxed),
        }
        self.used.store(true, Relaxed);
        self.exemplar(0, 1, value.float());
    }

    pub(crate) fn set<N: Number>(&self, value: N) {
        self.value.store(value.bits(), Relaxed);
        self.unix_ns.store(now_ns(), Relaxed);
        self.used.store(true, Relaxed);
    }

    pub(crate) fn observe<N: Number>(&self, value: N) {
        let value = value.float();
        if let Some(counts) = &self.exponential {
            counts.lock().unwrap_or_else(PoisonError::into_inner).record(value);
        }
        let bucket = self.bounds.partition_point(|bound| value > *bound);
        self.buckets[bucket].fetch_add(1, Relaxed);
        add_float(&self.value, value);
        self.used.store(true, Relaxed);
        self.exemplar(bucket, self.buckets.len(), value);
    }

    fn exemplar(&self, bucket: usize, buckets: usize, value: f64) {
        let span = time::current_span();
        if !state::exemplar_wanted(span.sampled) {
            return;
        }
        // Somebody else is leaving one right now: as new as this one.
        let Ok(mut exemplars) = self.exemplars.try_lock() else { return };
        exemplars.resize(buckets, None);
        exemplars[bucket] = Some(PointExemplar { value, unix_ns: now_ns(), span });
    }

    pub(crate) fn bits(&self) -> u64 {
        self.value.load(Relaxed)
    }

    /// When a gauge was set, in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self) -> u64 {
        self.unix_ns.load(Relaxed)
    }

    pub(crate) fn exemplars(&self) -> Vec<PointExemplar> {
        self.exemplars.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().copied().collect()
    }
}

fn add_float(cell: &AtomicU64, by: f64) {
    let mut old = cell.load(Relaxed);
    while let Err(newer) = cell.compare_exchange_weak(old, (f64::from_bits(old) + by).to_bits(), Relaxed, Relaxed) {
        old = newer;
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Points by label values: an array where all labels are closed sets, a table otherwise.
#[derive(Debug)]
pub(crate) struct Points {
    closed: OnceLock<Box<[OnceLock<Box<Point>>]>>,
    open: OnceLock<RwLock<Open>>,
    /// Set by callbacks.
    pub(crate) observed: AtomicBool,
}

#[derive(Debug, Default)]
struct Open {
    points: HashMap<Vec<LabelValue>, Arc<Point>>,
    overflow: Option<Arc<Point>>,
}

impl Points {
    pub(crate) const fn new() -> Self {
        Points { closed: OnceLock::new(), open: OnceLock::new(), observed: AtomicBool::new(false) }
    }

    #[inline]
    pub(crate) fn with(
        &'static self,
        instrument: &'static Instrument,
        labels: &[Ordinal],
        change: impl FnOnce(&Point),
    ) {
        let (mut index, mut product) = (0, 1);
        for label in labels {
            let (ordinal, width) = match label.0 {
                Kind::Closed(ordinal, values) => (ordinal as usize, values.len() + 1),
                Kind::Bool(ordinal) => (ordinal as usize, 3),
                _ => return self.with_open(instrument, labels, change),
            };
            index = index * width + ordinal;
            product *= width;
        }
        if product > MAX_PRODUCT {
            return self.with_open(instrument, labels, change);
        }
        let closed = self.closed.get_or_init(|| {
            super::instruments::register(instrument);
            (0..product).map(|_| OnceLock::new()).collect()
        });
        if let Some(point) = closed.get(index) {
            change(point.get_or_init(|| Box::new(Point::new(instrument))));
        }
    }

    fn with_open(&'static self, instrument: &'static Instrument, labels: &[Ordinal], change: impl FnOnce(&Point)) {
        let open = self.open.get_or_init(|| {
            super::instruments::register(instrument);
            RwLock::default()
        });
        let values: Vec<LabelValue> = labels.iter().map(|label| label.value()).collect();
        if let Some(point) = open.read().unwrap_or_else(PoisonError::into_inner).points.get(&values) {
            return change(point);
        }
        let mut open = open.write().unwrap_or_else(PoisonError::into_inner);
        let definition = instrument.definition();
        let limit = views::limit(definition.selected(false), definition.keys.contains(&"error.type"));
        let room = open.points.len() < limit;
        let point = if room || open.points.contains_key(&values) {
            open.points.entry(values).or_insert_with(|| Arc::new(Point::new(instrument))).clone()
        } else {
            open.overflow.get_or_insert_with(|| Arc::new(Point::new(instrument))).clone()
        };
        drop(open);
        change(&point);
    }

    /// Every point that was used, with its label values; `None` is the overflow point.
    pub(crate) fn each(&self, instrument: &Instrument, mut visit: impl FnMut(Option<Vec<LabelValue>>, &Point)) {
        for (index, point) in self.closed.get().into_iter().flatten().enumerate() {
            if let Some(point) = point.get().filter(|point| point.used.load(Relaxed)) {
                visit(Some(closed_values(instrument, index)), point);
            }
        }
        let Some(open) = self.open.get() else { return };
        let open = open.read().unwrap_or_else(PoisonError::into_inner);
        for (values, point) in &open.points {
            visit(Some(values.clone()), point);
        }
        if let Some(point) = &open.overflow {
            visit(None, point);
        }
    }
}

fn closed_values(instrument: &Instrument, mut index: usize) -> Vec<LabelValue> {
    let mut values = Vec::new();
    for set in instrument.definition().values.iter().rev() {
        let ordinal = index % (set.len() + 1);
        index /= set.len() + 1;
        values.push(match set.get(ordinal) {
            None => LabelValue::Absent,
            Some(_) if *set == <bool as super::Label>::VALUES => LabelValue::Bool(ordinal == 1),
            Some(text) => LabelValue::Text(text),
        });
    }
    values.reverse();
    values
}
