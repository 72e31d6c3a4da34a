//! What `--verbose` says of telemetry at the end of a command: what was handed over, and whether its delivery works. A
//! command waits for no receiver, so the most it knows of one is what earlier deliveries left on disk.

use todo_otel_runtime::{
    Config, ShutdownReport,
    deliver::{self, SpoolStatus},
};

/// One log event after the end of telemetry, for standard error alone; nothing when nothing is sent anywhere.
pub fn tell(report: &ShutdownReport, config: &Config) {
    let Ok(spools) = deliver::status(config) else { return };
    if spools.is_empty() {
        return;
    }
    let sum = |items: &std::collections::BTreeMap<_, u64>| items.values().sum::<u64>();
    let (delivered, spooled, lost) = (sum(&report.delivered), sum(&report.spooled), report.lost());
    match spools.iter().filter(|spool| spool.failures > 0).max_by_key(|spool| spool.failures) {
        Some(failing) => tracing::warn!("{}", trouble(failing)),
        None if lost > 0 => tracing::warn!(delivered, spooled, lost, "telemetry was lost"),
        None if spooled > 0 => tracing::debug!(spooled, "telemetry is on disk for its delivery"),
        None => tracing::debug!(delivered, "telemetry is delivered"),
    }
}

fn trouble(spool: &SpoolStatus) -> String {
    let since = match spool.last_success {
        Some(ago) => format!("last success {} s ago", ago.as_secs()),
        None => "never a success".to_owned(),
    };
    let next = spool
        .waiting
        .map_or("next try with the next command".to_owned(), |wait| format!("next try in {} s", wait.as_secs().max(1)));
    format!(
        "telemetry is not delivered to {}: {} failed requests in a row, {since}, {next}; {} items wait on disk, see `todo \
         telemetry status`",
        spool.endpoint,
        spool.failures,
        spool.items.iter().sum::<u64>(),
    )
}
