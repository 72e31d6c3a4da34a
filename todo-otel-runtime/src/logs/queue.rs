//! Records waiting for export: bounded, exact about what became of each. It has no thread; a command exports at its
//! end on the calling thread, a service from a periodic job.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use opentelemetry::{Context, InstrumentationScope, logs::Logger as _, logs::LoggerProvider as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord, SdkLoggerProvider},
};

use super::{drive, limit::size_of_value};

/// Most bytes of records in one export; servers refuse large requests whole.
const BATCH_BYTES: usize = 768 * 1024;

/// What became of log records. `emitted` = `exported` + the drops + `waiting` at every quiet moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Given to the queue.
    pub emitted: u64,
    /// Taken over by the exporter.
    pub exported: u64,
    /// Refused by the exporter.
    pub failed: u64,
    /// The exporter panicked.
    pub panicked: u64,
    /// The queue was full.
    pub queue_full: u64,
    /// Not exported before the deadline of the shutdown.
    pub deadline: u64,
    /// Emitted after the shutdown.
    pub shutdown: u64,
    /// Left to the parent by a forked child.
    pub fork: u64,
    /// Waiting for export.
    pub waiting: u64,
    /// Not written by decision: rate limit. Outside the equation.
    pub suppressed: u64,
    /// Not written by decision: sampling. Outside the equation.
    pub sampled: u64,
}

impl Counts {
    /// Everything lost.
    #[cfg(test)]
    pub fn dropped(&self) -> u64 {
        self.failed + self.panicked + self.queue_full + self.deadline + self.shutdown + self.fork
    }
}

/// An exporter whose futures are driven here.
pub(crate) trait Export: Send + Sync + fmt::Debug {
    /// `Err(true)`: the deadline passed; `Err(false)`: refused.
    fn export(&self, batch: LogBatch<'_>, deadline: Option<Instant>) -> Result<(), bool>;
    fn shutdown(&self, timeout: Duration);
    fn set_resource(&mut self, resource: &Resource);
}

#[derive(Debug)]
pub(crate) struct Exporter<E>(pub E);

impl<E: LogExporter> Export for Exporter<E> {
    fn export(&self, batch: LogBatch<'_>, deadline: Option<Instant>) -> Result<(), bool> {
        match drive::until(self.0.export(batch), deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(false),
            None => Err(true),
        }
    }

