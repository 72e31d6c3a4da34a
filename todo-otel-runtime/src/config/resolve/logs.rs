//! Logs: filters, limits, batches. What the terminal shows is settled by the flags.

use std::{io::IsTerminal as _, time::Duration};

use crate::{
    config::{
        LogsConfig, Role,
        source::Layers,
        value::{millis, number, one_of},
    },
    logs::Vocabulary,
};

use super::{
    private_boolean,
    traces::{any_u32, batch_size, general_count, general_length},
};

pub(super) fn resolve(layers: &mut Layers, role: Role) -> LogsConfig {
    let max_queue_size = layers.parse("OTEL_BLRP_MAX_QUEUE_SIZE", |t| number(t, 1..=usize::MAX)).unwrap_or(2048);
    let filter = layers.parse("{APP}_LOG_LEVEL", filter).unwrap_or_else(|| "info".to_owned());
    let count = general_count(layers).unwrap_or(128);
    let length =
        layers.parse("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", any_u32).or_else(|| general_length(layers));
    let exceptions = [("logs", false), ("logs/dup", true)];
    let user_context = match role {
        _ if layers.plain("CI").is_some() => "ci",
        Role::Cli => "cli_user",
        Role::Service => "worker",
    };
    LogsConfig {
        enabled: private_boolean(layers, "{APP}_ENABLE_LOGS"),
        exporters: Vec::new(),
        console_filter: filter.clone(),
        filter,
        sample: layers.parse("{APP}_LOG_SAMPLE_RATE", |t| number(t, 0.0..=1.0)).unwrap_or(1.0),
        attributes: layers.parse("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", any_u32).unwrap_or(count),
        value_length: length.unwrap_or(4096),
        value_length_set: length.is_some(),
        value_depth: 64,
        user_context: user_context.to_owned(),
        events_to_span_events: true,
        console: None,
        span_events: false,
        color: layers.plain("NO_COLOR").is_none_or(str::is_empty) && std::io::stderr().is_terminal(),
        vocabulary: Vocabulary::EMPTY,
        exceptions_as_span_events: layers
            .parse("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", |text| one_of(text, &exceptions))
            .unwrap_or(false),
        schedule_delay: layers.parse("OTEL_BLRP_SCHEDULE_DELAY", millis).unwrap_or(Duration::from_secs(1)),
        max_queue_size,
        max_export_batch_size: batch_size(layers, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", max_queue_size),
    }
}

/// Everything at DEBUG; what `configured` says of single targets stays.
pub(super) fn debug(configured: &str) -> String {
    let named = configured.split(',').map(str::trim).filter(|part| part.contains(['=', '[']));
    std::iter::once("debug").chain(named).collect::<Vec<_>>().join(",")
}

/// A level in any case, or directives. A lone word that is no level would silently be taken for a target.
pub(super) fn filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let expected = || "expected TRACE, DEBUG, INFO, WARN, ERROR or directives such as info,app=debug".to_owned();
    let lower = text.to_ascii_lowercase();
    if LEVELS.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let plausible = text
        .split(',')
        .map(str::trim)
        .all(|part| part.contains(['=', '[']) || LEVELS.contains(&part.to_ascii_lowercase().as_str()));
    if !plausible || tracing_subscriber::EnvFilter::builder().parse(text).is_err() {
        return Err(expected());
    }
    Ok(text.to_owned())
}
