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
    /// Spans that an exporter has and that nobody has answered for.
    pub(crate) static SPAN_INFLIGHT: i64 = "otel.sdk.exporter.span.inflight", unit = "{span}",
        description = "Spans on their way.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
    /// Log records that an exporter has and that nobody has answered for.
    pub(crate) static LOG_INFLIGHT: i64 = "otel.sdk.exporter.log.inflight", unit = "{log_record}",
        description = "Log records on their way.",
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
    /// Data points that an exporter has and that nobody has answered for.
    pub(crate) static POINT_INFLIGHT: i64 = "otel.sdk.exporter.metric_data_point.inflight", unit = "{data_point}",
        description = "Data points on their way.",
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
    /// Time of one request to a receiver.
    pub(crate) static EXPORT_DURATION: f64 = "otel.sdk.exporter.operation.duration", unit = "s",
        description = "Time of one export.",
        buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        labels = {
            "otel.component.type": &'static str, "otel.component.name": &'static str, "error.type": Option<&'static str>,
            "http.response.status_code": Option<super::Code>
        };
    /// Time of one collection of all metrics.
    pub(crate) static COLLECTION_DURATION: f64 = "otel.sdk.metric_reader.collection.duration", unit = "s",
        description = "Time of one collection of all metrics.",
        buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        labels = { "otel.component.type": &'static str, "otel.component.name": &'static str };
}

/// Feeds the counts of delivery at each collection. A service shows every kind of loss from its start, at 0: a series that
/// begins with its first loss would hide that loss from `increase()`. A command shows what it lost.
#[cfg(feature = "otlp")]
pub(crate) fn watch(config: &crate::Config, delivery: crate::deliver::Delivery) {
    use crate::{config::Signal, deliver::Reason};
    let protocols = [0, 1, 2].map(|signal: usize| config.otlp[signal].protocol);
    let seeded = config.role == crate::Role::Service;
    super::observe_as("delivery", move |o| {
        let counts = delivery.counts();
        for dropped in counts.dropped.iter().filter(|dropped| dropped.items > 0) {
            o.total(&DROPPED, dropped.items, (dropped.signal.as_str(), dropped.reason.as_str()));
        }
        for signal in Signal::ALL {
            let at = signal as usize;
            let (kind, name) = exporter(signal, protocols[at]);
            let counted =
                |reason| counts.dropped.iter().any(|d| d.items > 0 && (d.signal, d.reason) == (signal, reason));
            for reason in Reason::ALL.into_iter().filter(|reason| seeded && reason.is_loss() && !counted(*reason)) {
                o.total(&DROPPED, 0, (signal.as_str(), reason.as_str()));
            }
            let refused = counts.dropped.iter().find(|d| d.signal == signal && d.reason == Reason::Rejected);
            let (exported, inflight) = match signal {
                Signal::Traces => (&SPAN_EXPORTED, &SPAN_INFLIGHT),
                Signal::Metrics => (&POINT_EXPORTED, &POINT_INFLIGHT),
                Signal::Logs => (&LOG_EXPORTED, &LOG_INFLIGHT),
            };
            if counts.delivered[at] > 0 {
                o.total(&DELIVERED, counts.delivered[at], (signal.as_str(),));
                o.total(exported, counts.delivered[at], (kind, name, None));
            }
            if let Some(refused) = refused {
                o.total(exported, refused.items, (kind, name, Some("rejected")));
            }
            o.level(inflight, counts.waiting[at] as i64, (kind, name));
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

/// Component type and name of the exporter of a signal.
#[cfg(feature = "otlp")]
fn exporter(signal: crate::config::Signal, protocol: crate::config::Protocol) -> (&'static str, &'static str) {
    use crate::config::{Protocol::*, Signal::*};
    match (signal, protocol) {
        (Traces, HttpProtobuf) => ("otlp_http_span_exporter", "otlp_http_span_exporter/0"),
        (Traces, Grpc) => ("otlp_grpc_span_exporter", "otlp_grpc_span_exporter/0"),
        (Metrics, HttpProtobuf) => ("otlp_http_metric_exporter", "otlp_http_metric_exporter/0"),
        (Metrics, Grpc) => ("otlp_grpc_metric_exporter", "otlp_grpc_metric_exporter/0"),
        (Logs, HttpProtobuf) => ("otlp_http_log_exporter", "otlp_http_log_exporter/0"),
        (Logs, Grpc) => ("otlp_grpc_log_exporter", "otlp_grpc_log_exporter/0"),
    }
}

/// One request to a receiver is over; without a status there was no answer.
#[cfg(feature = "otlp")]
pub(crate) fn requested(
    signal: crate::config::Signal,
    protocol: crate::config::Protocol,
    (status, failure): (Option<u16>, Option<&'static str>),
    took: std::time::Duration,
) {
    let (kind, name) = exporter(signal, protocol);
    EXPORT_DURATION.record(took.as_secs_f64(), (kind, name, failure, status.map(super::Code)));
}

const SPAN_PROCESSOR: (&str, &str) = ("batching_span_processor", "batching_span_processor/0");
const LOG_PROCESSOR: (&str, &str) = ("batching_log_processor", "batching_log_processor/0");

/// Feeds the counts of recorder, collector and log queue at each collection. Spans are counted when they end. Spans that
/// the head decision dropped are not counted, as counting one would cost more than dropping it.
pub(crate) fn watch_recording(config: &crate::Config, spans: crate::collect::Handle, logs: crate::logs::Handle) {
    let capacities = (config.traces.max_queue_size as i64, config.logs.max_queue_size as i64);
    super::observe_as("recording", move |o| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(10);
        if let Some(counts) = spans.counts(deadline) {
            for (origin, by_decision) in ["none", "local", "remote"].into_iter().zip(counts.started) {
                for (decision, items) in ["RECORD_ONLY", "RECORD_AND_SAMPLE"].into_iter().zip(by_decision) {
                    if items > 0 {
                        o.total(&SPAN_STARTED, items, (origin, decision));
                    }
                }
            }
            let (kind, name) = SPAN_PROCESSOR;
            let handled = counts.exported + counts.failed + counts.panicked + counts.deadline;
            o.total(&SPAN_PROCESSED, handled, (kind, name, None));
            if counts.queue_full > 0 {
                o.total(&SPAN_PROCESSED, counts.queue_full, (kind, name, Some("queue_full")));
            }
            let waiting = counts.ended.saturating_sub(handled + counts.queue_full + counts.sampled);
            o.level(&SPAN_QUEUE_SIZE, waiting as i64, SPAN_PROCESSOR);
            o.level(&SPAN_QUEUE_CAPACITY, capacities.0, SPAN_PROCESSOR);
        }
        let counts = logs.counts();
        let (kind, name) = LOG_PROCESSOR;
        o.total(&LOG_CREATED, counts.emitted, ());
        o.total(&LOG_PROCESSED, counts.exported + counts.failed + counts.panicked, (kind, name, None));
        for (items, reason) in [(counts.queue_full, "queue_full"), (counts.shutdown, "already_shutdown")] {
            if items > 0 {
                o.total(&LOG_PROCESSED, items, (kind, name, Some(reason)));
            }
        }
        o.level(&LOG_QUEUE_SIZE, counts.waiting as i64, LOG_PROCESSOR);
        o.level(&LOG_QUEUE_CAPACITY, capacities.1, LOG_PROCESSOR);
    });
}
