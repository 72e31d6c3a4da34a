//! Metrics on their way out: the snapshot of the model, in the temporality and with the resource that the receiver wants.

use opentelemetry_sdk::Resource;

use super::send::Sender;
use crate::{
    Config, InitError,
    config::{CliMetrics, ExporterKind, Role, Temporality},
    metrics::{self, Reader, ResourceAttributes},
};

/// The exporters of metrics.
#[derive(Debug)]
pub(super) struct Meters {
    role: Role,
    reader: Reader,
    resource: ResourceAttributes,
    otlp: bool,
    console: bool,
}

impl Meters {
    /// Switches metrics on when somebody wants them.
    pub fn start(config: &Config, resource: &Resource) -> Result<Option<Self>, InitError> {
        metrics::state::set_enabled(false);
        let settings = &config.metrics;
        let handed_over = config.role == Role::Service || settings.cli_metrics != CliMetrics::Off;
        let wanted = config.role == Role::Service || !settings.exporters.is_empty();
        if !settings.enabled || !handed_over || !wanted {
            return Ok(None);
        }
        metrics::start(settings, config.role)?;
        let mut resource = ResourceAttributes::reduced(resource);
        let delta = config.role == Role::Cli && settings.cli_metrics == CliMetrics::Delta;
        if delta {
            // One series per installation would ask the receiver to add up deltas of several writers.
            resource.remove("service.instance.id");
        }
        Ok(Some(Self {
            role: config.role,
            reader: Reader::new(if delta { Temporality::Delta } else { settings.temporality }),
            resource,
            otlp: settings.exporters.contains(&ExporterKind::Otlp),
            console: settings.exporters.contains(&ExporterKind::Console),
        }))
    }

    /// The periodic export of a service.
    pub fn export(&mut self, sender: &Sender) {
        if self.role == Role::Service {
            self.send(sender);
        }
    }

    /// The last export; nothing is recorded afterwards.
    pub fn finish(&mut self, sender: &Sender) {
        self.send(sender);
        metrics::state::set_enabled(false);
    }

    fn send(&mut self, sender: &Sender) {
        if !self.otlp && !self.console {
            return;
        }
        let snapshot = self.reader.collect();
        if self.otlp {
            sender.send_metrics(&snapshot, &self.resource);
        }
        if self.console {
            print(&snapshot, &self.resource);
        }
    }
}

/// The page that a scraper would get, on standard error.
#[cfg(feature = "prometheus")]
fn print(snapshot: &metrics::Snapshot, resource: &ResourceAttributes) {
    use std::io::Write;
    let page = metrics::prometheus::render(&[(resource, snapshot)], metrics::prometheus::Format::accepted(""));
    // A closed standard error is no reason to fail.
    let _ = std::io::stderr().lock().write_all(page.as_bytes());
}

#[cfg(not(feature = "prometheus"))]
fn print(_: &metrics::Snapshot, _: &ResourceAttributes) {}
