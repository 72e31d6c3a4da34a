//! The registry of captures, and what recorder, metrics and logs call when one is open. Where none is, they pay one
//! relaxed load; without the feature nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use opentelemetry_sdk::Resource;

use super::logs::{CapturedLog, Kept};
use crate::{
    Config, Role,
    logs::{Pipeline, PipelineSetup},
    metrics::{
        Instrument, Ordinal, Snapshot,
        cell::Totals,
        site::{RowKey, SiteData},
    },
    record::current,
};

static OPEN: AtomicU32 = AtomicU32::new(0);
static CAPTURES: RwLock<Vec<(u16, Arc<Store>)>> = RwLock::new(Vec::new());

/// What one capture keeps beside its spans.
pub(crate) struct Store {
    pipeline: Arc<Pipeline>,
    logs: Kept,
    calls: Mutex<Vec<Call>>,
    values: Mutex<BTreeMap<(usize, String), Value>>,
}

/// A call of an annotated function.
struct Call {
    site: &'static SiteData,
    key: RowKey,
    ticks: u64,
}

/// What was counted at one call site.
pub(crate) type SiteCalls = (&'static SiteData, Vec<(RowKey, Totals)>);

/// One series of a business instrument.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) instrument: &'static Instrument,
    pub(crate) labels: Vec<Ordinal>,
    /// In their order.
    pub(crate) measured: Vec<f64>,
}

/// Is any capture open?
#[inline(always)]
pub(crate) fn is_open() -> bool {
    OPEN.load(Relaxed) != 0
}

/// The capture that this thread records for.
fn store() -> Option<Arc<Store>> {
    if !is_open() {
        return None;
    }
    let tag = current::tag();
    if tag == 0 {
        return None;
    }
    let captures = CAPTURES.read().unwrap_or_else(PoisonError::into_inner);
    captures.iter().find(|(known, _)| *known == tag).map(|(_, store)| store.clone())
}

/// Where log records of this thread go instead of the pipeline in place.
pub(crate) fn pipeline() -> Option<Arc<Pipeline>> {
    store().map(|store| store.pipeline.clone())
}

/// A call of an annotated function ended.
#[cold]
pub(crate) fn call(site: &'static SiteData, key: RowKey, ticks: u64) {
    if let Some(store) = store() {
        store.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call { site, key, ticks });
    }
}

/// A business instrument was used.
#[cold]
pub(crate) fn measured(instrument: &'static Instrument, labels: &[Ordinal], value: f64) {
    let Some(store) = store() else { return };
    let key = (std::ptr::from_ref(instrument).addr(), format!("{labels:?}"));
    let mut values = store.values.lock().unwrap_or_else(PoisonError::into_inner);
    let series = values.entry(key);
    let series = series.or_insert_with(|| Value { instrument, labels: labels.to_vec(), measured: Vec::new() });
    series.measured.push(value);
}

/// Opens a capture with a tag that no other one has.
pub(super) fn open() -> (u16, Arc<Store>) {
    let store = Arc::new(Store::new());
    let mut captures = CAPTURES.write().unwrap_or_else(PoisonError::into_inner);
    static LAST: AtomicU32 = AtomicU32::new(0);
    let tag = loop {
        let tag = LAST.fetch_add(1, Relaxed).wrapping_add(1) as u16;
        if tag != 0 && captures.iter().all(|(known, _)| *known != tag) {
            break tag;
        }
    };
    captures.push((tag, store.clone()));
    drop(captures);
    // Whoever comes second waits until `tracing` has asked all call sites anew for the first.
    static OPENING: Mutex<()> = Mutex::new(());
    let _one = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let first = OPEN.fetch_add(1, Relaxed) == 0;
    crate::logs::serve_captures(first);
    (tag, store)
}

pub(super) fn close(tag: u16) {
    CAPTURES.write().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != tag);
    OPEN.fetch_sub(1, Relaxed);
}

impl Store {
    fn new() -> Self {
        let mut config = Config::for_app("test", Role::Cli).env::<String, String>([]).no_file().resolve();
        config.logs.filter = "trace".into();
        config.logs.max_queue_size = 100_000;
        let logs = Kept::default();
        let resource = Resource::builder_empty().build();
        let setup = PipelineSetup::of(&config);
        let pipeline = Pipeline::new(&setup, &resource, Some(Box::new(logs.clone())), Box::new(|_| {}));
        Self { pipeline: Arc::new(pipeline), logs, calls: Mutex::default(), values: Mutex::default() }
    }

    pub(super) fn logs(&self) -> Vec<CapturedLog> {
        self.pipeline.flush(None);
        self.logs.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The measurements as the one model of metrics.
    pub(super) fn metrics(&self) -> Snapshot {
        let mut sites: HashMap<usize, SiteCalls> = HashMap::new();
        for call in self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (site, rows) =
                sites.entry(std::ptr::from_ref(call.site).addr()).or_insert_with(|| (call.site, Vec::new()));
            let row = match rows.iter().position(|(key, _)| *key == call.key) {
                Some(row) => row,
                None => {
                    rows.push((call.key, Totals::default()));
                    rows.len() - 1
                }
            };
            let totals = &mut rows[row].1;
            totals.buckets.resize(site.ticks.len(), 0);
            totals.buckets[site.bucket(call.ticks)] += 1;
            totals.ticks += call.ticks;
        }
        let values: Vec<Value> = self.values.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        crate::metrics::snapshot_of(sites.into_values().collect(), values)
    }
}
