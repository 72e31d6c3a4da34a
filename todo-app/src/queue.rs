//! Leaves enrichments to the worker. The context of the command travels in the job's row, written in the transaction
//! that makes the job.

use std::time::Instant;

use jiff::Timestamp;
use todo_otel_runtime::{ErrorClass, propagation::JobCarrier, traced};

use crate::{
    domain::{NewTodo, Todo},
    error::Result,
    store::{NewJob, Store, StoreError, TraceContext},
    worker::telemetry,
};

/// Stores a todo together with the job that is to enrich it.
///
/// # Errors
/// As [`Store::create`]; on an error neither is stored.
#[traced(
    name = "enqueue enrichment",
    kind = producer,
    attributes(
        messaging.operation.name = "enqueue",
        messaging.operation.type = "send",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment",
        messaging.message.id = &new.uuid
    )
)]
pub fn create(store: &Store, new: &NewTodo, now: Timestamp) -> Result<Todo> {
    let job = NewJob { key: new.uuid.clone(), context: context() };
    timed(|| store.create(new, Some(&job), now))
}

/// Enqueues the enrichment of an existing todo; a todo that changed since is another job.
///
/// # Errors
/// As [`Store::enqueue`].
#[traced(
    name = "enqueue enrichment",
    kind = producer,
    attributes(
        messaging.operation.name = "enqueue",
        messaging.operation.type = "send",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment",
        todo.id = todo.id
    )
)]
pub fn enqueue(store: &Store, todo: &Todo, now: Timestamp) -> Result<bool> {
    // Asking again within a minute is the same question.
    let key = format!("{}/{}/{}", todo.uuid, todo.version, now.as_millisecond() / 60_000);
    todo_otel_runtime::set_attribute("messaging.message.id", &key);
    timed(|| store.enqueue(todo.id, &NewJob { key, context: context() }, now))
}

fn timed<T>(send: impl FnOnce() -> Result<T, StoreError>) -> Result<T> {
    let started = Instant::now();
    let sent = send();
    telemetry::sent(started.elapsed(), sent.as_ref().err().map(ErrorClass::class));
    Ok(sent?)
}

/// The current span as W3C text.
fn context() -> TraceContext {
    let JobCarrier { traceparent, tracestate, baggage } = JobCarrier::current();
    TraceContext { traceparent, tracestate, baggage }
}
