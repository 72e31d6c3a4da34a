//! The pipelines of one start: built in the order of dependence, ended so that late counts still travel.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use opentelemetry_sdk::logs::LogExporter;

use super::{resource, send::Sender};
use crate::{Config, InitError, ShutdownReport, config::Role, logs};

/// What the program brings along instead of, or beside, the configured pipelines.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    pub log_exporter: Option<logs::Exporter>,
}

impl Custom {
    pub fn set_log_exporter(&mut self, exporter: impl LogExporter + 'static) {
        self.log_exporter = Some(logs::Exporter::new(exporter));
    }
}

/// Everything that runs between `init` and `shutdown`.
#[derive(Debug)]
pub(crate) struct Pipelines {
    role: Role,
    sender: Sender,
    logs: logs::Handle,
    /// What delivery has been told about the log queue's losses.
    logs_told: Mutex<logs::Counts>,
}

impl Pipelines {
    pub fn start(config: &Config, custom: Custom) -> Result<Self, InitError> {
        let resource = resource::build(config);
        let sender = Sender::new(config)?;
        let exporter = match custom.log_exporter {
            Some(exporter) => Some(exporter),
            None => sender.log_exporter(config)?.map(logs::Exporter::new),
        };
        let logs = logs::install(config, &resource, exporter);
        Ok(Self { role: config.role, sender, logs, logs_told: Mutex::default() })
    }

    /// Exports what waits; everything goes on afterwards.
    pub fn flush(&self, deadline: Instant) -> ShutdownReport {
        let started = Instant::now();
        let mut report = ShutdownReport::default();
        let counts = self.logs.flush(deadline);
        self.tell(counts);
        self.sender.flush(deadline, &mut report);
        report.elapsed = started.elapsed();
        report.timed_out |= Instant::now() >= deadline;
        report
    }

    /// Ends everything: signals first, delivery last, so that every loss on the way is counted.
    pub fn shutdown(&self, deadline: Instant) -> ShutdownReport {
        let started = Instant::now();
        let mut report = ShutdownReport::default();
        // The last fifth belongs to delivery, which has to write down what could not be sent.
        let left = deadline.saturating_duration_since(started);
        let exports_until = started + left - left / 5;
        let counts = self.logs.shutdown(exports_until);
        self.tell(counts);
        self.sender.finish(deadline, &mut report);
        report.elapsed = started.elapsed();
        report
    }

    /// Losses of the log queue since the last time.
    fn tell(&self, counts: logs::Counts) {
        let mut told = self.logs_told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let since = logs::Counts {
            queue_full: counts.queue_full - told.queue_full,
            deadline: counts.deadline - told.deadline,
            shutdown: counts.shutdown - told.shutdown,
            fork: counts.fork - told.fork,
            suppressed: counts.suppressed - told.suppressed,
            sampled: counts.sampled - told.sampled,
            ..logs::Counts::default()
        };
        *told = counts;
        self.sender.count_logs(&since);
    }

    /// Jobs for the collector's thread of a service.
    pub fn jobs(&self) -> Vec<(Duration, Box<dyn FnMut() + Send>)> {
        match self.role {
            Role::Cli => Vec::new(),
            Role::Service => self.logs.job().into_iter().collect(),
        }
    }
}
