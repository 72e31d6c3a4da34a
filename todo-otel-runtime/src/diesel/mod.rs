//! What the connections of diesel do, told to the span around it: the text of its statements without what was bound, a
//! summary, their number, and a warning when one statement runs again and again. It opens no span of its own.
//!
//! ```
//! use diesel::connection::Connection;
//!
//! fn observe(connection: &mut impl Connection) {
//!     connection.set_instrumentation(todo_otel_runtime::diesel::Statements::default());
//! }
//! ```

mod sql;

use std::{
    borrow::Cow,
    fmt::{self, Write},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use diesel::connection::{Instrumentation, InstrumentationEvent};

use crate::record::{
    current::{set_attribute, with_current},
    span::SpanState,
    value::boundary,
};

/// Statements of one span whose number is written with each; beyond, with every 64th and at the end of a transaction.
const COUNTED_EACH: u32 = 64;

/// Different statements that are remembered of one span.
const REMEMBERED: usize = 64;

/// What diesel puts between a statement and the values.
const BINDS: &str = " -- binds: ";

/// Longest statement that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The same statement more often than this inside one span is worth a warning; 0 = never.
static N_PLUS_ONE: AtomicU32 = AtomicU32::new(5);

/// `<app>.db.statements`
static STATEMENTS: RwLock<Cow<'static, str>> = RwLock::new(Cow::Borrowed("db.statements"));

pub(crate) fn configure(app: &str, n_plus_one: u32) {
    N_PLUS_ONE.store(n_plus_one, Relaxed);
    *STATEMENTS.write().unwrap_or_else(PoisonError::into_inner) = format!("{app}.db.statements").into();
}

/// The instrumentation of one connection: `connection.set_instrumentation(Statements::default())`.
///
/// A span whose call site names a database (`#[db_span]`) gets `db.query.text`, `<app>.db.statements` and, when the call
/// site says no operation, `db.query.summary`. The N+1 warning counts over a span that names no database and all database
/// spans directly below it. Where nothing is recorded a statement costs one look at the current span.
#[derive(Debug, Default)]
pub struct Statements {
    /// The span that the next three are about.
    span: u64,
    count: u32,
    text: String,
    summary: String,
    /// The span that `seen` is about.
    scope: u64,
    /// Hashes of the statements, how often each ran, and the last span with it.
    seen: Vec<(u64, u32, u64)>,
}

/// The span that a statement belongs to.
struct Around {
    span: u64,
    scope: u64,
    site: &'static str,
    function: &'static str,
    /// Its call site names a database.
    database: bool,
    /// Its call site has a summary of its own.
    summarised: bool,
}

impl Around {
    fn of(state: &SpanState) -> Option<Around> {
        if !state.is_recorded() {
            return None;
        }
        let meta = state.meta();
        let has = |key: &str| meta.attributes.contains(&key);
        let database = has("db.system.name");
        let parent = state.parent.get();
        Some(Around {
            span: state.id(),
            scope: if database && parent != 0 { parent } else { state.id() },
            site: meta.name,
            function: meta.function,
            database,
            summarised: has("db.query.summary"),
        })
    }
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::FinishQuery { query, .. } => {
                if let Some(around) = with_current(Around::of).flatten() {
                    self.finished(&around, query);
                }
            }
            InstrumentationEvent::CommitTransaction { .. } | InstrumentationEvent::RollbackTransaction { .. } => {
                self.settle();
            }
            _ => {}
        }
    }
}

impl Statements {
    fn finished(&mut self, around: &Around, query: impl fmt::Display) {
        let mut head = Head(String::new());
        // Ends with an error where the values begin: they are not even formatted.
        let _ = write!(head, "{query}");
        let operation = sql::operation(&head.0).to_ascii_uppercase();
        if ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "START", "PRAGMA", "SET"]
            .contains(&operation.as_str())
        {
            return;
        }
        let text = sql::shown(&head.0);
        if self.span != around.span {
            self.span = around.span;
            self.count = 0;
            self.text.clear();
            self.summary.clear();
        }
        self.count += 1;
        let first = self.remember(around, &text);
        if !around.database {
            return;
        }
        if first {
            self.describe(around, &text);
        }
        if self.count <= COUNTED_EACH || self.count.is_multiple_of(COUNTED_EACH) {
            self.write_count();
        }
    }

    /// Counts the statement and warns when it has run too often; true when it is new to the span.
    fn remember(&mut self, around: &Around, text: &str) -> bool {
        if self.scope != around.scope {
            self.scope = around.scope;
            self.seen.clear();
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        let Some((_, times, last)) = self.seen.iter_mut().find(|(known, ..)| *known == hash) else {
            if self.seen.len() < REMEMBERED {
                self.seen.push((hash, 1, around.span));
            }
            return self.count <= COUNTED_EACH;
        };
        *times += 1;
        let first = std::mem::replace(last, around.span) != around.span;
        let limit = N_PLUS_ONE.load(Relaxed);
        if limit != 0 && *times == limit + 1 {
            tracing::warn!(
                "db.query.summary" = sql::summary(text),
                "code.function.name" = around.function,
                "{}: the same statement ran more than {limit} times inside one span",
                around.site
            );
        }
        first
    }

    /// Adds a statement that is new to the span to what the span says.
    fn describe(&mut self, around: &Around, text: &str) {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        self.text.push_str(text);
        if self.text.len() <= LONGEST {
            set_attribute("db.query.text", &self.text);
        }
        if !around.summarised {
            let mut words = sql::Words(std::mem::take(&mut self.summary));
            words.push(&sql::summary(text));
            self.summary = words.0;
            set_attribute("db.query.summary", &self.summary);
        }
    }

    fn settle(&mut self) {
        let same = with_current(|state| state.id() == self.span).unwrap_or(false);
        if same && self.count > COUNTED_EACH {
            self.write_count();
        }
    }

    fn write_count(&self) {
        set_attribute(&STATEMENTS.read().unwrap_or_else(PoisonError::into_inner), &self.count);
    }
}

/// Takes a statement up to its values.
struct Head(String);

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let seam = self.0.len().saturating_sub(BINDS.len());
        self.0.push_str(text);
        let from = boundary(&self.0, seam);
        if let Some(at) = self.0[from..].find(BINDS) {
            self.0.truncate(from + at);
            return Err(fmt::Error);
        }
        if self.0.len() > LONGEST {
            self.0.truncate(boundary(&self.0, LONGEST));
            return Err(fmt::Error);
        }
        Ok(())
    }
}
