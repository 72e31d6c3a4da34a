//! The pipelines of one start: built in the order of dependence, ended so that late counts still travel.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    logs::LogExporter,
    trace::{ShouldSample, SpanExporter, SpanProcessor},
};

use super::{metrics::Meters, resource, send::Sender};
use crate::{
    Config, InitError, ShutdownReport, collect,
    config::{ExporterKind, Role},
    console::ConsoleExporter,
    last::LastExporter,
    logs,
};

/// What the program brings along beside the configured pipelines.
#[derive(Default)]
pub(crate) struct Custom {
    span_exporters: Vec<collect::Exporter>,
    span_processors: Vec<Box<dyn SpanProcessor>>,
    sampler: Option<Box<dyn ShouldSample>>,
    log_exporter: Option<logs::Exporter>,
}

/// Most spans that wait for a foreign exporter.
const MOST_WAITING: usize = 2048;

impl Custom {
    pub fn add_span_exporter(&mut self, exporter: impl SpanExporter + 'static) {
        self.span_exporters.push(collect::Exporter::threaded(exporter, MOST_WAITING));
    }

    pub fn add_span_processor(&mut self, processor: impl SpanProcessor + 'static) {
        self.span_processors.push(Box::new(processor));
    }

    pub fn set_sampler(&mut self, sampler: impl ShouldSample + 'static) {
        self.sampler = Some(Box::new(sampler));
    }

    pub fn set_log_exporter(&mut self, exporter: impl LogExporter + 'static) {
        self.log_exporter = Some(logs::Exporter::new(exporter));
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("span_exporters", &self.span_exporters.len()).finish_non_exhaustive()
    }
}

/// Everything that runs between `init` and `shutdown`.
pub(crate) struct Pipelines {
    sender: Arc<Sender>,
    logs: logs::Handle,
    /// Nobody knows how long a foreign log exporter waits.
    foreign_logs: bool,
    spans: collect::Handle,
    meters: Option<Arc<Meters>>,
    /// What delivery has been told about losses before it.
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    logs: logs::Counts,
    spans: collect::Counts,
}

impl Pipelines {
    pub fn start(config: &Config, custom: Custom) -> Result<Self, InitError> {
        let resource = resource::build(config);
        let sender = Arc::new(Sender::new(config)?);
        let foreign_logs = custom.log_exporter.is_some();
        let log_exporter = match custom.log_exporter {
            Some(exporter) => Some(exporter),
            None => sender.log_exporter(config)?,
        };
        let exports_logs = log_exporter.is_some();
        let logs = logs::install(config, &resource, log_exporter);
        let meters = Meters::start(config, &resource, &sender)?.map(Arc::new);

        let mut options = collect::Options::new(config.role, config.traces.clone());
        options.app.clone_from(&config.app);
        // The one that delivery counts for comes first: losses before it are told to delivery.
        options.exporters.extend(sender.span_exporters(config)?);
        if config.traces.exporters.contains(&ExporterKind::Console) {
            options.exporters.push(collect::Exporter::direct(ConsoleExporter::new(config)));
        }
        options.exporters.extend(custom.span_exporters);
        if config.traces.enabled {
            options.exporters.extend(LastExporter::new(config).map(collect::Exporter::direct));
        }
        options.processors = custom.span_processors;
        options.sampler = custom.sampler;
        let somebody_looks = !options.exporters.is_empty() || !options.processors.is_empty();
        options.spans = config.traces.enabled && (somebody_looks || exports_logs || config.logs.span_events);
        options.metrics = meters.is_some();
        options.redactor = config.redactor();
        options.logs = logs.is_on();
        options.span_lines = logs::writes_span_lines();
        options.resource = Some(resource);
        if config.role == Role::Service {
            options.jobs.extend(logs.job());
            if let Some(meters) = &meters {
                options.jobs.push(metric_job(config.metrics.interval, meters.clone()));
            }
        }
        let spans = collect::start(options);
        if meters.is_some() {
            crate::metrics::own::watch_recording(config, spans.clone(), logs.clone());
        }
        Ok(Self { sender, logs, foreign_logs, spans, meters, told: Mutex::default() })
    }

    /// What the page of `/metrics` is made of; `None` when metrics are off.
    #[cfg(feature = "prometheus")]
    pub fn metrics(&self) -> Option<crate::metrics::pipeline::Handle> {
        self.meters.as_ref().map(|meters| meters.handle())
    }

    /// Exports what waits; everything goes on afterwards.
    pub fn flush(&self, deadline: Instant) -> ShutdownReport {
        let started = Instant::now();
        let mut report = ShutdownReport { timed_out: !self.spans.flush(deadline), ..ShutdownReport::default() };
        let logs = self.logs.flush(deadline);
        self.tell(logs, self.spans.counts(deadline));
        if let Some(meters) = &self.meters {
            meters.export();
        }
        self.sender.flush(deadline, &mut report);
        report.elapsed = started.elapsed();
        report.timed_out |= Instant::now() >= deadline;
        report
    }

    /// Ends everything: spans and logs first, metrics after them, delivery last, so that every loss is counted.
    pub fn shutdown(&self, deadline: Instant) -> ShutdownReport {
        let started = Instant::now();
        let mut report = ShutdownReport::default();
        // The last fifth belongs to delivery, which has to write down what could not be sent.
        let left = deadline.saturating_duration_since(started);
        let exports_until = started + left - left / 5;
        let spans = self.spans.shutdown(exports_until);
        let logs = if self.foreign_logs {
            let handle = self.logs.clone();
            within(exports_until, move || handle.shutdown(exports_until)).unwrap_or_else(|| self.logs.counts())
        } else {
            self.logs.shutdown(exports_until)
        };
        self.tell(logs, Some(spans));
        if let Some(meters) = &self.meters {
            meters.finish();
        }
        self.sender.finish(deadline, &mut report);
        report.elapsed = started.elapsed();
        report
    }

    /// Losses before delivery since the last time.
    fn tell(&self, logs: logs::Counts, spans: Option<collect::Counts>) {
        let mut told = lock(&self.told);
        let before = &told.logs;
        self.sender.count_logs(&logs::Counts {
            queue_full: logs.queue_full - before.queue_full,
            deadline: logs.deadline - before.deadline,
            shutdown: logs.shutdown - before.shutdown,
            fork: logs.fork - before.fork,
            suppressed: logs.suppressed - before.suppressed,
            sampled: logs.sampled - before.sampled,
            ..logs::Counts::default()
        });
        told.logs = logs;
        if let Some(spans) = spans {
            let queue_full = spans.queue_full.saturating_sub(told.spans.queue_full);
            let sampled = spans.sampled.saturating_sub(told.spans.sampled);
            self.sender.count_spans(queue_full, sampled);
            told.spans = spans;
        }
    }
}

fn metric_job(every: Duration, meters: Arc<Meters>) -> collect::Job {
    (every, Box::new(move || meters.export()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on a thread of its own and waits for it until the deadline, no longer.
fn within<T: Send + 'static>(deadline: Instant, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, wait) = mpsc::channel();
    let run = move || {
        let _ = done.send(work());
    };
    thread::Builder::new().name("telemetry-foreign".to_owned()).spawn(run).ok()?;
    wait.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}
