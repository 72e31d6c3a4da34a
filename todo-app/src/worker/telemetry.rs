//! The messaging metrics of the queue, for those who enqueue and for the worker. Spans carry their attributes themselves.

use std::time::Duration;

use todo_otel_runtime::metrics::{counter, histogram};

const SYSTEM: &str = "todo.job_queue";
const DESTINATION: &str = "enrichment";

const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

counter! {
    static SENT: u64 = "messaging.client.sent.messages", unit = "{message}", labels = {
        "messaging.operation.name": &'static str, "messaging.system": &'static str,
        "messaging.destination.name": &'static str, "error.type": Option<&'static str>
    };
    static CONSUMED: u64 = "messaging.client.consumed.messages", unit = "{message}", labels = {
        "messaging.operation.name": &'static str, "messaging.system": &'static str,
        "messaging.destination.name": &'static str, "error.type": Option<&'static str>
    };
}

histogram! {
    static OPERATION: f64 = "messaging.client.operation.duration", unit = "s", buckets = BOUNDS, labels = {
        "messaging.operation.name": &'static str, "messaging.system": &'static str,
        "messaging.destination.name": &'static str, "error.type": Option<&'static str>
    };
    static PROCESS: f64 = "messaging.process.duration", unit = "s", buckets = BOUNDS, labels = {
        "messaging.operation.name": &'static str, "messaging.system": &'static str,
        "messaging.destination.name": &'static str, "error.type": Option<&'static str>
    };
}

/// One job was to be enqueued; `error` is why it was not.
pub(crate) fn sent(took: Duration, error: Option<&'static str>) {
    let labels = ("enqueue", SYSTEM, DESTINATION, error);
    SENT.add(1, labels);
    OPERATION.record(took.as_secs_f64(), labels);
}

/// This many jobs were leased at once.
pub(super) fn consumed(jobs: usize, took: Duration) {
    let labels = ("poll", SYSTEM, DESTINATION, None);
    CONSUMED.add(u64::try_from(jobs).unwrap_or(u64::MAX), labels);
    OPERATION.record(took.as_secs_f64(), labels);
}

/// One job was done, or failed with `error`.
pub(super) fn processed(took: Duration, error: Option<&'static str>) {
    PROCESS.record(took.as_secs_f64(), ("process", SYSTEM, DESTINATION, error));
}
