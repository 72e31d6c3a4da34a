//! Diagnostics of the SDK and of the runtime: lines on standard error at their own level, rate-limited, never exported.

use opentelemetry::logs::Severity;
use tracing_core::{Event, Level, LevelFilter};

use super::{
    fields::record_of,
    pipeline::Pipeline,
    record::{Record, Span, level_of},
    slot,
};
use crate::config;

/// Expected: the exporters look at a compression variable that the gate has taken over, the logger's name is the record's
/// target, the provider goes with the pipeline, the global providers are set by the start.
const HIDDEN: [&str; 5] = [
    "Exporter.Config.InvalidEnvironmentVariable",
    "LoggerNameEmpty",
    "LoggerProvider.Drop",
    "TracerProvider.GlobalSet",
    "MeterProvider.GlobalSet",
];

pub(crate) fn level(filter: config::LevelFilter) -> LevelFilter {
    match filter {
        config::LevelFilter::Off => LevelFilter::OFF,
        config::LevelFilter::Error => LevelFilter::ERROR,
        config::LevelFilter::Warn => LevelFilter::WARN,
        config::LevelFilter::Info => LevelFilter::INFO,
        config::LevelFilter::Debug => LevelFilter::DEBUG,
        config::LevelFilter::Trace => LevelFilter::TRACE,
    }
}

pub(crate) fn wants(pipeline: &Pipeline, event_level: &Level) -> bool {
    *event_level <= level(pipeline.self_log_level)
}

/// An event of the SDK.
pub(crate) fn event(pipeline: &Pipeline, event: &Event<'_>) {
    let metadata = event.metadata();
    if HIDDEN.contains(&metadata.name()) || !wants(pipeline, metadata.level()) {
        return;
    }
    pipeline.self_log(|| record_of(event, &pipeline.limits));
}

/// A line of the runtime about itself, such as the start and the end of a loss. `what` is constant text that serves as
/// the rate limit's key.
pub(crate) fn say(severity: Severity, what: &'static str, details: &str) {
    let Some(pipeline) = slot::current() else { return };
    if !wants(&pipeline, &level_of(severity)) {
        return;
    }
    pipeline.self_log(|| {
        let message = if details.is_empty() { what.to_owned() } else { format!("{what}: {details}") };
        let mut record = Record::new(severity, env!("CARGO_CRATE_NAME"), message).span(Span::None);
        record.site = what.as_ptr().addr();
        record
    });
}
