//! The collector: drains the rings, decides what is kept, builds `SpanData` and hands it to exporters.
//!
//! In role `Service` one thread does all of it and runs the periodic jobs of the others. In role `Cli` there is no thread:
//! whoever flushes or shuts down does the work; a thread only comes when a ring is half full or a watched call begins.

mod adaptive;
mod build;
mod core;
mod early;
mod export;
pub(crate) mod lane;
mod scrub;
mod slow;
mod tail;

#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    Resource,
    trace::{ShouldSample, SpanProcessor},
};

use self::core::{Core, Settings};
#[cfg(any(test, feature = "testing"))]
pub(crate) use self::core::{begin_capture, captured, end_capture};
pub(crate) use self::{core::Counts, export::Exporter};
use crate::{
    config::{KeepConfig, Redactor, Role, TracesConfig},
    record::{callsite, clock, fork, otel, sampling, value},
};

/// Something that the collector's thread does every so often.
pub(crate) type Job = (Duration, Box<dyn FnMut() + Send>);

/// What recording starts with.
pub(crate) struct Options {
    /// Begins the names of own attributes.
    pub(crate) app: String,
    /// `Cli`: no thread.
    pub(crate) role: Role,
    /// Sampler, tail rules, limits, batches, switches of call sites.
    pub(crate) traces: TracesConfig,
    /// Where spans go; without one they are only recorded for `processors`.
    pub(crate) exporters: Vec<Exporter>,
    /// Foreign processors; they get `on_end` of every span that is kept, and no `on_start`.
    pub(crate) processors: Vec<Box<dyn SpanProcessor>>,
    /// Asked at each root instead of the configured sampler.
    pub(crate) sampler: Option<Box<dyn ShouldSample>>,
    /// Record spans at all.
    pub(crate) spans: bool,
    /// Record RED metrics.
    pub(crate) metrics: bool,
    /// Write the log events that call sites ask for.
    pub(crate) logs: bool,
    /// Masks secrets in what leaves.
    pub(crate) redactor: Redactor,
    /// Write a line whenever a span opens or closes.
    pub(crate) span_lines: bool,
    /// Said to each exporter.
    pub(crate) resource: Option<Resource>,
    /// Run on the collector's thread; role `Service` only.
    pub(crate) jobs: Vec<Job>,
}

impl Options {
    /// Records everything for nobody.
    pub(crate) fn new(role: Role, traces: TracesConfig) -> Self {
        Options {
            app: "acme".to_owned(),
            role,
            traces,
            exporters: Vec::new(),
            processors: Vec::new(),
            sampler: None,
            spans: true,
            metrics: true,
            logs: true,
            redactor: Redactor::default(),
            span_lines: false,
            resource: None,
            jobs: Vec::new(),
        }
    }
}

/// The collector that is running; cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Shared>);

struct Shared {
    core: Mutex<Core>,
    jobs: Mutex<Vec<Running>>,
    state: Mutex<State>,
    changed: Condvar,
    tick: Duration,
    pid: u32,
}

struct Running {
    every: Duration,
    next: Instant,
    run: Box<dyn FnMut() + Send>,
}

#[derive(Default)]
struct State {
    thread: Option<Thread>,
    stopping: bool,
    stopped: bool,
    finished: bool,
}

/// The collector that threads wake.
static CURRENT: Mutex<Option<Handle>> = Mutex::new(None);
/// Somebody wants the collector to come now.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Starts recording. A collector that is still running is replaced; it keeps what it has until it is shut down.
pub(crate) fn start(options: Options) -> Handle {
    clock::start();
    fork::watch();
    let traces = options.traces;
    let tail = traces.keep != KeepConfig::default();
    value::set_length_limit(traces.limits.value_length);
    sampling::configure(&traces.sampler, options.sampler, tail, traces.traces_per_second);
    for exporter in &options.exporters {
        if let Some(resource) = &options.resource {
            exporter.set_resource(resource);
        }
    }
    let adaptive =
        (traces.adaptive && sampling::is_ratio()).then(|| adaptive::Adaptive::new(sampling::ratio(), Instant::now()));
    let settings = Settings {
        app: options.app,
        keep: traces.keep,
        limits: traces.limits,
        exporters: options.exporters,
        processors: options.processors,
        max_batch: traces.max_export_batch_size.max(1),
        schedule_delay: traces.schedule_delay,
        redactor: options.redactor,
    };
    let now = Instant::now();
    let jobs = options.jobs.into_iter().map(|(every, run)| Running { every, next: now + every, run }).collect();
    let handle = Handle(Arc::new(Shared {
        core: Mutex::new(Core::new(settings, adaptive)),
        jobs: Mutex::new(jobs),
        state: Mutex::default(),
        changed: Condvar::new(),
        tick: traces.schedule_delay.clamp(Duration::from_millis(1), Duration::from_secs(1)),
        pid: std::process::id(),
    }));
    *current() = Some(handle.clone());
    if options.role == Role::Service {
        handle.start_thread();
    }
    // An unsampled root still gives its ids to logs and to others, so a sampler that never samples switches nothing off.
    otel::switch(options.spans);
    callsite::switch(Some(callsite::Switches {
        spans: options.spans,
        metrics: options.metrics,
        logs: options.logs,
        span_lines: options.span_lines,
        sites: traces.sites,
    }));
    handle
}

fn current() -> MutexGuard<'static, Option<Handle>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is anything recorded?
#[cfg(feature = "testing")]
pub(crate) fn is_running() -> bool {
    current().is_some()
}

/// Builds every span that has ended by now.
#[cfg(feature = "testing")]
pub(crate) fn catch_up(deadline: Instant) {
    let handle = current().clone();
    if let Some(handle) = handle {
        handle.flush(deadline);
    }
}

