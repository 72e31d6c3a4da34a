//! What can go wrong in the store, in words a user can act on.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use todo_otel_runtime::ErrorClass;

use super::place::Place;

/// Why the store could not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// No such todos (or suggestions, as `kind` says).
    NotFound {
        /// `todo` or `suggestion`.
        kind: &'static str,
        /// The numbers nobody knows.
        ids: Vec<i64>,
    },
    /// The todo changed since it was read.
    Conflict {
        /// Whose version differs.
        todo_id: i64,
    },
    /// A suggestion that was already decided on or has expired.
    NotPending {
        /// Its number.
        id: i64,
        /// What became of it.
        status: &'static str,
    },
    /// Another process held the lock for longer than the busy timeout.
    Locked,
    /// The file or its directory cannot be written.
    ReadOnly {
        /// Which of them.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database of another program.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    Newer {
        /// Schema version of the file.
        found: i64,
        /// Highest version this program knows.
        supported: i64,
    },
    /// Its pages contradict each other.
    Corrupt(String),
    /// The file cannot be opened or made.
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The server cannot be reached or does not let us in.
    CannotConnect {
        /// Its address without the password.
        server: String,
        /// What it or the library said.
        reason: String,
    },
    /// Another worker has the job meanwhile.
    LeaseLost,
    /// All connections were busy for too long.
    PoolTimeout,
    /// The server gave up on a statement that waited or ran for too long.
    TimedOut {
        /// SQLSTATE: 55P03 waited for a lock, 57014 ran for too long.
        code: &'static str,
    },
    /// The disk is full or failed.
    Disk(String),
    /// A kind of database that this build does not contain.
    Unsupported(String),
    /// Anything else diesel reports.
    Query(DieselError),
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            StoreError::NotFound { kind: "suggestion", .. } => "see `todo suggestions` for their numbers".into(),
            StoreError::NotFound { .. } => "see `todo list --all` for the numbers".into(),
            StoreError::Conflict { .. } => "look at it again with `todo show`, then repeat".into(),
            StoreError::NotPending { .. } => "`todo suggestions` lists those that wait for a decision".into(),
            StoreError::Locked => "another program is writing to it; try again, or look for one with `fuser`".into(),
            StoreError::ReadOnly { path } if path.is_dir() => {
                "SQLite writes files beside the database: check the directory's permissions, or choose another database with --db".into()
            }
            StoreError::ReadOnly { .. } => "check its permissions, or choose another with --db".into(),
            StoreError::NotADatabase { .. } | StoreError::Foreign { .. } => {
                "choose another file with --db or TODO_DATABASE_URL".into()
            }
            StoreError::Newer { .. } => "update this program; the file was not touched".into(),
            StoreError::Corrupt(_) => {
                "copy the file away, then try `sqlite3 FILE .recover`; backups lie beside it".into()
            }
            StoreError::CannotOpen { .. } => "check the path and its permissions, or choose another with --db".into(),
            StoreError::CannotConnect { .. } => {
                "check that the server runs and lets this user in, or choose another database in TODO_DATABASE_URL"
                    .into()
            }
            StoreError::LeaseLost => "nothing; the other worker does the job".into(),
            StoreError::PoolTimeout | StoreError::TimedOut { .. } => {
                "the database is busy; try again, or look at its other clients in pg_stat_activity".into()
            }
            StoreError::Disk(_) => "free some space or check the disk, then repeat".into(),
            StoreError::Unsupported(_) => "use a file path, or build with --features postgres".into(),
            StoreError::Query(_) => "`todo doctor` checks the database".into(),
        }
    }

    /// Sorts what diesel says into the kinds above.
    fn from_diesel(error: DieselError) -> StoreError {
        let DieselError::DatabaseError(kind, info) = &error else { return StoreError::Query(error) };
        let message = info.message();
        match message {
            _ if message.contains("is locked") => StoreError::Locked,
            _ if message.contains("readonly") => StoreError::ReadOnly { path: PathBuf::new() },
            _ if message.contains("not a database") => StoreError::NotADatabase { path: PathBuf::new() },
            _ if message.contains("malformed") => StoreError::Corrupt(message.into()),
            _ if message.contains("unable to open") => {
                StoreError::CannotOpen { path: PathBuf::new(), reason: message.into() }
            }
            _ if message.contains("due to lock timeout") => StoreError::TimedOut { code: "55P03" },
            _ if message.contains("due to statement timeout") => StoreError::TimedOut { code: "57014" },
            _ if message.contains("disk I/O") || message.contains("is full") => StoreError::Disk(message.into()),
            _ if matches!(kind, DatabaseErrorKind::ReadOnlyTransaction) => {
                StoreError::ReadOnly { path: PathBuf::new() }
            }
            _ => StoreError::Query(error),
        }
    }

    /// The server went away in the middle; what was asked of it last may have happened.
    pub(super) fn lost_connection(&self) -> bool {
        let StoreError::Query(DieselError::DatabaseError(kind, info)) = self else { return false };
        matches!(kind, DatabaseErrorKind::ClosedConnection) || info.message().contains("terminating connection")
    }

    /// Names the file, where the error has room for it.
    pub(super) fn at(self, place: &Place) -> StoreError {
        match place.file() {
            Some(file) => self.in_file(file),
            None => self,
        }
    }

    /// As `at`.
    pub(super) fn in_file(mut self, file: &Path) -> StoreError {
        if let StoreError::NotADatabase { path } | StoreError::CannotOpen { path, .. } = &mut self {
            *path = file.to_owned();
        }
        if let StoreError::ReadOnly { path } = &mut self {
            let is_writable = rustix::fs::access(file, rustix::fs::Access::WRITE_OK).is_ok();
            let folder = file.parent().filter(|folder| is_writable && !folder.as_os_str().is_empty());
            *path = folder.unwrap_or(file).to_owned();
        }
        self
    }
}

