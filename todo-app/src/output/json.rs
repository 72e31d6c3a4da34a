//! The documented shapes of `--json`. They are part of the interface: fields may be added, none changes or goes.
//!
//! | command | shape |
//! |---|---|
//! | `add` | `{"todo": Todo, "enrichment": {"status", "suggestions": [Suggestion], "error"?}}` |
//! | `list` | `{"todos": [Todo]}` |
//! | `show` | `{"todo": Todo, "suggestions": [Suggestion]}` |
//! | `note` | `{"todo": Todo}` |
//! | `edit` | `{"todo": Todo}`; `{"todos": [Todo]}` with `--all` or `--filter` |
//! | `complete`, `reopen`, `delete` | `{"todos": [Todo]}` |
//! | `enrich` | `{"enrichments": [{"todo_id", "status", "suggestions", "error"?}], "failed": n}` |
//! | `suggestions`, `reject` | `{"suggestions": [Suggestion]}` |
//! | `accept` | `{"todos": [Todo], "suggestions": [Suggestion]}` |
//! | `stats` | `{"stats": {…}}` |
//! | `config show` | `{"config": [{"key", "value", "source"}], "file"}` |
//! | `config init`, `config path` | `{"file"}` |
//! | `undo` | `{"operation": "complete", "todos": [Todo]}`; `null` when there was nothing to take back |
//! | `import` | `{"imported": n, "skipped": n}` |
//! | `telemetry status` | `{"spools": [{"endpoint", "waiting": {"spans", "metrics", "logs"}, …}]}` |
//! | `telemetry flush` | `{"delivered": {…}, "left": {…}, "closed": […]}` |
//! | `telemetry purge` | `{"files", "removed": {…}}` |
//! | `telemetry last` | `{"traces": [{"trace_id", "name", "duration_ms", "spans", "errors"}]}` |
//! | `telemetry dashboards` | `{"files": [path]}`: written, or with `--check` different |
//! | `telemetry catalogue` | `{"spans", "metrics", "ratios", "events", "attributes"}` |
//! | `telemetry verify` | `{"marks": [{"server", "found", "detail"}], "panels": [{"dashboard", "panel", "query", "points", "error"?}]}` |
//! | `version` | `{"version", "sqlite", "target"}` |
//! | a failure, on standard error | `{"error": {"kind", "message", "hint"?}}` |
//!
//! Days are `YYYY-MM-DD`, times RFC 3339 in UTC, absent values `null`.

use serde::Serialize;

use crate::{
    domain::{Suggestion, SuggestionValue, Todo},
    error::Error,
    store::Stats,
};

/// `telemetry dashboards`.
#[derive(Debug, Serialize)]
pub struct Files {
    /// Paths below the folder.
    pub files: Vec<String>,
}

/// `telemetry verify`.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// What was sent and where it arrived.
    pub marks: Vec<MarkFound>,
    /// Every panel's query.
    pub panels: Vec<PanelProbed>,
}

/// A mark in `telemetry verify`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "named in the table above")]
pub struct MarkFound {
    pub server: &'static str,
    pub found: bool,
    pub detail: String,
}

/// A query in `telemetry verify`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "named in the table above")]
pub struct PanelProbed {
    pub dashboard: &'static str,
    pub panel: &'static str,
    pub query: String,
    pub points: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `Todo` in the shapes above.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of `domain::Todo`")]
pub struct TodoView<'a> {
    pub id: i64,
    pub uuid: &'a str,
    pub title: &'a str,
    pub description: Option<&'a str>,
    pub status: &'static str,
    pub priority: Option<&'static str>,
    pub project: Option<&'a str>,
    pub category: Option<&'a str>,
    pub due: Option<String>,
    pub estimate_minutes: Option<u32>,
    pub next_step: Option<&'a str>,
    pub tags: &'a [String],
    pub notes: Vec<NoteView<'a>>,
    pub created_at: String,
    pub updated_at: String,
    pub completed_at: Option<String>,
    pub version: i64,
}

/// A note of a todo.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of `domain::Note`")]
pub struct NoteView<'a> {
    pub at: String,
    pub text: &'a str,
}

impl<'a> From<&'a Todo> for TodoView<'a> {
    fn from(todo: &'a Todo) -> Self {
        TodoView {
            id: todo.id,
            uuid: &todo.uuid,
            title: &todo.title,
            description: todo.description.as_deref(),
            status: todo.status.as_str(),
            priority: todo.priority.map(|priority| priority.as_str()),
            project: todo.project.as_deref(),
            category: todo.category.as_deref(),
            due: todo.due.map(|due| due.to_string()),
            estimate_minutes: todo.estimate_minutes,
            next_step: todo.next_step.as_deref(),
            tags: &todo.tags,
            notes: todo.notes.iter().map(|note| NoteView { at: note.at.to_string(), text: &note.text }).collect(),
            created_at: todo.created_at.to_string(),
            updated_at: todo.updated_at.to_string(),
            completed_at: todo.completed_at.map(|at| at.to_string()),
            version: todo.version,
        }
    }
}

/// `Suggestion` in the shapes above. `value` is text, a number of minutes, or a list of tags.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of `domain::Suggestion`")]
pub struct SuggestionView<'a> {
    pub id: i64,
    pub todo_id: i64,
    pub field: &'static str,
    pub value: Value<'a>,
    pub confidence: f64,
    pub reason: &'a str,
    pub status: &'static str,
    pub model: &'a str,
    pub created_at: String,
}

/// A suggested value, typed by its field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Value<'a> {
    Text(String),
    Minutes(u32),
    Tags(&'a [String]),
}

