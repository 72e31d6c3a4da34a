//! The command line: clap types only. What a value means is decided where it is used.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A todo list for the terminal, with AI enrichment.
#[derive(Debug, Parser)]
#[command(name = "todo", version, max_term_width = 100, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Database file (or TODO_DATABASE_URL)
    #[arg(long, global = true, value_name = "FILE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub db: Option<String>,
    /// Configuration file (or TODO_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Show what happens: log lines on standard error
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Like --verbose, with ids and durations, as JSON lines
    #[arg(long, global = true)]
    pub debug: bool,
    /// Show the command's span tree on standard error
    #[arg(long, global = true)]
    pub trace: bool,
    /// Record and send nothing
    #[arg(long, global = true)]
    pub no_telemetry: bool,
    /// Form of log lines
    #[arg(long, global = true, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<When>,
}

/// Form of log lines on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Console,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a todo and suggest details for it
    Add(AddArgs),
    /// List todos
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show everything about a todo
    Show(IdArgs),
    /// Change a todo
    Edit(EditArgs),
    /// Add a dated note to a todo
    Note(NoteArgs),
    /// Mark todos as done
    #[command(visible_alias = "done")]
    Complete(IdsArgs),
    /// Make done todos open again
    Reopen(IdsArgs),
    /// Delete todos
    #[command(visible_alias = "rm")]
    Delete(IdsArgs),
    /// Ask for suggestions again
    Enrich(EnrichArgs),
    /// List suggestions that wait for a decision
    Suggestions(SuggestionsArgs),
    /// Apply suggestions to their todos
    Accept(DecideArgs),
    /// Decline suggestions
    Reject(DecideArgs),
    /// Take back the last change
    Undo,
    /// Count what is open, done and late
    Stats,
    /// Add the todos of a file
    Import(ImportArgs),
    /// Print every todo for another program
    Export(ExportArgs),
    /// Enrich queued todos until stopped
    Worker(WorkerArgs),
    /// Show or create the configuration
    Config(ConfigArgs),
    /// What is recorded about this program: waiting, sent, removed
    Telemetry(TelemetryArgs),
    /// Look for what is wrong: settings, database, AI provider, receiver; exit code 8 with findings
    Doctor,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, as in `todo man | man -l -`
    Man(ManArgs),
    /// Print the version and what it was built from
    Version,
}

/// `todo add`
#[derive(Args, Debug)]
pub struct AddArgs {
    /// What is to be done
    pub title: String,
    /// Longer text
    #[arg(long, short = 'd', value_name = "TEXT")]
    pub description: Option<String>,
    /// low, medium or high
    #[arg(long, short = 'p', value_name = "PRIORITY")]
    pub priority: Option<String>,
    /// tomorrow, fri, 2026-12-01, in 3 days …
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// A tag; may be repeated
    #[arg(long = "tag", short = 't', value_name = "TAG")]
    pub tags: Vec<String>,
    /// Project it belongs to
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Do not ask for suggestions
    #[arg(long, conflicts_with = "background")]
    pub no_enrich: bool,
    /// Leave the suggestions to the worker
    #[arg(long)]
    pub background: bool,
}

/// `todo list`
#[derive(Args, Debug, Default)]
pub struct ListArgs {
    /// Words to look for in title, description, project, category and notes
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,
    /// Only done todos
    #[arg(long, conflicts_with = "all")]
    pub done: bool,
    /// Open and done todos
    #[arg(long, short = 'a')]
    pub all: bool,
    /// Only todos with this tag; repeated: with all of them
    #[arg(long = "tag", short = 't', value_name = "TAG")]
    pub tags: Vec<String>,
    /// Only this project and those below it
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this priority
    #[arg(long, short = 'p', value_name = "PRIORITY")]
    pub priority: Option<String>,
    /// A date, overdue, week (until its end) or none
    #[arg(long, value_name = "WHEN")]
    pub due: Option<String>,
    /// Due before this date
    #[arg(long, value_name = "DATE")]
    pub due_before: Option<String>,
    /// Due after this date
    #[arg(long, value_name = "DATE")]
    pub due_after: Option<String>,
    /// Order of the list
    #[arg(long, value_name = "ORDER", default_value = "due")]
    pub sort: SortBy,
    /// At most so many
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub limit: Option<u32>,
}