impl ErrorClass for StoreError {
    fn class(&self) -> &'static str {
        match self {
            StoreError::NotFound { .. } => "not_found",
            StoreError::Conflict { .. } => "conflict",
            StoreError::NotPending { .. } => "not_pending",
            StoreError::Locked => "5",
            StoreError::ReadOnly { .. } => "read_only",
            StoreError::NotADatabase { .. } => "not_a_database",
            StoreError::Foreign { .. } => "foreign_database",
            StoreError::Newer { .. } => "newer_schema",
            StoreError::Corrupt(_) => "corrupt",
            StoreError::CannotOpen { .. } => "connection",
            StoreError::CannotConnect { .. } => "connection",
            StoreError::LeaseLost => "lease_lost",
            StoreError::PoolTimeout => "pool_timeout",
            StoreError::TimedOut { code } => code,
            StoreError::Disk(_) => "disk",
            StoreError::Unsupported(_) => "unsupported",
            StoreError::Query(error) if sqlstate(error).is_some() => sqlstate(error).unwrap_or_default(),
            StoreError::Query(DieselError::DatabaseError(kind, _)) => match kind {
                DatabaseErrorKind::UniqueViolation => "unique_violation",
                DatabaseErrorKind::ForeignKeyViolation => "foreign_key_violation",
                DatabaseErrorKind::NotNullViolation => "not_null_violation",
                DatabaseErrorKind::CheckViolation => "check_violation",
                DatabaseErrorKind::ClosedConnection => "closed_connection",
                _ => "_OTHER",
            },
            StoreError::Query(_) => "_OTHER",
        }
    }

    fn retryable(&self) -> bool {
        matches!(
            self,
            StoreError::Locked | StoreError::Conflict { .. } | StoreError::PoolTimeout | StoreError::TimedOut { .. }
        )
    }

    fn slo_ignore(&self) -> bool {
        matches!(self, StoreError::NotFound { .. } | StoreError::NotPending { .. })
    }

    /// SQLite's own code or the SQLSTATE of PostgreSQL, where diesel lets it be known.
    fn db_status_code(&self) -> Option<&'static str> {
        match self {
            StoreError::Locked => Some("5"),
            StoreError::TimedOut { code } => Some(code),
            StoreError::Query(error) => sqlstate(error),
            _ => None,
        }
    }
}

/// SQLSTATE of what PostgreSQL refused. SQLite's errors name no constraint and no table, and have other codes.
fn sqlstate(error: &DieselError) -> Option<&'static str> {
    let DieselError::DatabaseError(kind, info) = error else { return None };
    match kind {
        DatabaseErrorKind::SerializationFailure => return Some("40001"),
        DatabaseErrorKind::ReadOnlyTransaction => return Some("25006"),
        _ if info.message().contains("deadlock detected") => return Some("40P01"),
        _ => {}
    }
    info.table_name().or(info.constraint_name())?;
    match kind {
        DatabaseErrorKind::UniqueViolation => Some("23505"),
        DatabaseErrorKind::ForeignKeyViolation => Some("23503"),
        DatabaseErrorKind::NotNullViolation => Some("23502"),
        DatabaseErrorKind::CheckViolation => Some("23514"),
        DatabaseErrorKind::ExclusionViolation => Some("23P01"),
        DatabaseErrorKind::RestrictViolation => Some("23001"),
        _ => None,
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound { kind, ids } => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                write!(f, "no {kind} with number {}", ids.join(", "))
            }
            StoreError::Conflict { todo_id } => write!(f, "todo {todo_id} was changed in the meantime"),
            StoreError::NotPending { id, status } => write!(f, "suggestion {id} is already {status}"),
            StoreError::Locked => write!(f, "the database is locked"),
            StoreError::ReadOnly { path } if path.is_dir() => {
                write!(f, "the database's directory {} cannot be written", path.display())
            }
            StoreError::ReadOnly { path } if path.as_os_str().is_empty() => write!(f, "the database cannot be written"),
            StoreError::ReadOnly { path } => write!(f, "the database {} cannot be written", path.display()),
            StoreError::NotADatabase { path } => write!(f, "{} is not a SQLite database", path.display()),
            StoreError::Foreign { path } => write!(f, "{} is the database of another program", path.display()),
            StoreError::Newer { found, supported } => {
                write!(f, "the database has schema version {found}, this program knows up to {supported}")
            }
            StoreError::Corrupt(message) => write!(f, "the database is damaged: {message}"),
            StoreError::CannotOpen { path, reason } => write!(f, "cannot open {}: {reason}", path.display()),
            StoreError::CannotConnect { server, reason } => write!(f, "cannot connect to {server}: {reason}"),
            StoreError::LeaseLost => write!(f, "the job went to another worker"),
            StoreError::PoolTimeout => write!(f, "all connections to the database are busy"),
            StoreError::TimedOut { code: "55P03" } => write!(f, "the database did not get a lock in time"),
            StoreError::TimedOut { .. } => write!(f, "the database did not answer in time"),
            StoreError::Disk(message) => write!(f, "the disk refused: {message}"),
            StoreError::Unsupported(what) => write!(f, "this build has no support for {what}"),
            StoreError::Query(error) => write!(f, "the database refused: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Query(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        StoreError::from_diesel(error)
    }
}
