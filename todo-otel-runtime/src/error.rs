//! What can go wrong at start; every variant tells the user what to change.

use std::fmt;

/// Why telemetry could not start. The program can run on without it.
#[derive(Debug)]
#[non_exhaustive]
pub enum InitError {
    /// A setting is unusable. `setting` names it, `problem` says what was found and what was expected, `hint` what to do.
    Setting {
        /// Variable, key or flag.
        setting: String,
        /// Found and expected, without secrets.
        problem: String,
        /// What to change.
        hint: String,
    },
    /// A file named by a setting could not be used.
    File {
        /// Path as given.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to change.
        hint: String,
    },
}

impl InitError {
    /// What to change, separate from what is wrong.
    pub fn hint(&self) -> &str {
        match self {
            InitError::Setting { hint, .. } | InitError::File { hint, .. } => hint,
        }
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InitError::Setting { setting, problem, .. } => write!(f, "{setting}: {problem}"),
            InitError::File { path, source, .. } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for InitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            InitError::Setting { .. } => None,
            InitError::File { source, .. } => Some(source),
        }
    }
}
