//! Metrics of one start: switched on when somebody wants them, off at the end.

use opentelemetry_sdk::Resource;

use super::send::Sender;
use crate::{
    Config, InitError,
    config::{CliMetrics, ExporterKind, Role},
    metrics::{ResourceAttributes, pipeline, state},
};

/// Metrics that are recorded and leave.
#[derive(Debug)]
pub(super) struct Meters {
    handle: pipeline::Handle,
    /// What goes to standard output as OTLP.
    stdout: Option<ResourceAttributes>,
}

impl Meters {
    /// Switches metrics on when somebody wants them.
    pub fn start(config: &Config, resource: &Resource, sender: &Sender) -> Result<Option<Self>, InitError> {
        state::set_enabled(false);
        let settings = &config.metrics;
        let handed_over = config.role == Role::Service || settings.cli_metrics != CliMetrics::Off;
        let wanted = config.role == Role::Service || !settings.exporters.is_empty();
        if !settings.enabled || !handed_over || !wanted {
            return Ok(None);
        }
        let handle = pipeline::start(config, resource, sender.metrics_output())?;
        let stdout = settings.exporters.contains(&ExporterKind::OtlpStdout);
        Ok(Some(Self { handle, stdout: stdout.then(|| ResourceAttributes::reduced(resource)) }))
    }

    /// The export of a service; what a command counted waits for its end.
    pub fn export(&self) {
        self.handle.flush();
        self.print();
    }

    /// The last export; nothing is recorded afterwards.
    pub fn finish(&self) {
        self.handle.shutdown();
        self.print();
        state::set_enabled(false);
    }

    fn print(&self) {
        if let Some(resource) = &self.stdout {
            Sender::print_metrics(resource);
        }
    }

    /// The running metrics, for the scrape endpoint.
    #[cfg(feature = "prometheus")]
    pub fn handle(&self) -> pipeline::Handle {
        self.handle.clone()
    }
}
