//! Everything a command can end with, its exit code, and what the user can do about it.

use std::{fmt, io};

use todo_otel_runtime::ErrorClass;

use crate::{config::ConfigError, domain::Invalid, enrich::EnrichError, store::StoreError};

/// Why a command failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The command line does not parse; `clap` says why.
    Usage(String),
    /// A value was refused.
    Invalid(Invalid),
    /// The store refused.
    Store(StoreError),
    /// The enrichment failed and the user asked for it.
    Enrich(EnrichError),
    /// Some of several enrichments failed.
    SomeFailed {
        /// How many failed.
        failed: usize,
        /// Out of how many.
        total: usize,
    },
    /// A setting cannot be used.
    Config(ConfigError),
    /// Data to be imported are malformed.
    Data {
        /// Where and what.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Standard output cannot be written.
    Output(io::Error),
    /// Reader of standard output went away: no error for the user.
    Closed,
    /// A file or terminal other than standard output failed.
    Io {
        /// What was done with what.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// Telemetry is left that could not be delivered in time.
    Undelivered,
    /// Another worker holds this database.
    WorkerRunning,
    /// The user stopped the command.
    Interrupted {
        /// Number of the signal.
        signal: i32,
    },
    /// A check found something; the findings are already printed.
    Findings(usize),
}

/// Kinds of errors that say nothing about the quality of the service: people's own mistakes and wishes.
pub const NOT_OURS: [&str; 4] = ["usage", "not_found", "invalid_input", "interrupted"];

/// What a command ends with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Exit code of the process. The table is part of the interface.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Closed => 0,
            Error::Io { .. } => 1,
            Error::Usage(_) | Error::Invalid(_) => 2,
            Error::Store(StoreError::NotFound { .. }) => 3,
            Error::Store(StoreError::NotPending { .. }) => 2,
            Error::Store(StoreError::Conflict { .. }) => 1,
            Error::Store(_) => 4,
            Error::Enrich(error) => error.exit_code(),
            Error::SomeFailed { .. } => 5,
            Error::Config(_) => 6,
            Error::Undelivered => 7,
            Error::Findings(_) => 8,
            Error::Data { .. } => 65,
            Error::Output(_) => 74,
            Error::WorkerRunning => 75,
            Error::Interrupted { signal } => 128_u8.saturating_add(u8::try_from(*signal).unwrap_or(127)),
        }
    }

    /// Low-cardinality kind: `error.type` of the command, `kind` in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Usage(_) => "usage",
            Error::Invalid(_) | Error::Data { .. } | Error::Store(StoreError::NotPending { .. }) => "invalid_input",
            Error::Store(StoreError::NotFound { .. }) => "not_found",
            Error::Store(_) => "database",
            Error::Enrich(EnrichError::Config { .. }) | Error::Config(_) => "config",
            Error::Enrich(_) | Error::SomeFailed { .. } => "ai",
            Error::Output(_) | Error::Io { .. } | Error::Closed => "io",
            Error::Undelivered => "undelivered",
            Error::WorkerRunning => "already_running",
            Error::Interrupted { .. } => "interrupted",
            Error::Findings(_) => "findings",
        }
    }

    /// What to do about it, separate from what is wrong.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            // For programs; to people clap says it in its own words.
            Error::Usage(_) => "see `todo --help`".into(),
            Error::Closed | Error::Interrupted { .. } | Error::Findings(_) => return None,
            Error::Invalid(invalid) => invalid.hint.clone(),
            Error::Store(error) => error.hint(),
            Error::Enrich(error) => error.hint(),
            Error::SomeFailed { .. } => {
                "repeat `todo enrich --all`: it asks only for todos without an enrichment".into()
            }
            Error::Config(error) => error.hint.clone(),
            Error::Data { hint, .. } => hint.clone(),
            Error::Output(_) => "check where standard output goes".into(),
            Error::Io { .. } => "check the path and its permissions".into(),
            Error::Undelivered => "`todo telemetry status` says what is waited for".into(),
            Error::WorkerRunning => "stop the other one first, or give this one another database with --db".into(),
        })
    }

    /// The signal that ended the command, which the process passes on to its caller.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Error::Interrupted { signal } => Some(*signal),
            _ => None,
        }
    }
}

impl ErrorClass for Error {
    fn class(&self) -> &'static str {
        self.kind()
    }

    fn exit_code(&self) -> Option<u8> {
        Some(Error::exit_code(self))
    }

    fn slo_ignore(&self) -> bool {
        NOT_OURS.contains(&self.kind())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) => f.write_str(text),
            Error::Invalid(invalid) => f.write_str(&invalid.problem),
            Error::Store(error) => error.fmt(f),
            Error::Enrich(error) => error.fmt(f),
            Error::SomeFailed { failed, total } => write!(f, "{failed} of {total} enrichments failed"),
            Error::Config(error) => error.fmt(f),
            Error::Data { problem, .. } => f.write_str(problem),
            Error::Output(error) => write!(f, "the output could not be written: {error}"),
            Error::Closed => f.write_str("the reader of the output went away"),
            Error::Io { action, source } => write!(f, "{action}: {source}"),
            Error::Undelivered => f.write_str("not everything could be delivered"),
            Error::WorkerRunning => f.write_str("a worker is already running on this database"),
            Error::Interrupted { .. } => f.write_str("interrupted"),
            Error::Findings(count) => write!(f, "{count} findings"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            Error::Enrich(error) => Some(error),
            Error::Config(error) => Some(error),
            Error::Output(error) | Error::Io { source: error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Error::Invalid(invalid)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Error::Store(error)
    }
}

impl From<EnrichError> for Error {
    fn from(error: EnrichError) -> Self {
        Error::Enrich(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::Config(error)
    }
}

/// Only standard output is written with `?`; a closed pipe ends the command quietly.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::Output(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_stable() {
        let invalid = || Invalid::new("title", "p", "h");
        for (error, code, kind) in [
            (Error::Closed, 0, "io"),
            (Error::Usage("x".into()), 2, "usage"),
            (Error::Invalid(invalid()), 2, "invalid_input"),
            (Error::Store(StoreError::NotFound { kind: "todo", ids: vec![1] }), 3, "not_found"),
            (Error::Store(StoreError::Locked), 4, "database"),
            (Error::Store(StoreError::Newer { found: 2, supported: 1 }), 4, "database"),
            (Error::Enrich(EnrichError::Refused), 5, "ai"),
            (Error::SomeFailed { failed: 1, total: 2 }, 5, "ai"),
            (Error::Config(ConfigError { problem: "p".into(), hint: "h".into() }), 6, "config"),
            (Error::Undelivered, 7, "undelivered"),
            (Error::Findings(1), 8, "findings"),
            (Error::Data { problem: "p".into(), hint: "h".into() }, 65, "invalid_input"),
            (Error::Output(io::Error::other("x")), 74, "io"),
            (Error::WorkerRunning, 75, "already_running"),
            (Error::Interrupted { signal: 2 }, 130, "interrupted"),
            (Error::Interrupted { signal: 15 }, 143, "interrupted"),
        ] {
            assert_eq!((error.exit_code(), error.kind()), (code, kind), "{error:?}");
        }
    }
}
