//! The long-running process: leases jobs, enriches, stores, stops on a signal. Not here: what an enrichment is.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use todo_otel_runtime::{
    ErrorClass,
    propagation::{JobCarrier, RemoteContext},
    traced,
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::JoinSet,
};

use crate::{
    analysis,
    app::{App, Clock},
    domain::EnrichmentMode,
    enrich::{self, Enricher},
    error::{Error, Result},
    names,
    store::{Job, JobOutcome, Store, StoreError, TraceContext},
};

/// How long a worker keeps a job: the whole budget of an enrichment and some time to store it.
const LEASE: Duration = Duration::from_secs(180);

/// Pause when the queue is empty.
const IDLE: Duration = Duration::from_millis(500);

/// How often old suggestions, changes and deleted todos are looked for.
const CLEAN_UP: Duration = Duration::from_secs(3600);

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long jobs that are running may take once the worker is to stop.
const GRACE: Duration = Duration::from_secs(4);

/// Runs until a signal comes in or, with `once`, until the queue is empty.
///
/// # Errors
/// [`Error::WorkerRunning`] when another worker holds the database.
pub fn run(app: &mut App, concurrency: usize, once: bool) -> Result<()> {
    let store = app.store()?.clone();
    let _lock = store.path().map(lock).transpose()?;
    // Made anew, as the app keeps its own: a worker hands it to several tasks.
    let enricher = Arc::new(app.new_enricher()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(concurrency.min(4))
        .enable_all()
        .build()
        .map_err(|source| Error::Io { action: "starting the worker".into(), source })?;
    watch(&store, app.clock.clone());
    tracing::info!(name: "worker.started", "worker started");
    if !once {
        app.out.note("Waiting for jobs; Ctrl-C stops.");
    }
    let result = runtime.block_on(serve(app, &store, &enricher, concurrency, once));
    runtime.shutdown_timeout(Duration::from_millis(100));
    tracing::info!(name: "worker.stopped", "worker stopped");
    result
}

async fn serve(app: &App, store: &Store, enricher: &Arc<Enricher>, concurrency: usize, once: bool) -> Result<()> {
    let owner = format!("{}-{}", app.process.pid, uuid::Uuid::new_v4());
    let mut running: JoinSet<Result<(), StoreError>> = JoinSet::new();
    let mut clean_up_at = Instant::now();
    let mut idle_until = tokio::time::Instant::now();
    while app.signals.received().is_none() {
        while let Some(ended) = running.try_join_next() {
            report(ended);
        }
        let free = concurrency - running.len();
        if free > 0 && tokio::time::Instant::now() >= idle_until {
            let jobs = blocking(|| match store.has_due_jobs(app.clock.now())? {
                true => poll(store, &owner, free, app.clock.now()),
                false => Ok(Vec::new()),
            });
            let jobs = match jobs {
                Ok(jobs) => jobs,
                // Somebody else is busy with the file; the next round finds the same jobs.
                Err(StoreError::Locked) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            if jobs.is_empty() {
                if once && running.is_empty() {
                    return Ok(());
                }
                idle_until = tokio::time::Instant::now() + IDLE;
            }
            for job in jobs {
                let (store, enricher, clock) = (store.clone(), Arc::clone(enricher), app.clock.clone());
                running.spawn(async move { process(&store, &enricher, &clock, &job).await });
            }
        }
        if Instant::now() >= clean_up_at {
            clean_up_at = Instant::now() + CLEAN_UP;
            if let Err(error) = blocking(|| clean_up(store, app.clock.now())) {
                report(Ok(Err(error)));
            }
        }
        tokio::time::sleep(TICK).await;
    }
    // What does not end in time is dropped with its lease; another worker takes it over.
    let _ = tokio::time::timeout(GRACE, async {
        while let Some(ended) = running.join_next().await {
            report(ended);
        }
    })
    .await;
    Ok(())
}

/// Leases what is due. An idle queue makes no span: it is not asked.
#[traced(
    name = "poll enrichment",
    kind = client,
    root,
    attributes(
        messaging.operation.name = "poll",
        messaging.operation.type = "receive",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment"
    ),
    output(messaging.batch.message_count = |jobs| (jobs.len() > 1).then_some(jobs.len()))
)]
fn poll(store: &Store, owner: &str, count: usize, now: Timestamp) -> Result<Vec<Job>, StoreError> {
    let jobs = store.claim_jobs(owner, i64::try_from(count).unwrap_or(i64::MAX), LEASE, now)?;
    for context in jobs.iter().filter_map(job_context) {
        todo_otel_runtime::add_link(&context);
    }
    Ok(jobs)
}

