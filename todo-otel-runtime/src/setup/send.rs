//! The way out over OTLP: delivery, and the exporters that encode for it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::stdout;
use crate::{
    Config, InitError, ShutdownReport, collect,
    config::{ExporterKind, Signal},
    deliver::{Delivery, Reason},
    logs,
    metrics::{self, ResourceAttributes},
};

/// Delivery, if any signal is exported over OTLP.
#[derive(Debug)]
pub(super) struct Sender {
    delivery: Option<Delivery>,
    /// Losses that no delivery counts, as nothing goes out over OTLP.
    elsewhere: Mutex<BTreeMap<(Signal, &'static str), u64>>,
}

impl Sender {
    pub fn new(config: &Config) -> Result<Self, InitError> {
        let otlp = |exporters: &[ExporterKind]| exporters.contains(&ExporterKind::Otlp);
        let wanted = otlp(&config.traces.exporters) || otlp(&config.metrics.exporters) || otlp(&config.logs.exporters);
        let delivery = if wanted { Some(Delivery::new(config)?) } else { None };
        if let Some(delivery) = &delivery {
            delivery.begin();
        }
        Ok(Self { delivery, elsewhere: Mutex::default() })
    }

    /// The exporters of spans as OTLP; the one that delivery counts for comes first.
    pub fn span_exporters(&self, config: &Config) -> Result<Vec<collect::Exporter>, InitError> {
        let mut exporters = Vec::new();
        if let Some(delivery) = self.delivery_for(&config.traces.exporters) {
            exporters.push(collect::Exporter::direct(delivery.span_exporter()?));
        }
        if config.traces.exporters.contains(&ExporterKind::OtlpStdout) {
            exporters.push(collect::Exporter::direct(stdout::span_exporter()?));
        }
        Ok(exporters)
    }

    fn delivery_for(&self, exporters: &[ExporterKind]) -> Option<&Delivery> {
        self.delivery.as_ref().filter(|_| exporters.contains(&ExporterKind::Otlp))
    }

    /// Where the bodies of metrics go.
    pub fn metrics_output(&self) -> Option<crate::metrics::pipeline::Output> {
        self.delivery.clone()
    }

    /// Tells delivery what was lost, or left out by the tail decision, before the exporter of spans.
    pub fn count_spans(&self, queue_full: u64, sampled: u64) {
        for (reason, items) in [(Reason::QueueFull, queue_full), (Reason::Sampled, sampled)] {
            self.lost(Signal::Traces, reason, items);
        }
    }

    fn lost(&self, signal: Signal, reason: Reason, items: u64) {
        match &self.delivery {
            _ if items == 0 => {}
            Some(delivery) => delivery.drop_items(signal, reason, items),
            None => *self.elsewhere().entry((signal, reason.as_str())).or_default() += items,
        }
    }

    fn elsewhere(&self) -> MutexGuard<'_, BTreeMap<(Signal, &'static str), u64>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exporter of log records as OTLP.
    pub fn log_exporter(&self, config: &Config) -> Result<Option<logs::Exporter>, InitError> {
        let printed = config.logs.exporters.contains(&ExporterKind::OtlpStdout);
        Ok(match (self.delivery_for(&config.logs.exporters), printed) {
            (Some(delivery), true) => {
                Some(logs::Exporter::new(stdout::Both(delivery.log_exporter()?, stdout::log_exporter()?)))
            }
            (Some(delivery), false) => Some(logs::Exporter::new(delivery.log_exporter()?)),
            (None, true) => Some(logs::Exporter::new(stdout::log_exporter()?)),
            (None, false) => None,
        })
    }

    /// Everything measured so far, on standard output.
    pub fn print_metrics(resource: &ResourceAttributes) {
        let snapshot = metrics::snapshot();
        if !snapshot.is_empty() {
            stdout::print_metrics(&metrics::otlp::request(&snapshot, resource));
        }
    }

    /// Tells delivery what the log queue lost before its exporter.
    pub fn count_logs(&self, counts: &logs::Counts) {
        for (reason, items) in [
            (Reason::QueueFull, counts.queue_full),
            (Reason::Deadline, counts.deadline),
            (Reason::Shutdown, counts.shutdown),
            (Reason::Fork, counts.fork),
            (Reason::Suppressed, counts.suppressed),
            (Reason::Sampled, counts.sampled),
        ] {
            self.lost(Signal::Logs, reason, items);
        }
    }

    pub fn flush(&self, deadline: Instant, report: &mut ShutdownReport) {
        match &self.delivery {
            Some(delivery) => fill(report, delivery.flush(deadline)),
            None => report.dropped.clone_from(&self.elsewhere()),
        }
    }

    pub fn finish(&self, deadline: Instant, report: &mut ShutdownReport) {
        match &self.delivery {
            Some(delivery) => fill(report, delivery.finish(deadline)),
            None => report.dropped.clone_from(&self.elsewhere()),
        }
    }
}

fn fill(report: &mut ShutdownReport, counts: crate::deliver::Counts) {
    for signal in Signal::ALL {
        let put = |to: &mut std::collections::BTreeMap<Signal, u64>, items: u64| {
            if items > 0 {
                to.insert(signal, items);
            }
        };
        put(&mut report.delivered, counts.delivered[signal as usize]);
        put(&mut report.spooled, counts.spooled[signal as usize]);
    }
    for dropped in counts.dropped {
        report.dropped.insert((dropped.signal, dropped.reason.as_str()), dropped.items);
    }
    report.timed_out |= counts.timed_out;
}