/// Order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// By due day, then priority.
    #[default]
    Due,
    /// Highest first.
    Priority,
    /// Newest first.
    Created,
    /// By number.
    Id,
    /// What comes first: tag next, due day, priority, age, project, tags (`todo show` tells the sum).
    Urgency,
}

/// Number of a todo or suggestion.
fn number() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..)
}

/// One todo.
#[derive(Args, Debug)]
pub struct IdArgs {
    /// Number of the todo
    #[arg(value_parser = number())]
    pub id: i64,
}

/// Several todos.
#[derive(Args, Debug)]
pub struct IdsArgs {
    /// Numbers of the todos: all or none are changed
    #[arg(required_unless_present_any = ["all", "filter"], value_name = "ID", value_parser = number())]
    pub ids: Vec<i64>,
    /// Or by what they are.
    #[command(flatten)]
    pub selection: Selection,
}

/// Todos by what they are, in the place of numbers.
#[derive(Args, Debug)]
pub struct Selection {
    /// Instead of numbers: every todo that can be changed this way
    #[arg(long, conflicts_with_all = ["ids", "filter"])]
    pub all: bool,
    /// Instead of numbers: what `list` finds by tag:NAME, project:NAME, priority:NAME, due:WHEN, due.before:DATE,
    /// due.after:DATE, status:done, status:all or a word to look for; repeated: by all of these
    #[arg(long, value_name = "CONDITION", conflicts_with = "ids")]
    pub filter: Vec<String>,
    /// Do not ask before changing what --all or --filter finds
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `todo edit`
#[derive(Args, Debug)]
pub struct EditArgs {
    /// Number of the todo
    #[arg(required_unless_present_any = ["all", "filter"], value_name = "ID", value_parser = number())]
    pub ids: Option<i64>,
    /// Or several by what they are.
    #[command(flatten)]
    pub selection: Selection,
    /// New title
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// New description; empty removes it
    #[arg(long, short = 'd', value_name = "TEXT")]
    pub description: Option<String>,
    /// low, medium, high or none
    #[arg(long, short = 'p', value_name = "PRIORITY")]
    pub priority: Option<String>,
    /// A date or none
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// A name or none
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// A word or none
    #[arg(long, value_name = "NAME")]
    pub category: Option<String>,
    /// Minutes, 1h30m, or none
    #[arg(long, value_name = "TIME")]
    pub estimate: Option<String>,
    /// A tag to add; may be repeated
    #[arg(long = "tag", short = 't', value_name = "TAG")]
    pub tags: Vec<String>,
    /// A tag to remove; may be repeated
    #[arg(long = "untag", value_name = "TAG")]
    pub untag: Vec<String>,
}

/// `todo note`
#[derive(Args, Debug)]
pub struct NoteArgs {
    /// Number of the todo
    #[arg(value_parser = number())]
    pub id: i64,
    /// What to note
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
}

/// `todo enrich`
#[derive(Args, Debug)]
pub struct EnrichArgs {
    /// Numbers of the todos
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all", value_parser = number())]
    pub ids: Vec<i64>,
    /// Every open todo that was never enriched
    #[arg(long)]
    pub all: bool,
    /// Leave it to the worker
    #[arg(long)]
    pub background: bool,
}

/// `todo suggestions`
#[derive(Args, Debug)]
pub struct SuggestionsArgs {
    /// Only for this todo
    #[arg(value_name = "TODO", value_parser = number())]
    pub todo: Option<i64>,
    /// Also those that were accepted, rejected or have expired
    #[arg(long, short = 'a')]
    pub all: bool,
}

/// `todo accept` and `todo reject`
#[derive(Args, Debug)]
pub struct DecideArgs {
    /// Numbers of the suggestions: all or none
    #[arg(value_name = "ID", required_unless_present = "todo", conflicts_with = "todo", value_parser = number())]
    pub ids: Vec<i64>,
    /// Everything that is suggested for this todo
    #[arg(long, value_name = "TODO", value_parser = number())]
    pub todo: Option<i64>,
    /// Only this field: category, priority, estimate, due, tags or next_step
    #[arg(long, requires = "todo", value_name = "FIELD")]
    pub field: Option<String>,
}

/// `todo import`
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The file, or - for standard input
    pub file: PathBuf,
    /// Its format
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "json")]
    pub format: Format,
}

