//! Spans on their way out: any `SpanExporter`, driven where the collector runs or on a thread of its own.
//!
//! A panic of an exporter is contained. What becomes of a batch that our own transport accepted is `deliver`'s to count.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// A `SpanExporter` without its type.
trait Export: Send + Sync + fmt::Debug {
    fn export<'a>(&'a self, batch: Vec<SpanData>) -> Pin<Box<dyn Future<Output = OTelSdkResult> + Send + 'a>>;
    fn flush(&self) -> OTelSdkResult;
    fn shutdown(&self, timeout: Duration) -> OTelSdkResult;
    fn set_resource(&mut self, resource: &Resource);
}

impl<E: SpanExporter> Export for E {
    fn export<'a>(&'a self, batch: Vec<SpanData>) -> Pin<Box<dyn Future<Output = OTelSdkResult> + Send + 'a>> {
        Box::pin(SpanExporter::export(self, batch))
    }
    fn flush(&self) -> OTelSdkResult {
        SpanExporter::force_flush(self)
    }
    fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        SpanExporter::shutdown_with_timeout(self, timeout)
    }
    fn set_resource(&mut self, resource: &Resource) {
        SpanExporter::set_resource(self, resource);
    }
}

/// Where spans go.
#[derive(Debug)]
pub(crate) struct Exporter {
    inner: Arc<Mutex<Box<dyn Export>>>,
    worker: Option<Arc<Worker>>,
    counts: Arc<Exported>,
}

/// What became of the spans that an exporter got.
#[derive(Debug, Default)]
struct Exported {
    accepted: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    queue_full: AtomicU64,
}

/// Totals of an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// It said `Ok`.
    pub(crate) accepted: u64,
    /// It said `Err`.
    pub(crate) failed: u64,
    /// It panicked.
    pub(crate) panicked: u64,
    /// Its thread was too far behind.
    pub(crate) queue_full: u64,
    /// It was not done at the deadline.
    pub(crate) deadline: u64,
}

impl Exporter {
    /// Driven by the collector: for exporters that do not wait.
    pub(crate) fn direct(exporter: impl SpanExporter + 'static) -> Self {
        Exporter {
            inner: Arc::new(Mutex::new(Box::new(exporter))),
            worker: None,
            counts: Arc::new(Exported::default()),
        }
    }

    /// On a thread of its own, because nobody knows how long it waits; the thread starts with the first batch.
    pub(crate) fn threaded(exporter: impl SpanExporter + 'static, most_waiting: usize) -> Self {
        let worker = Worker { queue: Mutex::default(), changed: Condvar::new(), most_waiting };
        Exporter { worker: Some(Arc::new(worker)), ..Self::direct(exporter) }
    }

    pub(crate) fn set_resource(&self, resource: &Resource) {
        let _ = catch_unwind(AssertUnwindSafe(|| lock(&self.inner).set_resource(resource)));
    }

    /// Takes a batch.
    pub(crate) fn export(&self, batch: Vec<SpanData>, deadline: Option<Instant>) {
        match &self.worker {
            Some(worker) => worker.push(batch, &self.inner, &self.counts),
            None => export_now(&self.inner, &self.counts, batch, deadline),
        }
    }

    /// Returns when everything that was taken is settled, or at the deadline.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        if let Some(worker) = &self.worker
            && !worker.wait(deadline)
        {
            return false;
        }
        let Some(inner) = try_lock_until(&self.inner, deadline) else { return false };
        matches!(catch_unwind(AssertUnwindSafe(|| inner.flush())), Ok(Ok(())))
    }

    /// The last call: flushes, and tells the exporter that it is over.
    pub(crate) fn shutdown(&self, deadline: Instant) {
        if let Some(worker) = &self.worker {
            worker.wait(deadline);
            worker.stop();
        }
        if let Some(inner) = try_lock_until(&self.inner, deadline) {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = catch_unwind(AssertUnwindSafe(|| inner.shutdown(left)));
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            accepted: self.counts.accepted.load(Relaxed),
            failed: self.counts.failed.load(Relaxed),
            panicked: self.counts.panicked.load(Relaxed),
            queue_full: self.counts.queue_full.load(Relaxed),
            deadline: self.worker.as_ref().map_or(0, |worker| worker.waiting() as u64),
        }
    }
}

fn lock(inner: &Mutex<Box<dyn Export>>) -> std::sync::MutexGuard<'_, Box<dyn Export>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lock that another thread holds while it exports is waited for until the deadline only.
fn try_lock_until<T: ?Sized>(mutex: &Mutex<T>, deadline: Instant) -> Option<std::sync::MutexGuard<'_, T>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::park_timeout(Duration::from_micros(200));
            }
            Err(std::sync::TryLockError::WouldBlock) => return None,
        }
    }
}

fn export_now(inner: &Mutex<Box<dyn Export>>, counts: &Exported, batch: Vec<SpanData>, deadline: Option<Instant>) {
    let spans = batch.len() as u64;
    let exporter = lock(inner);
    // What the exporter itself calls shall not be traced into the next batch.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _quiet = opentelemetry::Context::enter_telemetry_suppressed_scope();
        block_on(exporter.export(batch), deadline)
    }));
    let count = match result {
        Ok(Some(Ok(()))) => &counts.accepted,
        Ok(_) => &counts.failed,
        Err(_) => &counts.panicked,
    };
    count.fetch_add(spans, Relaxed);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread; `None` at the deadline.
pub(crate) fn block_on<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return None,
            Some(left) => std::thread::park_timeout(left),
            None => std::thread::park(),
        }
    }
}

/// The thread of an exporter that may wait.
#[derive(Debug)]
struct Worker {
    queue: Mutex<Queue>,
    changed: Condvar,
    most_waiting: usize,
}

#[derive(Debug, Default)]
struct Queue {
    batches: std::collections::VecDeque<Vec<SpanData>>,
    waiting: usize,
    /// Spans of the batch that is being exported.
    busy: usize,
    started: bool,
    stopped: bool,
}

impl Worker {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> usize {
        let queue = self.lock();
        queue.waiting + queue.busy
    }

    fn push(self: &Arc<Self>, batch: Vec<SpanData>, inner: &Arc<Mutex<Box<dyn Export>>>, counts: &Arc<Exported>) {
        let mut queue = self.lock();
        if queue.stopped || queue.waiting + batch.len() > self.most_waiting.max(batch.len()) {
            counts.queue_full.fetch_add(batch.len() as u64, Relaxed);
            return;
        }
        queue.waiting += batch.len();
        queue.batches.push_back(batch);
        if !queue.started {
            let (worker, inner, counts) = (self.clone(), inner.clone(), counts.clone());
            let thread = std::thread::Builder::new().name("span-exporter".to_owned());
            queue.started = thread.spawn(move || worker.run(&inner, &counts)).is_ok();
        }
        drop(queue);
        self.changed.notify_all();
    }

    fn run(&self, inner: &Mutex<Box<dyn Export>>, counts: &Exported) {
        loop {
            let mut queue = self.lock();
            let batch = loop {
                if let Some(batch) = queue.batches.pop_front() {
                    queue.waiting -= batch.len();
                    queue.busy = batch.len();
                    break batch;
                }
                if queue.stopped {
                    return;
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            export_now(inner, counts, batch, None);
            self.lock().busy = 0;
            self.changed.notify_all();
        }
    }

    /// True when nothing waits any more.
    fn wait(&self, deadline: Instant) -> bool {
        let mut queue = self.lock();
        while queue.waiting + queue.busy > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }
}
