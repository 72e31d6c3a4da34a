//! The only place that speaks to a database. Every method is one transaction at most; every transaction that writes is
//! an immediate one, so that it waits for the lock instead of failing half-way. Not here: any decision about todos.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use diesel::SqliteConnection;

mod connection;
mod error;
mod jobs;
mod journal;
mod migrations;
mod provider_state;
mod schema;
mod stats;
mod suggestions;
mod todos;

pub use self::{
    error::StoreError,
    jobs::{Job, JobOutcome, MAX_ATTEMPTS, NewJob, TraceContext},
    journal::Undone,
    stats::Stats,
    suggestions::{Choice, NewEnrichment},
};

/// The todo database; clones share its connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// Connections nobody uses at the moment.
    idle: Mutex<Vec<SqliteConnection>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database file, makes it if it is missing and migrates it if it is older.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Foreign`] and [`StoreError::NotADatabase`] leave the file as it is.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let first = connection::open(path)?;
        Ok(Store { inner: Arc::new(Inner { path: path.to_owned(), idle: Mutex::new(vec![first]) }) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Lends a connection. One that a panic interrupted is closed, which rolls its transaction back.
    fn with<T>(&self, work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => connection::connect(&self.inner.path)?,
        };
        let result = work(&mut conn).map_err(|error| error.at(&self.inner.path));
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        result
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
mod tests;
