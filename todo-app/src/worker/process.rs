//! One job: enrich while the lease is renewed, store what came of it, or say why not. Not here: when jobs are taken.

use std::{sync::Arc, time::Duration};

use todo_otel_runtime::{
    config::JobContext,
    propagation::{JobCarrier, RemoteContext},
    traced,
};

use super::blocking;
use crate::{
    analysis,
    app::Clock,
    domain::EnrichmentMode,
    enrich::{self, Enricher},
    error::{Error, Result},
    store::{Job, JobOutcome, Store, StoreError, TraceContext},
};

/// What every job needs.
pub(super) struct Crew {
    pub(super) store: Store,
    pub(super) enricher: Enricher,
    pub(super) clock: Clock,
    /// Names the worker in the leases.
    pub(super) owner: String,
    /// How long a job stays with a worker that says nothing.
    pub(super) lease: Duration,
    /// How a job's trace relates to that of the command.
    pub(super) context: JobContext,
}

/// Does a leased job. Its failure is stored with it and is the error of the span.
#[traced(
    name = "process enrichment",
    kind = consumer,
    parent = (crew.context == JobContext::Parent).then(|| origin(job)).flatten(),
    link = (crew.context == JobContext::Link).then(|| origin(job)).flatten(),
    attributes(
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment",
        messaging.message.id = &job.message_id,
        messaging.client.id = &job.owner,
        todo.job.attempt = job.attempt,
        todo.job.queue_time = job.waited.as_secs_f64(),
        todo.id = job.todo.id
    )
)]
pub(super) async fn process(crew: &Crew, job: &Job) -> Result<()> {
    let error = tokio::select! {
        done = enrich(crew, job) => match done {
            Ok(()) => return Ok(()),
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => error,
        },
        () = renew(crew, job) => return Err(StoreError::LeaseLost.into()),
    };
    let (retry, pause) = match &error {
        Error::Enrich(error) => (error.retryable(), error.retry_after()),
        _ => (false, None),
    };
    let failed = JobOutcome::Failed { error: error.to_string(), retry, pause };
    blocking(|| crew.store.finish_job(job, &failed, crew.clock.now()))?;
    Err(error)
}

async fn enrich(crew: &Crew, job: &Job) -> Result<()> {
    let Crew { store, enricher, clock, .. } = crew;
    let request =
        analysis::request(&job.todo, clock.today(), EnrichmentMode::Background, format!("todo-job-{}", job.id));
    enrich::analyze(enricher, store, &request, async |enrichment| {
        let outcome = JobOutcome::Done(analysis::to_store(&job.todo, EnrichmentMode::Background, &enrichment));
        let stored = blocking(|| store.finish_job(job, &outcome, clock.now()))?;
        analysis::offered(&stored.ok_or(StoreError::LeaseLost)?);
        Ok::<_, Error>(())
    })
    .await
    .map(drop)
}

/// Keeps the lease; ends when it went to another worker. A database that cannot be asked is asked again.
async fn renew(crew: &Crew, job: &Job) {
    loop {
        tokio::time::sleep(crew.lease / 3).await;
        if let Ok(false) = blocking(|| crew.store.renew_job(job, crew.lease, crew.clock.now())) {
            return;
        }
    }
}

/// Where the job was enqueued, if what its row says is valid.
pub(super) fn origin(job: &Job) -> Option<RemoteContext> {
    let TraceContext { traceparent, tracestate, baggage } = job.context.clone();
    JobCarrier { traceparent, tracestate, baggage }.context()
}

/// Gives jobs back that do not end in time, as if they had never been taken.
pub(super) fn release(crew: &Crew, jobs: impl Iterator<Item = Arc<Job>>) {
    for job in jobs {
        if blocking(|| crew.store.finish_job(&job, &JobOutcome::Released, crew.clock.now())).is_err() {
            tracing::warn!("messaging.message.id" = job.message_id, "a job could not be released; its lease runs out");
        }
    }
}
