//! Metrics of a running program: who reads, when, and where it goes.
//!
//! A service exports every interval and adds the ledger of the commands; a command hands its increments over at its end.
//! Not here: threads (the collector's runs the periodic export), the network.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry_sdk::Resource;

use super::{Reader, ResourceAttributes, Snapshot, snapshot};
#[cfg(feature = "otlp")]
use super::{otlp, seed::seeds};
use crate::{
    Config, InitError, Role,
    config::{ExporterKind, Temporality},
};
#[cfg(feature = "otlp")]
use crate::{
    config::{CliMetrics, Durability, Signal},
    deliver::{Reason, ledger::Ledger},
};

/// Where OTLP bodies go; nowhere in a build without it.
#[cfg(feature = "otlp")]
pub(crate) type Output = crate::deliver::Delivery;
#[cfg(not(feature = "otlp"))]
pub(crate) type Output = std::convert::Infallible;

/// Longest wait for the SDK's instruments at the end.
const LAST_COLLECTION: Duration = Duration::from_millis(200);

/// Running metrics. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Inner>);

struct Inner {
    role: Role,
    console: bool,
    resource: ResourceAttributes,
    reader: Mutex<Reader>,
    #[cfg(feature = "otlp")]
    output: Option<Output>,
    #[cfg(feature = "otlp")]
    cli: CliMetrics,
    #[cfg(feature = "otlp")]
    ledger: Option<Ledger>,
    /// Totals of the commands, as they were read last.
    totals: Mutex<Vec<(ResourceAttributes, Snapshot)>>,
    ended: Mutex<bool>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&self.0.role).finish()
    }
}

/// Starts recording. `output` takes what is exported over OTLP; without it nothing leaves that way.
///
/// # Errors
/// Two declarations of one metric that contradict each other.
pub(crate) fn start(config: &Config, resource: &Resource, output: Option<Output>) -> Result<Handle, InitError> {
    let metrics = &config.metrics;
    super::start(metrics, config.role, &config.app)?;
    let wanted = |kind| metrics.exporters.contains(&kind);
    if config.role == Role::Service {
        super::bridge::install(metrics.interval);
        super::process::watch();
    }
    let mut resource = ResourceAttributes::reduced(resource);
    #[cfg(feature = "otlp")]
    let ledger = ledger(config);
    #[cfg(feature = "otlp")]
    let cli = if ledger.is_none() && metrics.cli_metrics == CliMetrics::Ledger {
        CliMetrics::Off
    } else {
        metrics.cli_metrics
    };
    let temporality = match config.role {
        Role::Service => metrics.temporality,
        Role::Cli => Temporality::Delta,
    };
    #[cfg(feature = "otlp")]
    if config.role == Role::Cli && cli == CliMetrics::Delta {
        // One stream for all runs, which a Collector adds up.
        resource.remove("service.instance.id");
    }
    #[cfg(feature = "otlp")]
    if let Some(delivery) = &output {
        super::own::watch(config, delivery.clone());
    }
    let inner = Inner {
        role: config.role,
        console: wanted(ExporterKind::Console),
        resource,
        reader: Mutex::new(Reader::new(temporality)),
        #[cfg(feature = "otlp")]
        output: output.filter(|_| wanted(ExporterKind::Otlp)),
        #[cfg(feature = "otlp")]
        cli,
        #[cfg(feature = "otlp")]
        ledger,
        totals: Mutex::default(),
        ended: Mutex::new(false),
    };
    #[cfg(not(feature = "otlp"))]
    let _ = output;
    Ok(Handle(Arc::new(inner)))
}

#[cfg(feature = "otlp")]
fn ledger(config: &Config) -> Option<Ledger> {
    if config.metrics.cli_metrics != CliMetrics::Ledger {
        return None;
    }
    let state_dir = config.delivery.state_dir.as_ref()?;
    Ledger::open(state_dir, config.delivery.durability != Durability::Process).ok()
}

impl Handle {
    /// Exports now (a service); a command's increments wait for its end.
    pub(crate) fn flush(&self) {
        if self.0.role == Role::Service {
            self.0.export();
        }
    }

    /// The last export, or the hand-over of a command's increments. A second call does nothing.
    pub(crate) fn shutdown(&self) {
        let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *ended, true) {
            super::bridge::collect(LAST_COLLECTION);
            self.0.export();
        }
    }

    /// The page of the scrape endpoint: this process, and the totals of the commands.
    #[cfg(feature = "prometheus")]
    pub(crate) fn page(&self, format: super::prometheus::Format) -> String {
        let inner = &self.0;
        #[cfg(feature = "otlp")]
        inner.merge(false);
        let own = snapshot();
        let totals = inner.totals();
        let mut groups = vec![(&inner.resource, &own)];
        groups.extend(totals.iter().map(|(resource, snapshot)| (resource, snapshot)));
        super::prometheus::render(&groups, format)
    }
}

impl Inner {
    /// Never unwinds: it runs on threads that have more to do.
    fn export(&self) {
        let exported = catch_unwind(AssertUnwindSafe(|| match self.role {
            Role::Service => self.export_service(),
            Role::Cli => self.export_command(),
        }));
        #[cfg(feature = "otlp")]
        if exported.is_err() {
            // How many points it would have been nobody knows.
            self.lost(Reason::Panic, 1);
        }
        #[cfg(not(feature = "otlp"))]
        drop(exported);
    }