/// `todo export`
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Format to print
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "json")]
    pub format: Format,
}

/// Formats of todos in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As `todo export` prints it.
    Json,
    /// As `task export` prints it.
    Taskwarrior,
    /// One todo a line.
    TodoTxt,
    /// With a heading.
    Csv,
}

/// `todo worker`
#[derive(Args, Debug)]
pub struct WorkerArgs {
    /// Jobs done at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// End when the queue is empty
    #[arg(long)]
    pub once: bool,
    /// Seconds until the jobs of a worker that died are taken by another
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub lease: u16,
}

/// `todo config`
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// Verbs of `todo config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigAction {
    /// Every setting, its value and where it comes from
    Show,
    /// Write a configuration file with comments
    Init,
    /// Where the file is looked for
    Path,
}

/// `todo telemetry`
#[derive(Args, Debug)]
pub struct TelemetryArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: TelemetryAction,
}

/// Verbs of `todo telemetry`.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TelemetryAction {
    /// What waits to be sent, and since when
    Status,
    /// Send what waits; exit code 7 when something is left
    Flush {
        /// Longest time to try, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 5)]
        deadline: u64,
    },
    /// Remove what waits
    Purge,
    /// Show the last traces that were kept
    Last {
        /// How many
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 1)]
        count: usize,
        /// Write them as a page with a waterfall into this file, to be opened in a browser
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Everything this program can emit: spans, metrics, attributes, events, objectives
    Catalogue {
        /// Form of the list
        #[arg(long, value_name = "FORM", default_value = "table")]
        format: CatalogueFormat,
    },
    /// Write dashboards and alert rules of the Grafana stack
    Dashboards {
        /// Folder to write to
        #[arg(long, value_name = "DIR", default_value = "deploy")]
        out: PathBuf,
        /// Write nothing; exit code 8 when a file differs
        #[arg(long)]
        check: bool,
    },
    /// Send one marked trace, metric and log, and follow them into your servers; exit code 8 with findings
    Verify(VerifyArgs),
    /// What `verify` sends
    #[command(hide = true)]
    Mark,
}

/// Forms of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CatalogueFormat {
    /// Columns for a terminal.
    Table,
    /// One object for programs.
    Json,
    /// Tables for documentation.
    Markdown,
    /// A registry as OpenTelemetry Weaver reads it.
    Weaver,
}

/// `todo telemetry verify`
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct VerifyArgs {
    /// Base URL of Prometheus' or Mimir's query API; a user and password in it are sent as basic authentication
    #[arg(long, value_name = "URL", required_unless_present_any = ["tempo", "loki"])]
    pub prometheus: Option<String>,
    /// Base URL of Tempo's query API
    #[arg(long, value_name = "URL")]
    pub tempo: Option<String>,
    /// Base URL of Loki's query API
    #[arg(long, value_name = "URL")]
    pub loki: Option<String>,
    /// Longest time to wait for each server, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub deadline: u64,
}

/// `todo man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The page of this verb
    pub verb: Option<String>,
}

/// `todo completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Name of the shell
    pub shell: clap_complete::Shell,
}
