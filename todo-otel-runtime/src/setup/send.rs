//! The way out over OTLP: delivery, and the exporters that encode for it.

use std::time::Instant;

use opentelemetry_sdk::{logs::LogExporter, trace::SpanExporter};

use crate::{
    Config, InitError, ShutdownReport,
    config::{ExporterKind, Signal},
    deliver::{Delivery, Reason},
    logs,
};

/// Delivery, if any signal is exported over OTLP.
#[derive(Debug)]
pub(super) struct Sender {
    delivery: Option<Delivery>,
}

impl Sender {
    pub fn new(config: &Config) -> Result<Self, InitError> {
        let otlp = |exporters: &[ExporterKind]| exporters.contains(&ExporterKind::Otlp);
        let wanted = otlp(&config.traces.exporters) || otlp(&config.metrics.exporters) || otlp(&config.logs.exporters);
        Ok(Self { delivery: if wanted { Some(Delivery::new(config)?) } else { None } })
    }

    /// The exporter of spans, if they go over OTLP.
    pub fn span_exporter(&self, config: &Config) -> Result<Option<impl SpanExporter + use<>>, InitError> {
        match &self.delivery {
            Some(delivery) if config.traces.exporters.contains(&ExporterKind::Otlp) => {
                delivery.span_exporter().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Where the bodies of metrics go.
    pub fn metrics_output(&self) -> Option<crate::metrics::pipeline::Output> {
        self.delivery.clone()
    }

    /// Tells delivery what was lost, or left out by the tail decision, before the exporter of spans.
    pub fn count_spans(&self, queue_full: u64, sampled: u64) {
        let Some(delivery) = &self.delivery else { return };
        for (reason, items) in [(Reason::QueueFull, queue_full), (Reason::Sampled, sampled)] {
            if items > 0 {
                delivery.drop_items(Signal::Traces, reason, items);
            }
        }
    }

    /// The exporter of log records, if they go over OTLP.
    pub fn log_exporter(&self, config: &Config) -> Result<Option<impl LogExporter + use<>>, InitError> {
        match &self.delivery {
            Some(delivery) if config.logs.exporters.contains(&ExporterKind::Otlp) => delivery.log_exporter().map(Some),
            _ => Ok(None),
        }
    }

    /// Tells delivery what the log queue lost before its exporter.
    pub fn count_logs(&self, counts: &logs::Counts) {
        let Some(delivery) = &self.delivery else { return };
        for (reason, items) in [
            (Reason::QueueFull, counts.queue_full),
            (Reason::Deadline, counts.deadline),
            (Reason::Shutdown, counts.shutdown),
            (Reason::Fork, counts.fork),
            (Reason::Suppressed, counts.suppressed),
            (Reason::Sampled, counts.sampled),
        ] {
            if items > 0 {
                delivery.drop_items(Signal::Logs, reason, items);
            }
        }
    }

    pub fn flush(&self, deadline: Instant, report: &mut ShutdownReport) {
        if let Some(delivery) = &self.delivery {
            fill(report, delivery.flush(deadline));
        }
    }

    pub fn finish(&self, deadline: Instant, report: &mut ShutdownReport) {
        if let Some(delivery) = &self.delivery {
            fill(report, delivery.finish(deadline));
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
