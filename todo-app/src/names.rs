//! Names of the program that leave the process: spans, events, attributes, instruments. OpenTelemetry's own names are
//! the runtime's. Not here: when something is counted.

use todo_otel_runtime::{
    Alias, Label, Vocabulary,
    metrics::{Listed, Ordinal, counter, gauge, histogram},
    names::{
        Kind, Row,
        Stability::Own,
        Type::{Bool, Double, Int, Str},
    },
};

use crate::domain::Field;

/// Bounds of a command's duration, in seconds.
pub const COMMAND_BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Bounds of an enrichment's duration, in seconds: 5 is the objective, 10 the alert.
pub const ENRICHMENT_BOUNDS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0];

/// Bounds of the time from creation to completion, in seconds: a minute to a month.
pub const COMPLETION_BOUNDS: &[f64] = &[60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0];

const COMMAND: &[(&str, bool)] = &[("todo.command", true), ("outcome", true), ("error.type", false)];
const ROOT: &[(&str, bool)] = &[
    ("todo.command", true),
    ("process.executable.name", true),
    ("process.pid", true),
    ("process.command_args", true),
    ("process.exit.code", true),
];
const ANALYSIS: &[(&str, bool)] = &[
    ("todo.id", true),
    ("todo.enrichment.mode", true),
    ("gen_ai.provider.name", true),
    ("gen_ai.request.model", true),
];
const MODEL_CALL: &[(&str, bool)] =
    &[("gen_ai.operation.name", true), ("gen_ai.provider.name", true), ("gen_ai.request.model", true)];
const REMOTE_MODEL_CALL: &[(&str, bool)] = &[
    ("gen_ai.operation.name", true),
    ("gen_ai.provider.name", true),
    ("gen_ai.request.model", true),
    ("gen_ai.request.max_tokens", true),
    ("gen_ai.output.type", true),
    ("server.address", true),
    ("server.port", true),
];
const HTTP_ATTEMPT: &[(&str, bool)] =
    &[("http.request.method", true), ("server.address", true), ("server.port", true), ("url.full", true)];
const MESSAGING: &[(&str, bool)] = &[
    ("messaging.operation.name", true),
    ("messaging.operation.type", true),
    ("messaging.system", true),
    ("messaging.destination.name", true),
];
const SUGGESTION: &[(&str, bool)] = &[("gen_ai.request.model", true), ("todo.suggestion.field", true)];
const PROVIDER: &[(&str, bool)] = &[("gen_ai.provider.name", true)];
const ENRICHMENT: &[(&str, bool)] =
    &[("gen_ai.provider.name", true), ("gen_ai.request.model", false), ("outcome", true), ("error.type", false)];