    fn shutdown(&self, timeout: Duration) {
        let _ = self.0.shutdown_with_timeout(timeout);
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

type Item = Box<(SdkLogRecord, InstrumentationScope)>;

#[derive(Debug)]
struct State {
    waiting: VecDeque<Item>,
    closed: bool,
    pid: u32,
}

/// The queue and its exporter.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Taken out while a batch is out, so that flushes come one after the other, and a hanging one delays nobody past
    /// its deadline.
    exporter: Mutex<Option<Box<dyn Export>>>,
    returned: Condvar,
    max_waiting: usize,
    max_batch: usize,
    emitted: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    queue_full: AtomicU64,
    deadline: AtomicU64,
    after_shutdown: AtomicU64,
    fork: AtomicU64,
    /// Records of a batch that is out.
    in_flight: AtomicU64,
}

impl Queue {
    pub fn new(exporter: Box<dyn Export>, max_waiting: usize, max_batch: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { waiting: VecDeque::new(), closed: false, pid: std::process::id() }),
            exporter: Mutex::new(Some(exporter)),
            returned: Condvar::new(),
            max_waiting: max_waiting.max(1),
            max_batch: max_batch.max(1),
            emitted: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            after_shutdown: AtomicU64::new(0),
            fork: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
        })
    }

    /// Exports what waits. What does not get out by the deadline waits on.
    pub fn flush(&self, deadline: Option<Instant>) {
        let Some(exporter) = self.take_exporter(deadline) else { return };
        self.export_all(&*exporter, deadline);
        self.put_exporter(exporter);
    }

    /// Exports what waits, drops the rest at the deadline, refuses what comes later.
    pub fn shutdown(&self, deadline: Option<Instant>) {
        self.lock().closed = true;
        let exporter = self.take_exporter(deadline);
        if let Some(exporter) = &exporter {
            self.export_all(&**exporter, deadline);
        }
        let left = std::mem::take(&mut self.lock().waiting).len() as u64;
        self.deadline.fetch_add(left, Relaxed);
        let Some(exporter) = exporter else { return };
        let timeout =
            deadline.map_or(Duration::from_secs(5), |deadline| deadline.saturating_duration_since(Instant::now()));
        let _ = catch_unwind(AssertUnwindSafe(|| exporter.shutdown(timeout)));
        self.put_exporter(exporter);
    }

    fn export_all(&self, exporter: &dyn Export, deadline: Option<Instant>) {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            let batch = self.next_batch();
            if batch.is_empty() {
                return;
            }
            let count = batch.len() as u64;
            let refs: Vec<_> = batch.iter().map(|item| (&item.0, &item.1)).collect();
            let counter = match catch_unwind(AssertUnwindSafe(|| exporter.export(LogBatch::new(&refs), deadline))) {
                Ok(Ok(())) => &self.exported,
                Ok(Err(false)) => &self.failed,
                Ok(Err(true)) => &self.deadline,
                Err(_) => &self.panicked,
            };
            counter.fetch_add(count, Relaxed);
            self.in_flight.fetch_sub(count, Relaxed);
        }
    }

    fn take_exporter(&self, deadline: Option<Instant>) -> Option<Box<dyn Export>> {
        let mut slot = self.exporter.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(exporter) = slot.take() {
                return Some(exporter);
            }
            slot = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.returned.wait(slot).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.returned.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn put_exporter(&self, exporter: Box<dyn Export>) {
        *self.exporter.lock().unwrap_or_else(PoisonError::into_inner) = Some(exporter);
        self.returned.notify_one();
    }

    pub fn counts(&self) -> Counts {
        let waiting = self.lock().waiting.len() as u64;
        Counts {
            emitted: self.emitted.load(Relaxed),
            exported: self.exported.load(Relaxed),
            failed: self.failed.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            queue_full: self.queue_full.load(Relaxed),
            deadline: self.deadline.load(Relaxed),
            shutdown: self.after_shutdown.load(Relaxed),
            fork: self.fork.load(Relaxed),
            waiting: waiting + self.in_flight.load(Relaxed),
            ..Counts::default()
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = std::process::id();
        if state.pid != pid {
            // The records belong to the parent, which still has them.
            state.pid = pid;
            let left = std::mem::take(&mut state.waiting).len() as u64;
            self.fork.fetch_add(left, Relaxed);
        }
        state
    }

    fn push(&self, record: SdkLogRecord, scope: &InstrumentationScope) {
        self.emitted.fetch_add(1, Relaxed);
        let mut state = self.lock();
        if state.closed {
            self.after_shutdown.fetch_add(1, Relaxed);
        } else if state.waiting.len() >= self.max_waiting {
            self.queue_full.fetch_add(1, Relaxed);
        } else {
            state.waiting.push_back(Box::new((record, scope.clone())));
        }
    }

    fn next_batch(&self) -> Vec<Item> {
        let mut state = self.lock();
        let mut bytes = 0;
        let fits = |item: &&Item| {
            bytes += size_of_record(&item.0);
            bytes <= BATCH_BYTES
        };
        let count = state.waiting.iter().take(self.max_batch).take_while(fits).count();
        let count = count.max(1).min(state.waiting.len());
        self.in_flight.fetch_add(count as u64, Relaxed);
        state.waiting.drain(..count).collect()
    }
}

/// Roughly the bytes of a record when encoded.
fn size_of_record(record: &SdkLogRecord) -> usize {
    let attributes: usize =
        record.attributes_iter().map(|(key, value)| key.as_str().len() + size_of_value(value) + 8).sum();
    64 + record.body().map_or(0, size_of_value) + attributes
}

/// The SDK's view of the queue.
#[derive(Debug)]
struct Processor {
    queue: Arc<Queue>,
    /// Left in place of a record that was taken, as records cannot be made outside a logger.
    blank: SdkLogRecord,
}

impl LogProcessor for Processor {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.queue.push(std::mem::replace(record, self.blank.clone()), scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.flush(None);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown(Instant::now().checked_add(timeout));
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        let mut slot = self.queue.exporter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exporter) = slot.as_mut() {
            exporter.set_resource(resource);
        }
    }
}

/// A provider whose loggers fill `queue`.
pub(crate) fn provider(queue: &Arc<Queue>, resource: &Resource) -> SdkLoggerProvider {
    let blank = SdkLoggerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .build()
        .logger("blank")
        .create_log_record();
    SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(Processor { queue: queue.clone(), blank })
        .build()
}