/// Lets old suggestions expire and forgets what nobody can take back any more.
#[traced(name = "worker.cleanup.run", root, output(todo.count = |gone| *gone))]
fn clean_up(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    store.expire_suggestions(now)?;
    store.clean_up(now)
}

/// Tells the scrape page how long queue and list are, and `/readyz` whether the database answers. Looked at every few
/// seconds at most, however often somebody asks.
fn watch(store: &Store, clock: Clock) {
    let seen = Mutex::new((None::<Instant>, (0, None), (0, 0)));
    let store_seen = store.clone();
    todo_otel_runtime::metrics::observe(move |observer| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0.is_none_or(|at| at.elapsed() > Duration::from_secs(5))
            && let Ok(pending) = store_seen.pending_jobs()
            && let Ok(standing) = store_seen.standing(clock.today())
        {
            *seen = (Some(Instant::now()), pending, standing);
        }
        let (count, oldest) = seen.1;
        let age = oldest.map_or(0.0, |since| (clock.now().duration_since(since)).as_secs_f64().max(0.0));
        observer.set(&names::JOBS_PENDING, count, ("enrichment",));
        observer.set(&names::JOBS_OLDEST_AGE, age, ("enrichment",));
        observer.set(&names::TODOS_OPEN, seen.2.0, ());
        observer.set(&names::TODOS_OVERDUE, seen.2.1, ());
    });
    let store = store.clone();
    todo_otel_runtime::metrics::serve::readiness("database", move || match store.pending_jobs() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
}

/// One job: enrich, store, or say why not.
#[traced(
    name = "process enrichment",
    kind = consumer,
    root,
    link = job_context(job),
    attributes(
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment",
        messaging.message.id = &job.message_id,
        todo.job.attempt = job.attempt,
        todo.job.queue_time = clock.now().duration_since(job.run_at).as_secs_f64().max(0.0),
        todo.id = job.todo.id
    )
)]
async fn process(store: &Store, enricher: &Enricher, clock: &Clock, job: &Job) -> Result<(), StoreError> {
    let started = Instant::now();
    let done = work(store, enricher, clock, job).await;
    let error = done.as_ref().map_or_else(|error| Some(error.class()), |failed| *failed);
    let labels = ("process", "todo.job_queue", "enrichment", error);
    names::JOB_DURATION.record(started.elapsed().as_secs_f64(), labels);
    done.map(drop)
}

/// The class of what went wrong with the enrichment; the job's row says what becomes of it.
async fn work(
    store: &Store,
    enricher: &Enricher,
    clock: &Clock,
    job: &Job,
) -> Result<Option<&'static str>, StoreError> {
    let request =
        analysis::request(&job.todo, clock.today(), EnrichmentMode::Background, format!("todo-job-{}", job.id));
    let analysed = enrich::analyze(enricher, store, &request, async |enrichment| {
        let outcome = JobOutcome::Done(analysis::to_store(&job.todo, EnrichmentMode::Background, &enrichment));
        let stored = blocking(|| store.finish_job(job, &outcome, clock.now()))?;
        analysis::offered(stored.as_deref().unwrap_or_default());
        Ok::<_, Error>(())
    });
    let error = match analysed.await {
        Ok(_) => return Ok(None),
        Err(Error::Store(error)) => return Err(error),
        Err(error) => error,
    };
    let (retry, pause) = match &error {
        Error::Enrich(error) => (error.retryable(), error.retry_after()),
        _ => (false, None),
    };
    let failed = JobOutcome::Failed { error: error.to_string(), retry, pause };
    blocking(|| store.finish_job(job, &failed, clock.now())).map(|_| Some(error.kind()))
}

/// Where the job was enqueued, if what its row says is valid.
fn job_context(job: &Job) -> Option<RemoteContext> {
    let TraceContext { traceparent, tracestate, baggage } = job.context.clone();
    JobCarrier { traceparent, tracestate, baggage }.context()
}

fn report(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("error.type" = error.class(), "a job could not be stored"),
        Err(_) => tracing::error!("error.type" = "panic", "a job ended unexpectedly"),
    }
}

/// Keeps database work off the threads that drive the network, without leaving the current span's thread.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// One worker per database file; the kernel frees the lock when the process ends, however it ends.
fn lock(database: &Path) -> Result<File> {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".worker.lock");
    let path = database.with_file_name(name);
    let action = || format!("opening {}", path.display());
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| Error::Io { action: action(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::WorkerRunning),
        Err(TryLockError::Error(source)) => Err(Error::Io { action: action(), source }),
    }
}
