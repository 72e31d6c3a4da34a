//! The queue of enrichments that a worker does. A job is leased, not taken: who does not finish in time loses it, and
//! what a late worker brings changes nothing.

use std::time::Duration;

use diesel::prelude::*;
use jiff::Timestamp;
use todo_otel_runtime::{db_span, traced};

use super::{Conn, NewEnrichment, Store, StoreError, conn::OrIgnore, schema::jobs, suggestions, todos as todo_rows};
use crate::domain::{Suggestion, Todo};

/// After so many attempts a job is dead.
pub const MAX_ATTEMPTS: i32 = 5;

/// A job to be enqueued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewJob {
    /// Enqueuing the same key twice gives one job.
    pub key: String,
    /// Where it comes from.
    pub context: TraceContext,
}

/// W3C trace context of the command that enqueued a job; untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`
    pub traceparent: Option<String>,
    /// `tracestate`
    pub tracestate: Option<String>,
    /// `baggage`
    pub baggage: Option<String>,
}

/// A leased job with its todo.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Number of the job.
    pub id: i64,
    /// Key it was enqueued with: `messaging.message.id` on both sides.
    pub message_id: String,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Who leased it.
    pub owner: String,
    /// How long it has waited since it could have run.
    pub waited: Duration,
    /// Where it comes from.
    pub context: TraceContext,
    /// The todo as it was when the job was leased.
    pub todo: Todo,
}

/// How a leased job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum JobOutcome {
    /// Store this, the job is done.
    Done(NewEnrichment),
    /// Try again after a pause, or bury it when the attempts are used up or `retry` is false.
    Failed {
        /// Class and message, shown by `todo show`.
        error: String,
        /// Another attempt can help.
        retry: bool,
        /// Shortest pause, when the provider asked for one.
        pause: Option<Duration>,
    },
    /// Give it back untouched: the worker is stopping.
    Released,
}

#[derive(Queryable)]
struct Leased {
    id: i64,
    job_key: String,
    todo_id: i64,
    attempt: i32,
    run_at: i64,
    traceparent: Option<String>,
    tracestate: Option<String>,
    baggage: Option<String>,
}

impl Store {
    /// Enqueues an enrichment of an existing todo; `false` when the key is known already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such todo.
    #[db_span(name = "db.job.enqueue", system = self.system(), operation = "INSERT", collection = "jobs")]
    pub fn enqueue(&self, todo_id: i64, job: &NewJob, now: Timestamp) -> Result<bool, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                todo_rows::one(conn, todo_id)?;
                insert(conn, todo_id, job, now)
            })
        })
    }

    /// Leases up to `count` jobs that are due, oldest first, also those whose lease ran out. Jobs of todos that are
    /// gone or done end here.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.job.claim", system = self.system(), operation = "UPDATE", collection = "jobs", output(todo.count = |jobs| jobs.len()))]
    pub fn claim_jobs(&self, owner: &str, count: i64, lease: Duration, now: Timestamp) -> Result<Vec<Job>, StoreError> {
        let now_ms = now.as_millisecond();
        let lease_until = now_ms.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let expired = jobs::state.eq("running").and(jobs::lease_until.lt(now_ms));
                bury(conn, now_ms)?;
                let due: Vec<i64> = jobs::table
                    .filter(jobs::state.eq("pending").and(jobs::run_at.le(now_ms)).or(expired.assume_not_null()))
                    .order((jobs::run_at, jobs::id))
                    .limit(count)
                    .select(jobs::id)
                    .load(conn)?;
                let leased: Vec<Leased> = diesel::update(jobs::table.filter(jobs::id.eq_any(due)))
                    .set((
                        jobs::state.eq("running"),
                        jobs::owner.eq(owner),
                        jobs::lease_until.eq(lease_until),
                        jobs::attempt.eq(jobs::attempt + 1),
                    ))
                    .returning((
                        jobs::id,
                        jobs::job_key,
                        jobs::todo_id,
                        jobs::attempt,
                        jobs::run_at,
                        jobs::traceparent,
                        jobs::tracestate,
                        jobs::baggage,
                    ))
                    .get_results(conn)?;
                leased.into_iter().map(|row| with_todo(conn, row, owner, now_ms)).collect()
            })
        })
    }

    /// Ends a leased job. What a worker brings after its lease went to another changes nothing and gives `None`.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.job.finish", system = self.system(), operation = "UPDATE", collection = "jobs")]
    pub fn finish_job(
        &self,
        job: &Job,
        outcome: &JobOutcome,
        now: Timestamp,
    ) -> Result<Option<Vec<Suggestion>>, StoreError> {
        let now_ms = now.as_millisecond();
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let mine = jobs::id
                    .eq(job.id)
                    .and(jobs::state.eq("running"))
                    .and(jobs::attempt.eq(job.attempt))
                    .and(jobs::owner.eq(&job.owner).assume_not_null());
                let row = diesel::update(jobs::table.filter(mine));
                let dead = |error: &str| {
                    (
                        jobs::state.eq("dead"),
                        jobs::lease_until.eq(None::<i64>),
                        jobs::last_error.eq(Some(error.to_owned())),
                        jobs::finished_at.eq(Some(now_ms)),
                    )
                };
                let changed = match outcome {
                    JobOutcome::Done(_) => row
                        .set((
                            jobs::state.eq("done"),
                            jobs::lease_until.eq(None::<i64>),
                            jobs::finished_at.eq(Some(now_ms)),
                        ))
                        .execute(conn)?,
                    JobOutcome::Failed { error, retry, pause } => {
                        if *retry && job.attempt < MAX_ATTEMPTS {
                            let wait = backoff(job.attempt).max(pause.unwrap_or_default());
                            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                            row.set((
                                jobs::state.eq("pending"),
                                jobs::lease_until.eq(None::<i64>),
                                jobs::last_error.eq(Some(error)),
                                jobs::run_at.eq(now_ms.saturating_add(wait_ms)),
                            ))
                            .execute(conn)?
                        } else {
                            row.set(dead(error)).execute(conn)?
                        }
                    }
                    JobOutcome::Released => row
                        .set((
                            jobs::state.eq("pending"),
                            jobs::lease_until.eq(None::<i64>),
                            jobs::attempt.eq(jobs::attempt - 1),
                        ))
                        .execute(conn)?,
                };
                match outcome {
                    _ if changed == 0 => Ok(None),
                    JobOutcome::Done(enrichment) => match suggestions::insert(conn, enrichment, now) {
                        // Deleted while the model was thinking: nothing is left to suggest.
                        Err(StoreError::NotFound { .. }) => Ok(Some(Vec::new())),
                        other => other.map(Some),
                    },
                    _ => Ok(Some(Vec::new())),
                }
            })
        })
    }

    /// Keeps a leased job for longer; `false` when it has gone to another worker.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.job.renew", system = self.system(), operation = "UPDATE", collection = "jobs")]
    pub fn renew_job(&self, job: &Job, lease: Duration, now: Timestamp) -> Result<bool, StoreError> {
        let until = now.as_millisecond().saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let mine = jobs::id
                    .eq(job.id)
                    .and(jobs::state.eq("running"))
                    .and(jobs::attempt.eq(job.attempt))
                    .and(jobs::owner.eq(&job.owner).assume_not_null());
                let renewed =
                    diesel::update(jobs::table.filter(mine)).set(jobs::lease_until.eq(until)).execute(conn)?;
                Ok(renewed == 1)
            })
        })
    }

    /// Whether a claim would find something. Asked all the time by an idle worker: counted, but no trace unless it fails.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.job.get", system = self.system(), operation = "SELECT", collection = "jobs")]
    #[traced(root, sample = 0.0)]
    pub fn has_due_jobs(&self, now: Timestamp) -> Result<bool, StoreError> {
        let now_ms = now.as_millisecond();
        self.with(|conn| {
            let expired = jobs::state.eq("running").and(jobs::lease_until.lt(now_ms));
            let due = jobs::state.eq("pending").and(jobs::run_at.le(now_ms)).or(expired.assume_not_null());
            Ok(diesel::select(diesel::dsl::exists(jobs::table.filter(due))).get_result(conn)?)
        })
    }

    /// Jobs that wait, and since when the oldest could run. Asked by collectors: counted, but no trace unless it fails.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.job.get", system = self.system(), operation = "SELECT", collection = "jobs")]
    #[traced(root, sample = 0.0)]
    pub fn pending_jobs(&self) -> Result<(i64, Option<Timestamp>), StoreError> {
        self.with(|conn| {
            let pending = jobs::table.filter(jobs::state.eq("pending"));
            let (count, oldest): (i64, Option<i64>) =
                pending.select((diesel::dsl::count_star(), diesel::dsl::min(jobs::run_at))).first(conn)?;
            Ok((count, oldest.map(super::timestamp)))
        })
    }
}