/// Every name of the program.
pub const TABLE: &[Row] = &[
    Row::span("todo.command.*", "cli.command").requires(ROOT),
    Row::span("cli.display.*", "cli.display"),
    Row::span("ai.enrichment.analyze", "ai.enrichment").requires(ANALYSIS),
    Row::span("ai.provider.local.request", "ai.enrichment").requires(MODEL_CALL),
    Row::span("ai.provider.*", "ai.enrichment").requires(REMOTE_MODEL_CALL),
    Row::span("ai.*", "ai.enrichment"),
    // The program's only HTTP client asks models.
    Row::span("POST", "ai.enrichment").requires(HTTP_ATTEMPT),
    Row::span("db.*", "db.query").requires(&[("db.system.name", true)]),
    Row::span("enqueue *", "worker.job").requires(MESSAGING),
    Row::span("poll *", "worker.job").requires(MESSAGING),
    Row::span("process *", "worker.job").requires(MESSAGING),
    Row::span("worker.*", "worker.cleanup"),
    Row::event("todo.created", Own, &[("todo.id", true)]),
    Row::event("todo.completed", Own, &[("todo.id", true)]),
    Row::event("ai.enrichment.started", Own, &[("todo.id", true)]),
    Row::event("ai.enrichment.completed", Own, &[("todo.id", true)]),
    Row::event("ai.suggestion.accepted", Own, &[("todo.id", true), ("todo.suggestion.field", true)]),
    Row::event("ai.suggestion.rejected", Own, &[("todo.id", true), ("todo.suggestion.field", true)]),
    Row::event("ai.provider.retry", Own, &[]),
    Row::event("db.migration.applied", Own, &[("todo.migration.version", true)]),
    Row::event("telemetry.mark", Own, &[]),
    Row::event("todo.overdue", Own, &[("todo.id", true)]),
    Row::event("worker.started", Own, &[]),
    Row::event("worker.stopped", Own, &[]),
    Row::attribute("todo.command", Str, Own),
    Row::attribute("todo.id", Int, Own),
    Row::attribute("todo.count", Int, Own),
    Row::attribute("todo.setting.source", Str, Own),
    Row::attribute("todo.store.version", Int, Own),
    Row::attribute("todo.store.read_only", Bool, Own),
    Row::attribute("todo.source", Str, Own),
    Row::attribute("todo.enrichment.mode", Str, Own),
    Row::attribute("todo.suggestion.field", Str, Own),
    Row::attribute("todo.suggestion.confidence", Double, Own),
    Row::attribute("todo.ai.attempts", Int, Own),
    Row::attribute("todo.job.attempt", Int, Own),
    Row::attribute("todo.job.queue_time", Double, Own),
    Row::attribute("todo.duration", Double, Own),
    Row::attribute("todo.user_context", Str, Own),
    Row::attribute("todo.migration.version", Int, Own),
    Row::attribute("todo.worker.once", Bool, Own),
    Row::histogram("todo.command.duration", Double, "s", COMMAND_BOUNDS, Own, COMMAND),
    Row::instrument(
        "todo.commands",
        Kind::Counter,
        Int,
        "{command}",
        Own,
        &[("todo.command", true), ("outcome", true)],
    ),
    Row::instrument(
        "todo.command.errors",
        Kind::Counter,
        Int,
        "{error}",
        Own,
        &[("todo.command", true), ("error.type", true)],
    ),
    Row::histogram("ai.enrichment.duration", Double, "s", ENRICHMENT_BOUNDS, Own, ENRICHMENT),
    Row::instrument(
        "ai.enrichment.calls",
        Kind::Counter,
        Int,
        "{call}",
        Own,
        &[("gen_ai.provider.name", true), ("outcome", true), ("error.type", false)],
    ),
    Row::instrument(
        "ai.enrichment.errors",
        Kind::Counter,
        Int,
        "{error}",
        Own,
        &[("gen_ai.provider.name", true), ("error.type", true)],
    ),
    Row::instrument("api.rate_limit.remaining", Kind::Gauge, Int, "{request}", Own, PROVIDER),
    Row::instrument("api.rate_limit.tokens.remaining", Kind::Gauge, Int, "{token}", Own, PROVIDER),
    Row::instrument("todos.created", Kind::Counter, Int, "{todo}", Own, &[("todo.source", true)]),
    Row::instrument("todos.completed", Kind::Counter, Int, "{todo}", Own, &[("todo.source", true)]),
    Row::instrument("todos.deleted", Kind::Counter, Int, "{todo}", Own, &[("todo.source", true)]),
    Row::instrument(
        "database.connections.active",
        Kind::ObservableGauge,
        Int,
        "{connection}",
        Own,
        &[("db.client.connection.pool.name", true)],
    ),
    Row::instrument(
        "database.connection.errors",
        Kind::Counter,
        Int,
        "{error}",
        Own,
        &[("db.system.name", true), ("error.type", true)],
    ),
    Row::instrument("todos.open", Kind::ObservableGauge, Int, "{todo}", Own, &[]),
    Row::instrument("todos.overdue", Kind::ObservableGauge, Int, "{todo}", Own, &[]),
    Row::histogram("todo.completion.time", Double, "s", COMPLETION_BOUNDS, Own, &[]),
    Row::instrument("ai.suggestions.offered", Kind::Counter, Int, "{suggestion}", Own, SUGGESTION),
    Row::instrument("ai.suggestions.accepted", Kind::Counter, Int, "{suggestion}", Own, SUGGESTION),
    Row::instrument("ai.suggestions.rejected", Kind::Counter, Int, "{suggestion}", Own, SUGGESTION),
    Row::instrument("ai.suggestions.expired", Kind::Counter, Int, "{suggestion}", Own, SUGGESTION),
    Row::instrument(
        "todo.jobs.pending",
        Kind::ObservableGauge,
        Int,
        "{job}",
        Own,
        &[("messaging.destination.name", true)],
    ),
    Row::instrument(
        "todo.jobs.oldest.age",
        Kind::ObservableGauge,
        Double,
        "s",
        Own,
        &[("messaging.destination.name", true)],
    ),
];

/// An objective over two counters that one function alone does not see.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Counter of good events.
    pub good: &'static str,
    /// Counter of bad events.
    pub bad: &'static str,
    /// Share of events that are good, in percent.
    pub percent: f64,
}

