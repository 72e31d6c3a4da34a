//! The long-running process: leases jobs, hands them to tasks, stops on a signal. Not here: what is done with a job
//! (`process`), what is done by the clock (`schedule`), what an enrichment is.

mod process;
mod schedule;
pub(crate) mod telemetry;

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use todo_otel_runtime::{ErrorClass, traced};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::{Id, JoinError, JoinHandle, JoinSet},
};

use self::{
    process::{Crew, origin, process, release},
    schedule::Schedule,
};
use crate::{
    app::{App, Clock},
    error::{Error, Result},
    names,
    store::{Job, Store, StoreError},
};

/// Pause when the queue is empty.
const IDLE: Duration = Duration::from_millis(500);

/// Pause when the database does not answer.
const TROUBLE: Duration = Duration::from_secs(5);

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long jobs that are running may take once the worker is to stop.
const GRACE: Duration = Duration::from_secs(4);

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Jobs at the same time.
    pub concurrency: usize,
    /// End when the queue is empty.
    pub once: bool,
    /// How long a job stays with a worker that died.
    pub lease: Duration,
}

/// Runs until a signal comes in or, with `once`, until the queue is empty.
///
/// # Errors
/// [`Error::WorkerRunning`] when another worker holds the database file.
pub fn run(app: &mut App, options: Options) -> Result<()> {
    let store = app.store()?.clone();
    let _lock = store.path().map(lock).transpose()?;
    let crew = Arc::new(Crew {
        // Made anew, as the app keeps its own: a worker hands it to several tasks.
        enricher: app.new_enricher()?,
        clock: app.clock.clone(),
        owner: format!("{}-{}", app.process.pid, uuid::Uuid::new_v4()),
        lease: options.lease,
        context: app.telemetry.as_ref().map(|config| config.propagation.job_context).unwrap_or_default(),
        store,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.concurrency.min(4))
        .enable_all()
        .build()
        .map_err(|source| Error::Io { action: "starting the worker".into(), source })?;
    watch(&crew.store, crew.clock.clone());
    tracing::info!(name: "worker.started", "worker started");
    if !options.once {
        app.out.note("Waiting for jobs; Ctrl-C stops.");
    }
    let result = runtime.block_on(serve(app, &crew, options));
    runtime.shutdown_timeout(Duration::from_millis(100));
    tracing::info!(name: "worker.stopped", "worker stopped");
    result
}

async fn serve(app: &App, crew: &Arc<Crew>, options: Options) -> Result<()> {
    let mut running = Running::default();
    let mut schedule = Schedule::new();
    let mut idle_until = tokio::time::Instant::now();
    let mut flush: Option<JoinHandle<()>> = None;
    while app.signals.received().is_none() {
        running.reap();
        let free = options.concurrency - running.jobs.len();
        if free > 0 && tokio::time::Instant::now() >= idle_until {
            let (jobs, pause) = match blocking(|| take(crew, free)) {
                Ok(jobs) => (jobs, IDLE),
                // Somebody else is busy with the file; the next round finds the same jobs.
                Err(StoreError::Locked) => (Vec::new(), IDLE),
                Err(error) if options.once => return Err(error.into()),
                Err(error) => {
                    tracing::error!("error.type" = error.class(), "the queue cannot be asked: {error}");
                    (Vec::new(), TROUBLE)
                }
            };
            if jobs.is_empty() {
                if options.once && running.jobs.is_empty() {
                    return Ok(());
                }
                idle_until = tokio::time::Instant::now() + pause;
            }
            for job in jobs {
                running.start(crew, job);
            }
        }
        schedule.run(&crew.store, &crew.clock);
        // One at a time; a signal that comes meanwhile is answered by the next one.
        if flush.as_ref().is_none_or(JoinHandle::is_finished) && app.signals.take_flush() {
            let telemetry = app.running.handle();
            flush = Some(tokio::task::spawn_blocking(move || drop(telemetry.flush())));
        }
        tokio::time::sleep(TICK).await;
    }
    running.stop(crew).await;
    Ok(())
}

/// Jobs in progress.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Result<()>>,
    jobs: HashMap<Id, Arc<Job>>,
}

impl Running {
    fn start(&mut self, crew: &Arc<Crew>, job: Job) {
        let (crew, job) = (Arc::clone(crew), Arc::new(job));
        let kept = Arc::clone(&job);
        let task = self.tasks.spawn(async move {
            let started = Instant::now();
            let done = process(&crew, &job).await;
            telemetry::processed(started.elapsed(), done.as_ref().err().map(ErrorClass::class));
            done
        });
        self.jobs.insert(task.id(), kept);
    }

    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<()>), JoinError>) {
        let (id, class) = match ended {
            Ok((id, Ok(()))) => (id, None),
            Ok((id, Err(error))) => (id, Some(error.class())),
            Err(error) => (error.id(), Some("panic")),
        };
        let job = self.jobs.remove(&id);
        if let (Some(job), Some(class)) = (job, class) {
            tracing::error!("error.type" = class, "messaging.message.id" = job.message_id, "a job failed");
        }
    }

    /// Waits for what ends in time and gives the rest back.
    async fn stop(mut self, crew: &Crew) {
        let _ = tokio::time::timeout(GRACE, async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.ended(ended);
            }
        })
        .await;
        self.tasks.shutdown().await;
        release(crew, self.jobs.into_values());
    }
}

/// Leases what is due. An idle queue makes no span: it is only asked whether there is something.
fn take(crew: &Crew, count: usize) -> Result<Vec<Job>, StoreError> {
    if !crew.store.has_due_jobs(crew.clock.now())? {
        return Ok(Vec::new());
    }
    let started = Instant::now();
    let jobs = poll(crew, count, crew.clock.now())?;
    telemetry::consumed(jobs.len(), started.elapsed());
    Ok(jobs)
}

#[traced(
    name = "poll enrichment",
    kind = client,
    root,
    attributes(
        messaging.operation.name = "poll",
        messaging.operation.type = "receive",
        messaging.system = "todo.job_queue",
        messaging.destination.name = "enrichment",
        messaging.client.id = &crew.owner
    ),
    output(messaging.batch.message_count = |jobs| (jobs.len() > 1).then_some(jobs.len()))
)]
fn poll(crew: &Crew, count: usize, now: Timestamp) -> Result<Vec<Job>, StoreError> {
    let jobs = crew.store.claim_jobs(&crew.owner, i64::try_from(count).unwrap_or(i64::MAX), crew.lease, now)?;
    for context in jobs.iter().filter_map(origin) {
        todo_otel_runtime::add_link(&context);
    }
    Ok(jobs)
}

/// Tells the scrape page how long queue and list are and what the connections do, and `/readyz` whether the database
/// answers. The database is looked at every few seconds at most, however often somebody asks.
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
        store_seen.observe(observer);
        observer.set(&names::TODOS_OPEN, seen.2.0, ());
        observer.set(&names::TODOS_OVERDUE, seen.2.1, ());
    });
    let store = store.clone();
    todo_otel_runtime::metrics::serve::readiness("database", move || match store.pending_jobs() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
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