    fn export_service(&self) {
        let snapshot = self.reader().collect();
        self.print(&snapshot);
        #[cfg(feature = "otlp")]
        {
            self.send(otlp::encode(&snapshot, &self.resource));
            self.merge(self.output.is_some());
        }
    }

    fn export_command(&self) {
        if self.console {
            self.print(&snapshot());
        }
        #[cfg(feature = "otlp")]
        match self.cli {
            CliMetrics::Off => {}
            CliMetrics::Delta => self.send(otlp::encode(&self.reader().collect(), &self.resource)),
            CliMetrics::Ledger => {
                let Some(ledger) = &self.ledger else { return };
                let increment = self.reader().collect();
                if ledger.add(&increment, &self.resource).is_err() {
                    self.lost(Reason::IoError, increment.len() as u64);
                    return;
                }
                // The child that takes the spool out takes the ledger too; else whoever gets the lock does it.
                if !self.output.as_ref().is_some_and(crate::deliver::Delivery::ledger_waits) {
                    self.merge(self.output.is_some());
                }
            }
        }
    }

    /// Adds the increments of commands to the totals and, if asked to, exports these; does nothing while another process
    /// does it.
    #[cfg(feature = "otlp")]
    fn merge(&self, export: bool) {
        let Some(ledger) = &self.ledger else { return };
        let Ok(Some(mut locked)) = ledger.lock() else { return };
        if let Ok(merged) = locked.merge(&seeds()) {
            self.lost(Reason::Corrupt, merged.corrupt as u64);
        }
        *self.totals() = locked.totals().to_vec();
        if export {
            for body in locked.export().unwrap_or_default() {
                self.send(body);
            }
        }
    }

    #[cfg(feature = "otlp")]
    fn send(&self, body: Vec<u8>) {
        if let Some(output) = self.output.as_ref().filter(|_| !body.is_empty()) {
            output.accept(Signal::Metrics, body.into());
        }
    }

    #[cfg(feature = "otlp")]
    fn lost(&self, reason: Reason, items: u64) {
        if let Some(output) = self.output.as_ref().filter(|_| items > 0) {
            output.drop_items(Signal::Metrics, reason, items);
        }
    }

    fn print(&self, snapshot: &Snapshot) {
        if self.console {
            // Standard error that is closed or full is nobody's problem here.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), snapshot.to_string().as_bytes());
        }
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn totals(&self) -> MutexGuard<'_, Vec<(ResourceAttributes, Snapshot)>> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the increments of commands to the totals and gives the totals out as OTLP bodies, in the order in which they are to
/// be delivered: for the detached child and for a flush on demand. Empty while another process does it.
#[cfg(feature = "otlp")]
pub(crate) fn drain_ledger(app: &str, state_dir: &std::path::Path, durability: Durability) -> Vec<Vec<u8>> {
    super::state::set_app(app);
    let Ok(ledger) = Ledger::open(state_dir, durability != Durability::Process) else { return Vec::new() };
    let Ok(Some(mut locked)) = ledger.lock() else { return Vec::new() };
    if locked.merge(&seeds()).is_err() {
        return Vec::new();
    }
    locked.export().unwrap_or_default()
}

#[cfg(all(test, feature = "otlp", feature = "prometheus"))]
mod tests {
    use super::*;
    use crate::metrics::{counter, prometheus::Format};

    counter! { static HANDED: u64 = "pipeline.handed.over", unit = "{thing}", labels = { "pipeline.flag": bool } }

    fn config(role: Role, state: &std::path::Path) -> Config {
        let state = state.to_str().expect("UTF-8");
        let mut config = Config::for_app("acme", role)
            .env([("XDG_STATE_HOME", state), ("OTEL_METRICS_EXPORTER", "prometheus"), ("HOME", state)])
            .resolve();
        config.metrics.exporters = vec![ExporterKind::Prometheus];
        config
    }

    #[test]
    fn what_commands_counted_is_on_the_page_of_the_service_beside_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let resource = |name| Resource::builder_empty().with_service_name(name).build();
        let command = start(&config(Role::Cli, dir.path()), &resource("acme-cli"), None).expect("no conflict");
        HANDED.add(3, (true,));
        command.shutdown();
        command.shutdown();

        let service = start(&config(Role::Service, dir.path()), &resource("acme-worker"), None).expect("no conflict");
        let page = service.page(Format::Text);
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("pipeline_handed_over_total")).collect();
        assert_eq!(
            lines,
            [
                // This process plays both, so its own count is there too; a seed stands beside the command's count.
                r#"pipeline_handed_over_total{pipeline_flag="true",job="acme-worker",service_name="acme-worker"} 3"#,
                r#"pipeline_handed_over_total{pipeline_flag="false",job="acme-cli",service_name="acme-cli"} 0"#,
                r#"pipeline_handed_over_total{pipeline_flag="true",job="acme-cli",service_name="acme-cli"} 3"#,
            ]
        );
    }
}
