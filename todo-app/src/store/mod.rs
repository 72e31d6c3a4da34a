//! The only place that speaks to a database. Every method is one transaction at most; every transaction that writes is
//! an immediate one, so that it waits for the lock instead of failing half-way. The queries are the same for SQLite and
//! PostgreSQL; what differs is in `sqlite`, `postgres`, `conn` and the migrations. Not here: any decision about todos.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use todo_otel_runtime::{metrics::Observer, set_attribute};

mod check;
mod conn;
mod error;
mod jobs;
mod journal;
mod migrations;
mod place;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod provider_state;
mod schema;
mod sqlite;
mod stats;
mod suggestions;
mod todos;

use self::{
    conn::{Conn, Db},
    place::Place,
    pool::Pool,
};
pub use self::{
    error::StoreError,
    jobs::{Job, JobOutcome, MAX_ATTEMPTS, NewJob, TraceContext},
    journal::Undone,
    stats::Stats,
    suggestions::{Choice, NewEnrichment},
};

/// How long a statement waits for the lock of another process.
const LOCK_WAIT_MS: u32 = 5000;

/// The todo database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    /// `db.namespace`
    namespace: String,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("place", self.inner.pool.place()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database file, makes it if it is missing and migrates it if it is older.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Foreign`] and [`StoreError::NotADatabase`] leave the file as it is.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::prepare(Place::File(path.to_owned()))
    }

    /// As [`Store::open`], for what the configuration says: a path, `sqlite://path` or `postgres://…`.
    ///
    /// # Errors
    /// Those of `open`, [`StoreError::CannotConnect`], and [`StoreError::Unsupported`] for what this build cannot do.
    pub fn connect(url: &str) -> Result<Store, StoreError> {
        Store::prepare(Place::parse(url)?)
    }

    /// The file that an address of [`Store::connect`] names, if it names one.
    pub fn file_of(url: &str) -> Option<PathBuf> {
        Place::parse(url).ok()?.file().map(Path::to_owned)
    }

    fn prepare(place: Place) -> Result<Store, StoreError> {
        let (first, namespace) = pool::counted(&place, || match &place {
            Place::File(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Ok((Conn::Sqlite(sqlite::open(path)?), stem))
            }
            #[cfg(feature = "postgres")]
            Place::Server(server) => postgres::open(server).map(|(conn, namespace)| (Conn::Postgres(conn), namespace)),
            #[cfg(not(feature = "postgres"))]
            Place::Server(_) => Err(StoreError::Unsupported("PostgreSQL".into())),
        })?;
        Ok(Store { inner: Arc::new(Inner { pool: Pool::new(place, first), namespace }) })
    }

    /// The file; `None` when a server keeps the todos.
    pub fn path(&self) -> Option<&Path> {
        self.inner.pool.place().file()
    }

    /// `db.system.name`: `sqlite` or `postgresql`.
    pub fn system(&self) -> &'static str {
        self.inner.pool.place().system()
    }

    /// Sets the metrics of the connections.
    pub fn observe(&self, observer: &Observer) {
        self.inner.pool.observe(observer);
    }

    /// Lends a connection and says on the current span which database it is.
    fn with<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        set_attribute("db.namespace", &self.inner.namespace);
        let place = self.inner.pool.place();
        if let Place::Server(server) = place {
            set_attribute("server.address", &server.address);
            set_attribute("server.port", &server.port);
        }
        let mut conn = self.inner.pool.get()?;
        work(&mut conn).map_err(|error| {
            if error.lost_connection() {
                conn.close();
            }
            error.at(place)
        })
    }
}

/// Version of the SQLite library inside this program.
pub fn sqlite_version() -> &'static str {
    libsqlite3_sys::SQLITE_VERSION.to_str().unwrap_or_default()
}

/// Milliseconds since 1970 to the type of the domain; what no clock can have written becomes the beginning.
fn timestamp(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