/// A ring is half full: wakes the collector, or starts its thread.
#[cold]
pub(crate) fn ring_is_filling() {
    if WANTED.swap(true, Relaxed) {
        return;
    }
    call_thread();
}

/// A watched call begins: somebody has to look at the time.
#[cold]
pub(crate) fn watch() {
    let handle = current().clone();
    if let Some(handle) = handle
        && handle.0.state().thread.is_none()
    {
        handle.start_thread();
    }
}

fn call_thread() {
    let handle = current().clone();
    let Some(handle) = handle else { return };
    if handle.0.pid != std::process::id() {
        return callsite::switch_off_unlocked();
    }
    let thread = handle.0.state().thread.clone();
    match thread {
        Some(thread) => thread.unpark(),
        None => handle.start_thread(),
    }
}

/// How often the thread looks while a watched call is open.
const WATCH_TICK: Duration = Duration::from_millis(50);
/// A pass that moved more words than this is followed by another one at once.
const BUSY: usize = 1 << 12;

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless another thread holds it until the deadline.
    fn core(&self, deadline: Instant) -> Option<MutexGuard<'_, Core>> {
        loop {
            match self.core.try_lock() {
                Ok(core) => return Some(core),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::park_timeout(Duration::from_micros(100));
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }
}

impl Handle {
    fn start_thread(&self) {
        let mut state = self.0.state();
        if state.thread.is_some() || state.stopping {
            return;
        }
        let shared = self.0.clone();
        let spawned = std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || run(&shared));
        // Without a thread the rings are drained at the end; what they cannot hold is counted.
        state.thread = spawned.ok().map(|joined| joined.thread().clone());
    }

    /// Exports everything that has ended, on the calling thread; false when the deadline came first.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        if self.0.pid != std::process::id() {
            return true;
        }
        let Some(mut core) = self.0.core(deadline) else { return false };
        let drained = drain_all(&mut core, deadline);
        core.export(Some(deadline));
        let mut exported = true;
        for exporter in &core.settings.exporters {
            exported &= exporter.flush(deadline);
        }
        drained && exported
    }

    /// The last flush: nothing is recorded any more, open spans end as unfinished, exporters are told.
    pub(crate) fn shutdown(&self, deadline: Instant) -> Counts {
        if self.0.pid != std::process::id() {
            callsite::switch_off_unlocked();
            return Counts::default();
        }
        {
            let mut current = current();
            if current.as_ref().is_some_and(|running| Arc::ptr_eq(&running.0, &self.0)) {
                callsite::switch(None);
                otel::switch(false);
                *current = None;
            }
        }
        self.stop_thread(deadline);
        let Some(mut core) = self.0.core(deadline) else { return Counts::default() };
        if !std::mem::replace(&mut self.0.state().finished, true) {
            drain_all(&mut core, deadline);
            core.end_open();
            core.export(Some(deadline));
            for exporter in &core.settings.exporters {
                exporter.shutdown(deadline);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            for processor in &core.settings.processors {
                let _ = catch_unwind(AssertUnwindSafe(|| processor.shutdown_with_timeout(left)));
            }
        }
        core.counts()
    }

    /// What became of the spans so far.
    pub(crate) fn counts(&self, deadline: Instant) -> Option<Counts> {
        self.0.core(deadline).map(|core| core.counts())
    }

    /// The thread hands over, if it can before the deadline.
    fn stop_thread(&self, deadline: Instant) {
        let mut state = self.0.state();
        state.stopping = true;
        let Some(thread) = state.thread.clone() else { return };
        while !state.stopped {
            thread.unpark();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
impl Handle {
    /// Keeps everybody else from draining.
    fn hold(&self) -> impl Sized + '_ {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_reported(&self) -> bool {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner).has_reported()
    }
}

/// Passes until nothing is found, so that every span that has ended by now is built.
fn drain_all(core: &mut Core, deadline: Instant) -> bool {
    // Records that other threads keep writing must not hold the caller for ever.
    while core.drain() > 0 {
        if Instant::now() >= deadline {
            return false;
        }
    }
    true
}

/// The collector's thread.
fn run(shared: &Shared) {
    loop {
        let stopping = shared.state().stopping;
        if stopping {
            break;
        }
        WANTED.store(false, Relaxed);
        // One bad span must not end the collection of all others.
        let pass = catch_unwind(AssertUnwindSafe(|| pass(shared)));
        let wait = match pass {
            Ok(wait) => wait,
            Err(_) => shared.tick,
        };
        if !wait.is_zero() && !WANTED.load(Relaxed) {
            std::thread::park_timeout(wait);
        }
    }
    let mut state = shared.state();
    state.stopped = true;
    drop(state);
    shared.changed.notify_all();
}

/// One round of the thread; how long it may sleep.
fn pass(shared: &Shared) -> Duration {
    let now = Instant::now();
    let (moved, watching) = {
        let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = core.drain();
        let watching = core.is_watching();
        if watching {
            core.report_slow();
        }
        if let Some(adaptive) = &mut core.adaptive {
            adaptive.tick(now);
        }
        if now.saturating_duration_since(core.last_export) >= core.settings.schedule_delay {
            core.export(None);
        }
        (moved, watching)
    };
    if moved > BUSY {
        return Duration::ZERO;
    }
    let mut wait = if watching { WATCH_TICK.min(shared.tick) } else { shared.tick };
    let mut jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    for job in jobs.iter_mut() {
        if now >= job.next {
            let _ = catch_unwind(AssertUnwindSafe(|| (job.run)()));
            job.next = Instant::now() + job.every;
        }
        wait = wait.min(job.next.saturating_duration_since(now));
    }
    wait.max(Duration::from_micros(100))
}
