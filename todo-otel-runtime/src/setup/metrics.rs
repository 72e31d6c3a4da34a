//! Metrics of one start: switched on when somebody wants them, off at the end.

use opentelemetry_sdk::Resource;

use super::send::Sender;
use crate::{
    Config, InitError,
    config::{CliMetrics, Role},
    metrics::{pipeline, state},
};

/// Metrics that are recorded and leave.
#[derive(Debug)]
pub(super) struct Meters(pipeline::Handle);

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
        pipeline::start(config, resource, sender.metrics_output()).map(|handle| Some(Self(handle)))
    }

    /// The export of a service; what a command counted waits for its end.
    pub fn export(&self) {
        self.0.flush();
    }

    /// The last export; nothing is recorded afterwards.
    pub fn finish(&self) {
        self.0.shutdown();
        state::set_enabled(false);
    }

    /// The running metrics, for the scrape endpoint.
    #[cfg(feature = "prometheus")]
    pub fn handle(&self) -> pipeline::Handle {
        self.0.clone()
    }
}
