//! What `--verbose` says of telemetry at the end of a command: what was handed over. A command waits for no receiver, so
//! this is all it knows for certain; that a receiver takes nothing is told by the delivery itself.

use todo_otel_runtime::{Config, ShutdownReport, deliver};

/// One log event after the end of telemetry, for standard error alone; nothing when nothing is sent anywhere.
pub fn tell(report: &ShutdownReport, config: &Config) {
    let Ok(spools) = deliver::status(config) else { return };
    if spools.is_empty() {
        return;
    }
    let sum = |items: &std::collections::BTreeMap<_, u64>| items.values().sum::<u64>();
    let (delivered, spooled, lost) = (sum(&report.delivered), sum(&report.spooled), report.lost());
    if lost > 0 {
        tracing::warn!(delivered, spooled, lost, "telemetry was lost");
    } else if spooled > 0 {
        tracing::debug!(delivered, spooled, "telemetry is on disk for its delivery");
    } else {
        tracing::debug!(delivered, "telemetry is delivered");
    }
}
