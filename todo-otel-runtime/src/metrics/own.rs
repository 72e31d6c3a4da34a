//! What the runtime says about itself: `otel.sdk.*` by the conventions, and its own `{app}.telemetry.*`, whose names begin
//! with the program's.

use super::{counter, gauge, histogram, up_down_counter};

counter! {
    /// Spans that were begun, recorded or not: origin of the parent (`none`, `local`, `remote`) and sampling result (`DROP`,
    /// `RECORD_ONLY`, `RECORD_AND_SAMPLE`).
    pub(crate) static SPAN_STARTED: u64 = "otel.sdk.span.started", unit = "{span}",
        description = "Spans that were begun.",
        labels = { "otel.span.parent.origin": &'static str, "otel.span.sampling_result": &'static str };
    /// Log records that were made.
    pub(crate) static LOG_CREATED: u64 = "otel.sdk.log.created", unit = "{log_record}",
        description = "Log records that were made.";
    /// Spans that a processor is done with; `error.type` when they were lost there.
    pub(crate) static SPAN_PROCESSED: u64 = "otel.sdk.processor.span.processed", unit = "{span}",
        description = "Spans that a processor is done with.",
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Log records that a processor is done with.
    pub(crate) static LOG_PROCESSED: u64 = "otel.sdk.processor.log.processed", unit = "{log_record}",
        description = "Log records that a processor is done with.",
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Spans that an exporter is done with; once per operation.
    pub(crate) static SPAN_EXPORTED: u64 = "otel.sdk.exporter.span.exported", unit = "{span}",
        description = "Spans that the receiver has answered for, or that were given up.",
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Log records that an exporter is done with.
    pub(crate) static LOG_EXPORTED: u64 = "otel.sdk.exporter.log.exported", unit = "{log_record}",
        description = "Log records that the receiver has answered for, or that were given up.",
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Data points that an exporter is done with.
    pub(crate) static POINT_EXPORTED: u64 = "otel.sdk.exporter.metric_data_point.exported", unit = "{data_point}",
        description = "Data points that the receiver has answered for, or that were given up.",
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Items that were lost, or left out by a decision.
    pub(crate) static DROPPED: u64 = "{app}.telemetry.dropped", unit = "{item}",
        description = "Items that were lost, or left out by a decision.",
        labels = { "{app}.telemetry.signal": &'static str, "{app}.telemetry.reason": &'static str };
    /// Items that a receiver has taken.
    pub(crate) static DELIVERED: u64 = "{app}.telemetry.delivered", unit = "{item}",
        description = "Items that a receiver has taken.", labels = { "{app}.telemetry.signal": &'static str };
    /// Runs that ended without their end.
    pub(crate) static RUNS_UNCLEAN: u64 = "{app}.telemetry.runs.unclean", unit = "{run}",
        description = "Runs that were killed.";
}

up_down_counter! {
    /// Spans that were begun and not ended.
    pub(crate) static SPAN_LIVE: i64 = "otel.sdk.span.live", unit = "{span}",
        description = "Spans that are running.", labels = { "otel.span.sampling_result": &'static str };
    /// Spans that wait in a processor.
    pub(crate) static SPAN_QUEUE_SIZE: i64 = "otel.sdk.processor.span.queue.size", unit = "{span}",
        description = "Spans that wait in a processor.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
    /// Spans that a processor can hold.
    pub(crate) static SPAN_QUEUE_CAPACITY: i64 = "otel.sdk.processor.span.queue.capacity", unit = "{span}",
        description = "Spans that a processor can hold.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
    /// Log records that wait in a processor.
    pub(crate) static LOG_QUEUE_SIZE: i64 = "otel.sdk.processor.log.queue.size", unit = "{log_record}",
        description = "Log records that wait in a processor.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
    /// Log records that a processor can hold.
    pub(crate) static LOG_QUEUE_CAPACITY: i64 = "otel.sdk.processor.log.queue.capacity", unit = "{log_record}",
        description = "Log records that a processor can hold.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
}

gauge! {
    /// Bytes in the spool.
    pub(crate) static SPOOL_SIZE: i64 = "{app}.telemetry.spool.size", unit = "By",
        description = "Bytes that wait on disk.";
    /// Age of the oldest unsent item.
    pub(crate) static EXPORT_AGE: f64 = "{app}.telemetry.export.age", unit = "s",
        description = "Age of the oldest item that was not sent.";
    /// When a receiver last took something, in seconds since 1970.
    pub(crate) static LAST_SUCCESS: f64 = "{app}.telemetry.last_success.time", unit = "s",
        description = "When a receiver last took something, in seconds since 1970.";
    /// Destinations that are not asked at the moment.
    pub(crate) static BREAKER_OPEN: i64 = "{app}.telemetry.breaker.open", unit = "{destination}",
        description = "Destinations that are left alone because they failed.";
}

histogram! {
    /// Time of one export, retries included.
    pub(crate) static EXPORT_DURATION: f64 = "otel.sdk.exporter.operation.duration", unit = "s",
        description = "Time of one export.",
        buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>
        };
    /// Time of one collection of all metrics.
    pub(crate) static COLLECTION_DURATION: f64 = "otel.sdk.metric_reader.collection.duration", unit = "s",
        description = "Time of one collection of all metrics.",
        buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
}

/// Feeds the gauges of the spools at each collection: a service tells for all processes that share its state directory.
#[cfg(feature = "otlp")]
pub(crate) fn watch_spools(config: &crate::Config) {
    let config = config.clone();
    super::observe(move |o| {
        let Ok(spools) = crate::deliver::status(&config) else { return };
        let oldest = spools.iter().filter_map(|spool| spool.oldest).max().unwrap_or_default();
        o.set(&SPOOL_SIZE, spools.iter().map(|spool| spool.bytes).sum::<u64>() as i64, ());
        o.set(&EXPORT_AGE, oldest.as_secs_f64(), ());
        o.set(&BREAKER_OPEN, spools.iter().filter(|spool| spool.waiting.is_some()).count() as i64, ());
        if let Some(since) = spools.iter().filter_map(|spool| spool.last_success).min() {
            let at = std::time::SystemTime::now() - since;
            let unix = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            o.set(&LAST_SUCCESS, unix.as_secs_f64(), ());
        }
    });
}

/// Feeds the counts of delivery at each collection. Where nothing was lost nothing is shown.
#[cfg(feature = "otlp")]
pub(crate) fn watch(delivery: crate::deliver::Delivery) {
    use crate::config::Signal;
    super::observe(move |o| {
        let counts = delivery.counts();
        for dropped in counts.dropped.iter().filter(|dropped| dropped.items > 0) {
            o.total(&DROPPED, dropped.items, (dropped.signal.as_str(), dropped.reason.as_str()));
        }
        for signal in Signal::ALL {
            let delivered = counts.delivered[signal as usize];
            if delivered > 0 {
                o.total(&DELIVERED, delivered, (signal.as_str(),));
            }
        }
        let Some(health) = delivery.health() else { return };
        o.set(&SPOOL_SIZE, i64::try_from(health.spool_bytes).unwrap_or(i64::MAX), ());
        o.set(&EXPORT_AGE, health.export_age, ());
        o.set(&BREAKER_OPEN, i64::try_from(health.open).unwrap_or(i64::MAX), ());
        if health.last_success > 0.0 {
            o.set(&LAST_SUCCESS, health.last_success, ());
        }
        if health.unclean > 0 {
            o.total(&RUNS_UNCLEAN, health.unclean, ());
        }
    });
}
