//! The business instruments that were used, and the callbacks that fill some of them at collection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    instrument::{Counter, Gauge, Instrument, UpDownCounter},
    label::LabelSet,
    point::Number,
    state,
};

static USED: Mutex<Vec<&'static Instrument>> = Mutex::new(Vec::new());
/// With the name of those that a later start replaces.
static CALLBACKS: Mutex<Vec<(Option<&'static str>, Callback)>> = Mutex::new(Vec::new());
static PANICS: AtomicU64 = AtomicU64::new(0);

type Callback = Box<dyn Fn(&Observer) + Send>;

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called at the first use of an instrument, so that nothing depends on the linker.
pub(super) fn register(instrument: &'static Instrument) {
    let mut used = lock(&USED);
    if !used.iter().any(|known| ptr::eq(*known, instrument)) {
        used.push(instrument);
    }
}

/// Every instrument that was used so far.
pub(crate) fn used() -> Vec<&'static Instrument> {
    lock(&USED).clone()
}

/// Registers a callback that is run before each collection, to set gauges and totals that are read from somewhere else.
///
/// It must be quick: it delays the export. A panic in it is caught and counted; the callback stays registered.
pub fn observe(callback: impl Fn(&Observer) + Send + 'static) {
    lock(&CALLBACKS).push((None, Box::new(callback)));
}

/// As [`observe`], in place of the callback that an earlier start registered under this name.
pub(crate) fn observe_as(name: &'static str, callback: impl Fn(&Observer) + Send + 'static) {
    let mut callbacks = lock(&CALLBACKS);
    callbacks.retain(|(known, _)| *known != Some(name));
    callbacks.push((Some(name), Box::new(callback)));
}

/// What a callback may do.
#[derive(Debug)]
pub struct Observer(());

impl Observer {
    /// Sets a gauge.
    pub fn set<N: Number, L: LabelSet>(&self, gauge: &'static Gauge<N, L>, value: N, labels: L) {
        gauge.set(value, labels);
    }

    /// Sets the total of a counter that somebody else keeps: the processor time of the process, for example.
    pub fn total<N: Number, L: LabelSet>(&self, counter: &'static Counter<N, L>, value: N, labels: L) {
        if state::enabled() && value.is_countable() {
            let instrument = counter.instrument();
            instrument.points.observed.store(true, Relaxed);
            instrument.points.with(instrument, &labels.ordinals()[..L::LEN], |point| point.set(value));
        }
    }

    /// Sets an up-down counter that somebody else keeps.
    pub fn level<N: Number, L: LabelSet>(&self, counter: &'static UpDownCounter<N, L>, value: N, labels: L) {
        if state::enabled() && state::up_down() && value.is_finite() {
            let instrument = counter.instrument();
            instrument.points.observed.store(true, Relaxed);
            instrument.points.with(instrument, &labels.ordinals()[..L::LEN], |point| point.set(value));
        }
    }
}

/// Runs all callbacks.
pub(crate) fn run_callbacks() {
    for (_, callback) in lock(&CALLBACKS).iter() {
        if catch_unwind(AssertUnwindSafe(|| callback(&Observer(())))).is_err() {
            PANICS.fetch_add(1, Relaxed);
        }
    }
}

/// How often a callback panicked.
#[cfg(test)]
pub(crate) fn callback_panics() -> u64 {
    PANICS.load(Relaxed)
}