impl<'a> From<&'a Suggestion> for SuggestionView<'a> {
    fn from(suggestion: &'a Suggestion) -> Self {
        SuggestionView {
            id: suggestion.id,
            todo_id: suggestion.todo_id,
            field: suggestion.value.field().as_str(),
            value: match &suggestion.value {
                SuggestionValue::Estimate(minutes) => Value::Minutes(*minutes),
                SuggestionValue::Tags(tags) => Value::Tags(tags),
                value => Value::Text(value.to_text()),
            },
            confidence: suggestion.confidence,
            reason: &suggestion.reason,
            status: suggestion.status.as_str(),
            model: &suggestion.model,
            created_at: suggestion.created_at.to_string(),
        }
    }
}

/// `{"todos": […]}`, and `suggestions` where the command has some.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Todos<'a> {
    pub todos: Vec<TodoView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions: Option<Vec<SuggestionView<'a>>>,
}

/// `{"todo": …}`, and what belongs to it where the command has it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct One<'a> {
    pub todo: TodoView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions: Option<Vec<SuggestionView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrichment: Option<Enrichment<'a>>,
}

/// `{"suggestions": […]}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Suggestions<'a> {
    pub suggestions: Vec<SuggestionView<'a>>,
}

/// `{"enrichments": […], "failed": n}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Enrichments<'a> {
    pub enrichments: Vec<Enrichment<'a>>,
    pub failed: usize,
}

/// What became of one enrichment: `done`, `queued`, `skipped` or `failed`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Enrichment<'a> {
    pub todo_id: i64,
    pub status: &'static str,
    pub suggestions: Vec<SuggestionView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

/// `{"error": …}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Failure {
    pub error: ErrorView,
}

impl Failure {
    /// Describes an error.
    pub fn new(error: &Error) -> Failure {
        Failure { error: error.into() }
    }
}

/// Kind, message and hint of an error.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct ErrorView {
    pub kind: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for ErrorView {
    fn from(error: &Error) -> Self {
        let text = error.to_string();
        // A usage error comes with prefix, usage and tips for people; its first line says what is wrong.
        let message = match error {
            Error::Usage(_) => text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            _ => text,
        };
        ErrorView { kind: error.kind(), message, hint: error.hint() }
    }
}

/// `{"stats": …}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct StatsDocument {
    pub stats: StatsView,
}

/// The fields of `store::Stats`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of `store::Stats`")]
pub struct StatsView {
    pub open: i64,
    pub done: i64,
    pub overdue: i64,
    pub due_today: i64,
    pub by_priority: ByPriority,
    pub by_project: Vec<Count>,
    pub by_tag: Vec<Count>,
    pub completed_by_day: Vec<Count>,
    pub pending_suggestions: i64,
}

/// Open todos by priority.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct ByPriority {
    pub high: i64,
    pub medium: i64,
    pub low: i64,
    pub none: i64,
}

/// How many of what.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Count {
    pub name: String,
    pub count: i64,
}

impl From<&Stats> for StatsDocument {
    fn from(stats: &Stats) -> Self {
        let counts = |rows: &[(String, i64)]| {
            rows.iter().map(|(name, count)| Count { name: name.clone(), count: *count }).collect()
        };
        let [high, medium, low, none] = stats.by_priority;
        StatsDocument {
            stats: StatsView {
                open: stats.open,
                done: stats.done,
                overdue: stats.overdue,
                due_today: stats.due_today,
                by_priority: ByPriority { high, medium, low, none },
                by_project: counts(&stats.by_project),
                by_tag: counts(&stats.by_tag),
                completed_by_day: stats
                    .completed_by_day
                    .iter()
                    .map(|(day, count)| Count { name: day.to_string(), count: *count })
                    .collect(),
                pending_suggestions: stats.pending_suggestions,
            },
        }
    }
}

/// `{"config": […], "file"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Config {
    pub config: Vec<Setting>,
    pub file: Option<String>,
}

/// One setting.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Setting {
    pub key: String,
    pub value: String,
    pub source: String,
}

/// `{"file"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct File {
    pub file: String,
}

/// `{"operation", "todos"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Undone<'a> {
    pub operation: Option<String>,
    pub todos: Vec<TodoView<'a>>,
}

/// `{"imported", "skipped"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Import {
    pub imported: usize,
    pub skipped: usize,
}

/// Spans, data points and log records.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Items {
    pub spans: u64,
    pub metrics: u64,
    pub logs: u64,
}

impl std::fmt::Display for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} spans, {} data points, {} log records", self.spans, self.metrics, self.logs)
    }
}

/// `{"spools": […]}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Spools {
    pub spools: Vec<Spool>,
}

/// What waits for one endpoint.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Spool {
    pub endpoint: String,
    pub usable: bool,
    pub waiting: Items,
    pub bytes: u64,
    pub oldest_seconds: Option<u64>,
    pub lost: u64,
    pub failures: u32,
    pub retry_in_seconds: Option<u64>,
    pub last_success_seconds: Option<u64>,
    pub draining: bool,
    pub closed: Vec<Closed>,
}

/// A signal that the receiver does not take.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Closed {
    pub signal: &'static str,
    pub problem: String,
    pub refused: bool,
    pub retry_in_seconds: u64,
}

/// `{"delivered", "left", "closed"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Flush {
    pub delivered: Items,
    pub left: Items,
    pub closed: Vec<Closed>,
}

/// `{"files", "removed"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Purge {
    pub files: usize,
    pub removed: Items,
}

/// `{"traces": […]}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Traces {
    pub traces: Vec<Trace>,
}

/// One of the last traces.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Trace {
    pub trace_id: String,
    pub name: String,
    pub duration_ms: f64,
    pub spans: usize,
    pub errors: usize,
}

/// `{"version", "sqlite", "target"}`
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "see the table of shapes")]
pub struct Version {
    pub version: &'static str,
    pub sqlite: &'static str,
    pub target: String,
}
