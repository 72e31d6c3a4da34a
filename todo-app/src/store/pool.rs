//! A bounded number of connections that are lent out, and how many there are. Not here: what they are used for.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use todo_otel_runtime::{
    ErrorClass,
    metrics::{Observer, counter, gauge, histogram, up_down_counter},
};

use super::{Conn, StoreError, place::Place, sqlite};

/// Connections at the same time, more than a worker has jobs at the same time.
const MAX: usize = 16;

/// How long somebody waits for one.
const PATIENCE: Duration = Duration::from_secs(5);

/// `db.client.connection.pool.name`
const NAME: &str = "todo";

const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

up_down_counter! {
    static COUNT: i64 = "db.client.connection.count", unit = "{connection}",
        labels = { "db.client.connection.pool.name": &'static str, "db.client.connection.state": &'static str };
    static IDLE_MAX: i64 = "db.client.connection.idle.max", unit = "{connection}",
        labels = { "db.client.connection.pool.name": &'static str };
    static IDLE_MIN: i64 = "db.client.connection.idle.min", unit = "{connection}",
        labels = { "db.client.connection.pool.name": &'static str };
    static LIMIT: i64 = "db.client.connection.max", unit = "{connection}",
        labels = { "db.client.connection.pool.name": &'static str };
    static PENDING: i64 = "db.client.connection.pending_requests", unit = "{request}",
        labels = { "db.client.connection.pool.name": &'static str };
}

counter! {
    static TIMEOUTS: u64 = "db.client.connection.timeouts", unit = "{timeout}",
        labels = { "db.client.connection.pool.name": &'static str };
    static ERRORS: u64 = "database.connection.errors", unit = "{error}", description = "Connections that failed.",
        labels = { "db.system.name": &'static str, "error.type": &'static str };
}

histogram! {
    static CREATE_TIME: f64 = "db.client.connection.create_time", unit = "s", buckets = BOUNDS,
        labels = { "db.client.connection.pool.name": &'static str };
    static WAIT_TIME: f64 = "db.client.connection.wait_time", unit = "s", buckets = BOUNDS,
        labels = { "db.client.connection.pool.name": &'static str };
    static USE_TIME: f64 = "db.client.connection.use_time", unit = "s", buckets = BOUNDS,
        labels = { "db.client.connection.pool.name": &'static str };
}

gauge! {
    static ACTIVE: i64 = "database.connections.active", unit = "{connection}", description = "Connections in use.",
        labels = { "db.client.connection.pool.name": &'static str };
}

/// Connections of one database.
pub(super) struct Pool {
    place: Place,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<Conn>,
    used: usize,
    waiting: usize,
}

/// A connection that goes back when this is dropped. One that a panic interrupted or that broke is closed, which rolls
/// its transaction back.
pub(super) struct Lent<'a> {
    pool: &'a Pool,
    conn: Option<Conn>,
    since: Instant,
    closed: bool,
}

impl Lent<'_> {
    /// It does not go back.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }
}

impl Pool {
    pub(super) fn new(place: Place, first: Conn) -> Pool {
        Pool { place, state: Mutex::new(State { idle: vec![first], used: 0, waiting: 0 }), returned: Condvar::new() }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A connection that nobody uses, else a new one, else the next that comes back.
    pub(super) fn get(&self) -> Result<Lent<'_>, StoreError> {
        let asked = Instant::now();
        let mut state = self.lock();
        state.waiting += 1;
        let (mut state, waited) = self
            .returned
            .wait_timeout_while(state, PATIENCE, |state| state.idle.is_empty() && state.used >= MAX)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        if waited.timed_out() {
            TIMEOUTS.add(1, (NAME,));
            return Err(StoreError::PoolTimeout);
        }
        let idle = state.idle.pop();
        state.used += 1;
        drop(state);
        WAIT_TIME.record(asked.elapsed().as_secs_f64(), (NAME,));
        // From here on the place in the pool is given back whatever happens.
        let mut lent = Lent { pool: self, conn: idle, since: Instant::now(), closed: false };
        if lent.conn.is_none() {
            lent.conn = Some(connect(&self.place)?);
            CREATE_TIME.record(lent.since.elapsed().as_secs_f64(), (NAME,));
        }
        Ok(lent)
    }

    /// Tells how many there are.
    pub(super) fn observe(&self, observer: &Observer) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let state = self.lock();
        let (idle, used, waiting) = (count(state.idle.len()), count(state.used), count(state.waiting));
        drop(state);
        observer.level(&COUNT, idle, (NAME, "idle"));
        observer.level(&COUNT, used, (NAME, "used"));
        observer.level(&IDLE_MAX, count(MAX), (NAME,));
        observer.level(&IDLE_MIN, 0, (NAME,));
        observer.level(&LIMIT, count(MAX), (NAME,));
        observer.level(&PENDING, waiting, (NAME,));
        observer.set(&ACTIVE, used, (NAME,));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another connection to a prepared database.
fn connect(place: &Place) -> Result<Conn, StoreError> {
    counted(place, || match place {
        Place::File(path) => sqlite::connect(path).map(Conn::Sqlite),
        #[cfg(feature = "postgres")]
        Place::Server(server) => super::postgres::connect(server).map(Conn::Postgres),
        #[cfg(not(feature = "postgres"))]
        Place::Server(_) => Err(StoreError::Unsupported("PostgreSQL".into())),
    })
}

/// Counts what cannot be connected to.
pub(super) fn counted<T>(place: &Place, connect: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    connect().inspect_err(|error| ERRORS.add(1, (place.system(), error.class())))
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        USE_TIME.record(self.since.elapsed().as_secs_f64(), (NAME,));
        let broken = self.closed || std::thread::panicking() || self.conn.as_mut().is_some_and(Conn::is_broken);
        let mut state = self.pool.lock();
        state.used -= 1;
        if !broken {
            state.idle.extend(self.conn.take());
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

impl Deref for Lent<'_> {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("a lent connection is there until it is dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("a lent connection is there until it is dropped")
    }
}
