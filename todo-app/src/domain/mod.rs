//! Pure types and rules of the program. Not here: command line, database, network, telemetry, clock, input and output;
//! the test below reads these files and holds them to it.

pub mod date;
pub mod exchange;
pub mod filter;
pub mod limits;
pub mod suggestion;
pub mod text;
pub mod todo;
pub mod urgency;

pub use self::{
    filter::{DueFilter, Filter, Sort, StatusFilter},
    suggestion::{EnrichmentMode, Field, NewSuggestion, Suggestion, SuggestionStatus, SuggestionValue},
    todo::{Edit, NewTodo, Note, Priority, Status, Todo},
};

/// Why a value was refused: what was found, what is expected, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which input: `title`, `due`, `tag` …
    pub field: &'static str,
    /// Found and expected, one sentence without a final full stop.
    pub problem: String,
    /// What to do instead.
    pub hint: String,
}

impl Invalid {
    /// Describes a refusal.
    pub fn new(field: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Invalid { field, problem: problem.into(), hint: hint.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Whatever a pure rule must not reach for.
    const IMPURE: [&str; 17] = [
        "clap::",
        "diesel::",
        "reqwest::",
        "tokio::",
        "tracing::",
        "todo_otel",
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "std::time",
        "::now()",
        "println!",
        "crate::store",
        "crate::output",
    ];

    #[test]
    fn the_domain_is_pure() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
        let mut read = 0;
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in IMPURE {
                assert!(!code.contains(word), "{} reaches for {word}", path.display());
            }
            read += 1;
        }
        assert!(read >= 6, "the test found only {read} files");
    }
}