/// Enqueues inside a transaction of the caller; `false` when the key is known already.
pub(super) fn insert(conn: &mut Conn, todo_id: i64, job: &NewJob, now: Timestamp) -> Result<bool, StoreError> {
    let now_ms = now.as_millisecond();
    let row = (
        jobs::job_key.eq(&job.key),
        jobs::todo_id.eq(todo_id),
        jobs::run_at.eq(now_ms),
        jobs::traceparent.eq(&job.context.traceparent),
        jobs::tracestate.eq(&job.context.tracestate),
        jobs::baggage.eq(&job.context.baggage),
        jobs::created_at.eq(now_ms),
    );
    let inserted = OrIgnore(diesel::insert_into(jobs::table).values(row)).execute(conn)?;
    Ok(inserted == 1)
}

/// Ends jobs that nobody needs any more: their todo is done or deleted, or their last attempt never came back.
fn bury(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE jobs SET state = 'done', finished_at = $1, lease_until = NULL \
         WHERE (state = 'pending' OR state = 'running' AND lease_until < $1) \
         AND (SELECT status FROM todos WHERE todos.id = todo_id) <> 'open'",
    )
    .bind::<diesel::sql_types::BigInt, _>(now_ms)
    .execute(conn)?;
    diesel::update(
        jobs::table
            .filter(jobs::state.eq("running"))
            .filter(jobs::lease_until.lt(now_ms))
            .filter(jobs::attempt.ge(MAX_ATTEMPTS)),
    )
    .set((jobs::state.eq("dead"), jobs::last_error.eq("its worker never came back"), jobs::finished_at.eq(now_ms)))
    .execute(conn)?;
    Ok(())
}

fn with_todo(conn: &mut Conn, row: Leased, owner: &str, now_ms: i64) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.id,
        message_id: row.job_key,
        attempt: row.attempt,
        owner: owner.to_owned(),
        waited: Duration::from_millis(u64::try_from(now_ms - row.run_at).unwrap_or(0)),
        context: TraceContext { traceparent: row.traceparent, tracestate: row.tracestate, baggage: row.baggage },
        todo: todo_rows::one(conn, row.todo_id)?,
    })
}

/// 30 s doubling: 30 s, 1 min, 2 min, 4 min.
fn backoff(attempt: i32) -> Duration {
    Duration::from_secs(30) * 2_u32.saturating_pow(u32::try_from(attempt - 1).unwrap_or(0).min(6))
}