/// Every objective of that kind; those of functions stand on their attributes.
pub const RATIOS: &[Ratio] =
    &[Ratio { good: "ai.suggestions.accepted", bad: "ai.suggestions.rejected", percent: 80.0 }];

/// Short names on log lines.
const ALIASES: &[Alias] = &[
    Alias::new("todo.id", "todo_id"),
    Alias::new("gen_ai.provider.name", "provider"),
    Alias::new("gen_ai.request.model", "model"),
    Alias::new("todo.suggestion.confidence", "confidence"),
    Alias { key: "todo.duration", short: "duration_ms", milliseconds: true },
];

/// What the program's logs call things.
pub const VOCABULARY: Vocabulary = Vocabulary::EMPTY.aliases(ALIASES).names(TABLE);

/// Where a change came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person at a terminal.
    Cli,
    /// A file of another program.
    Import,
    /// A model, through an accepted suggestion.
    Ai,
}

impl Label for Source {
    const VALUES: &'static [&'static str] = &["cli", "import", "ai"];

    fn ordinal(&self) -> Ordinal {
        Ordinal::closed(*self as usize, Self::VALUES)
    }
}

impl Label for Field {
    const VALUES: &'static [&'static str] = &["category", "priority", "estimate", "due", "tags", "next_step"];

    fn ordinal(&self) -> Ordinal {
        Ordinal::closed(*self as usize, Self::VALUES)
    }
}

counter! {
    /// Todos that were added.
    pub static TODOS_CREATED: u64 = "todos.created", unit = "{todo}", description = "Todos added.",
        labels = { "todo.source": Source };
    /// Todos that were completed.
    pub static TODOS_COMPLETED: u64 = "todos.completed", unit = "{todo}", description = "Todos completed.",
        labels = { "todo.source": Source };
    /// Todos that were deleted.
    pub static TODOS_DELETED: u64 = "todos.deleted", unit = "{todo}", description = "Todos deleted.",
        labels = { "todo.source": Source };
    /// Suggestions that were made.
    pub static SUGGESTIONS_OFFERED: u64 = "ai.suggestions.offered", unit = "{suggestion}",
        description = "Suggestions made.", labels = { "gen_ai.request.model": Listed, "todo.suggestion.field": Field };
    /// Suggestions that people accepted.
    pub static SUGGESTIONS_ACCEPTED: u64 = "ai.suggestions.accepted", unit = "{suggestion}",
        description = "Suggestions accepted.", labels = { "gen_ai.request.model": Listed, "todo.suggestion.field": Field };
    /// Suggestions that people rejected.
    pub static SUGGESTIONS_REJECTED: u64 = "ai.suggestions.rejected", unit = "{suggestion}",
        description = "Suggestions rejected.", labels = { "gen_ai.request.model": Listed, "todo.suggestion.field": Field };
    /// Suggestions that were overtaken.
    pub static SUGGESTIONS_EXPIRED: u64 = "ai.suggestions.expired", unit = "{suggestion}",
        description = "Suggestions expired.", labels = { "gen_ai.request.model": Listed, "todo.suggestion.field": Field };
}

histogram! {
    /// From creation to completion.
    pub static COMPLETION_TIME: f64 = "todo.completion.time", unit = "s", description = "From creation to completion.",
        buckets = COMPLETION_BOUNDS;
}

gauge! {
    /// Todos that are not done.
    pub static TODOS_OPEN: i64 = "todos.open", unit = "{todo}", description = "Open todos.";
    /// Open todos whose day has passed.
    pub static TODOS_OVERDUE: i64 = "todos.overdue", unit = "{todo}", description = "Open todos that are late.";
    /// Jobs that wait.
    pub static JOBS_PENDING: i64 = "todo.jobs.pending", unit = "{job}", description = "Jobs that wait.",
        labels = { "messaging.destination.name": &'static str };
    /// How long the oldest job could have run already.
    pub static JOBS_OLDEST_AGE: f64 = "todo.jobs.oldest.age", unit = "s", description = "Age of the oldest waiting job.",
        labels = { "messaging.destination.name": &'static str };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_names_of_the_domain() {
        for field in Field::ALL {
            assert_eq!(Field::VALUES[field as usize], field.as_str());
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for (index, row) in TABLE.iter().enumerate() {
            let same = |other: &&Row| other.name == row.name && other.kind == row.kind;
            assert!(TABLE[..index].iter().find(same).is_none(), "{}", row.name);
        }
    }
}
