//! Attribute macros of `todo-otel-runtime`.
//!
//! Each attribute is read (`args`), checked and lowered to one plan (`traced`, `red_metrics`, `db_span` -> `plan`), and
//! written out (`expand`). Only the early stages can fail; errors become tokens here and nowhere else.

#![deny(missing_docs)]

use proc_macro::TokenStream;

mod args;
mod block;
mod body;
mod db_span;
mod docs;
mod error_class;
mod errors;
mod expand;
mod function;
mod label;
mod macros;
mod plan;
mod red_metrics;
mod site;
#[cfg(test)]
mod snapshots;
mod telemetry_test;
mod traced;
mod value;

use macros::Which;

/// A span around every call of a function, from one outcome that metrics and log events share.
///
/// Goes on functions, methods, trait methods (default bodies and implementations), and on whole `impl` blocks, inline
/// `mod`s and `trait`s for every function with a body in them. Sync, `async`, `impl Future`, boxed futures and streams
/// are measured from their first poll to their end; one that is never polled records nothing. Stacked with
/// [`macro@red_metrics`] and [`macro@db_span`] it makes one call site with one outcome and one pair of clock reads.
///
/// Nothing of the arguments is recorded unless it is named. Names that look like a secret's (`password`, `token`,
/// `api_key` …) are refused unless they are in `allow`.
///
/// # What it emits
///
/// A span with `code.function.name`, `code.file.path`, `code.line.number`, the attributes and outputs named here, and
/// `outcome` and `error.type` where the table says so. Futures also carry their number of polls, busy and idle time.
///
/// | the call | span status | `outcome` | `error.type` | log event |
/// |---|---|---|---|---|
/// | returns, `Ok`, `Some`, `None`, any plain value | unset | | | exit event, if asked |
/// | returns `Err` | error | `error` | class of the error | the exception event |
/// | returns an `Err` that is expected | unset | `expected` | class of the error | DEBUG |
/// | unwinds | error | `panic` | `panic` | ERROR with location |
/// | is a future that is dropped after its first poll | unset | `cancelled` | | DEBUG |
///
/// The class of an error is what its [`derive@ErrorClass`] says, else the name of its type, else `_OTHER`.
///
/// # Arguments
///
/// `name`: a literal or a constant. Without it the function's name, `Type::method` inside an annotated block.
/// ```
/// # use todo_otel_runtime::traced;
/// const LIST: &str = "todo.command.list";
///
/// #[traced(name = "todo.command.add")]
/// fn add() {}
///
/// #[traced(name = LIST)]
/// fn list() {}
/// # add(); list();
/// ```
/// `kind`: `internal` (default), `client`, `server`, `producer`, `consumer`.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(kind = client)]
/// async fn fetch() {}
/// # drop(fetch());
/// ```
/// `attributes`: key and expression, evaluated after the arguments are bound and before the first statement, and only when
/// the span is recorded. Numbers, `bool`, strings, `Option`s and lists of them; anything else through `display(x)`,
/// `debug(x)`, `len(x)`, `hash(x)`, `truncate(n, x)` or `redact(x)`. `allow` lets a key through that looks like a secret's.
/// ```
/// # use todo_otel_runtime::traced;
/// # struct Todo { id: i64, title: String }
/// #[traced(
///     attributes(todo.id = todo.id, todo.title.length = len(todo.title), "key with space" = true, cache.key = "todos"),
///     allow(cache.key)
/// )]
/// fn save(todo: &Todo) {}
/// # save(&Todo { id: 1, title: String::new() });
/// ```
/// `output`: from a reference to the returned value, that of the `Ok` or `Some`.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(output(todo.count = |todos| todos.len()))]
/// fn load() -> Result<Vec<String>, std::io::Error> {
///     Ok(vec![])
/// }
/// # load().unwrap();
/// ```
/// `expected`: patterns of errors that are part of normal work; `err = off`: an `Err` is a value like any other.
/// ```
/// # use todo_otel_runtime::traced;
/// # #[derive(Debug)] enum Error { NotFound { id: i64 }, Broken }
/// #[traced(expected(Error::NotFound { .. }))]
/// fn find(id: i64) -> Result<(), Error> {
///     Err(Error::NotFound { id })
/// }
///
/// #[traced(err = off)]
/// fn probe() -> Result<(), Error> {
///     Err(Error::Broken)
/// }
/// # find(1).unwrap_err(); probe().unwrap_err();
/// ```
/// `log`: correlated `tracing` events when the call begins and ends, at INFO unless a level is given.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(log)]
/// fn import() {}
///
/// #[traced(log(level = "debug", exit))]
/// fn index() {}
/// # import(); index();
/// ```
/// `root`: a trace of its own. `detached`: a trace of its own that is linked to the caller. `parent`, `link`: a context to
/// stand below or to point at.
/// ```
/// # use todo_otel_runtime::{Captured, capture, traced};
/// #[traced(root)]
/// fn job() {}
///
/// #[traced(detached)]
/// async fn background() {}
///
/// #[traced(parent = caller, link = cause)]
/// fn resume(caller: &Captured, cause: &Captured) {}
/// # job(); drop(background()); resume(&capture(), &capture());
/// ```
/// `keep`: traces that begin here are kept when they fail or are slow, whatever the sampler said. `sample`: the share of
/// calls that are recorded.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(keep(error, slow = "500ms"), sample = 0.1)]
/// fn poll() {}
/// # poll();
/// ```
/// `slow`: one log record while a call that takes longer is still running, and a mark on its span.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(slow = "2s")]
/// fn migrate() {}
/// # migrate();
/// ```
/// `baggage`: entries for everything inside. `attach`: a real `opentelemetry::Context` is in place while the call runs.
/// ```
/// # use todo_otel_runtime::traced;
/// #[traced(baggage("todo.list" = list), attach)]
/// fn sync(list: &str) {}
/// # sync("home");
/// ```
/// `crate`: where the runtime is, when it is re-exported. `skip`: leaves a function out of an annotated block. A function's
/// own attribute takes the place of the block's.
/// ```
/// # mod telemetry { pub use todo_otel_runtime; }
/// # use telemetry::todo_otel_runtime::traced;
/// struct Store;
///
/// #[traced(crate = crate::telemetry::todo_otel_runtime)]
/// impl Store {
///     fn load(&self) {}
///
///     #[traced(skip)]
///     fn path(&self) {}
///
///     #[traced(name = "store.save", crate = crate::telemetry::todo_otel_runtime)]
///     fn save(&self) {}
/// }
/// # fn main() { let s = Store; s.load(); s.path(); s.save(); }
/// ```
///
/// # Limits
///
/// A `const fn` is refused; inside an annotated block it is left alone. `#[track_caller]` keeps the caller's location when
/// the body has no `return`, no `?` and no unknown macro. `impl Future + X` with another bound than `Send`, `Sync` or
/// `Unpin`, and generic future types (`S::Future`), are measured as plain calls. The attribute merges with its siblings
/// when written bare or under `todo_otel_runtime::`; renamed or repeated it nests and records separately.
#[proc_macro_attribute]
pub fn traced(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::Traced, args, item)
}

/// Rate, errors and duration of a function: two counters and a histogram, counted on every exit path, sampled or not.
///
/// # What it emits
///
/// | metric | kind | labels besides your own |
/// |---|---|---|
/// | `<name>.calls` | counter, `{call}` | `outcome` |
/// | `<name>.errors` | counter, `{error}`: outcomes `error` and `panic` | `error.type` |
/// | `<name>.duration` | histogram, seconds | `outcome`; `error.type` when the call failed |
/// | `<name>.active` | up-down counter, with `in_flight`, in long-running programs | |
///
/// `outcome` is `ok`, `error`, `expected`, `panic` or `cancelled`, as in the table of [`macro@traced`].
///
/// # Arguments
///
/// `name`: what the metrics' names begin with. Without it the span's name, else the function's.
/// `duration`, `calls`, `errors`: another name, or `off`. `unit`: of the counter of calls.
/// ```
/// # use todo_otel_runtime::red_metrics;
/// #[red_metrics(name = "todo.command", calls = "todo.commands", errors = off, unit = "{command}")]
/// fn add() {}
/// # add();
/// ```
/// `labels`: key and expression, of types with a bounded variety: `bool`, `&'static str`, enums with [`derive@Label`],
/// `metrics::Listed`. `duration:`, `calls:` or `errors:` in front puts one on that metric only.
/// ```
/// # use todo_otel_runtime::{Label, red_metrics};
/// #[derive(Clone, Copy, Label)]
/// enum Source {
///     Cli,
///     Import,
/// }
///
/// #[red_metrics(name = "todo.save", labels(todo.source = source, duration: todo.bulk = count > 100))]
/// fn save(source: Source, count: usize) {}
/// # save(Source::Cli, 1); save(Source::Import, 1);
/// ```
/// A `String` is no label:
/// ```compile_fail
/// # use todo_otel_runtime::red_metrics;
/// #[red_metrics(labels(todo.title = title.to_owned()))]
/// fn save(title: &str) {}
/// ```
/// `buckets`: bounds of the histogram in seconds, rising, or a constant `&[f64]`. `objective`: a service level objective;
/// its limit is a bound of the histogram. `except` leaves series out of the latency objective.
/// ```
/// # use todo_otel_runtime::red_metrics;
/// const FAST: &[f64] = &[0.001, 0.01, 0.1];
///
/// #[red_metrics(buckets = FAST)]
/// fn lookup() {}
///
/// #[red_metrics(
///     buckets(0.1, 1.0, 5.0, 10.0),
///     labels(provider = "local"),
///     objective(success = 99.5, latency = "5s" @ 95, except(provider = "local"))
/// )]
/// fn enrich() {}
/// # lookup(); enrich();
/// ```
/// `in_flight`: counts the calls that run; back at zero whatever way they end.
/// ```
/// # use todo_otel_runtime::red_metrics;
/// #[red_metrics(name = "todo.job", in_flight)]
/// async fn job() {}
/// # drop(job());
/// ```
/// `err`, `expected`, `allow`, `crate` and `skip` are as in [`macro@traced`].
/// ```
/// # use todo_otel_runtime::red_metrics;
/// #[red_metrics(expected(_))]
/// fn find() -> Result<(), String> {
///     Err(String::from("there is none"))
/// }
///
/// #[red_metrics(err = off, labels(cache.key = true), allow(cache.key))]
/// fn probe() -> Result<(), String> {
///     Ok(())
/// }
/// # find().unwrap_err(); probe().unwrap();
/// ```
#[proc_macro_attribute]
pub fn red_metrics(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::RedMetrics, args, item)
}

/// A database client span and its metric, by the stable conventions of OpenTelemetry.
///
/// # What it emits
///
/// A span of kind client with `db.system.name`, `db.operation.name`, `db.collection.name`, `db.namespace`,
/// `db.query.summary`, `db.query.text` as far as they are given, and the histogram `db.client.operation.duration` in
/// seconds with the same facts as labels (never the text, and the namespace only when it is a literal), `error.type` and
/// `db.response.status_code`. Outcomes are those of [`macro@traced`]; both macros stack into one span.
///
/// # Arguments
///
/// `system`: `sqlite`, `postgresql` or an expression; required. `operation`, `collection`: literals; together they are the
/// span's name unless `name` gives another.
/// ```
/// # use todo_otel_runtime::db_span;
/// #[db_span(system = sqlite, operation = "INSERT", collection = "todos", name = "db.todo.create")]
/// fn create() {}
///
/// #[db_span(system = kind(), operation = "SELECT")]
/// fn load() {}
///
/// fn kind() -> &'static str {
///     "postgresql"
/// }
/// # create(); load();
/// ```
/// `namespace`: the database. `query`: the statement with placeholders; values never leave the process.
/// ```
/// # use todo_otel_runtime::db_span;
/// # struct Store { database: String }
/// impl Store {
///     #[db_span(
///         system = postgresql, operation = "SELECT", collection = "todos",
///         namespace = self.database, query = "SELECT id FROM todos WHERE id = $1"
///     )]
///     fn get(&self) {}
/// }
/// # Store { database: String::new() }.get();
/// ```
/// `attributes`, `output`, `err`, `expected`, `allow`, `crate` and `skip` are as in [`macro@traced`].
/// ```
/// # use todo_otel_runtime::db_span;
/// #[db_span(
///     system = sqlite, operation = "SELECT", collection = "todos",
///     attributes(todo.page = page), output(db.response.returned_rows = |rows| rows.len()), expected(_)
/// )]
/// fn list(page: u32) -> Result<Vec<u32>, String> {
///     Ok(vec![])
/// }
/// # list(1).unwrap();
/// ```
#[proc_macro_attribute]
pub fn db_span(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::DbSpan, args, item)
}

/// The variants of an enum as the closed set of values of a metric label; also a value of span attributes.
///
/// A variant is its name in snake case unless `#[label("…")]` says otherwise. Fields are not looked at.
/// ```
/// use todo_otel_runtime::Label;
///
/// #[derive(Label)]
/// enum Mode {
///     Inline,
///     #[label("bg")]
///     Background,
/// }
/// assert_eq!(Mode::VALUES, ["inline", "bg"]);
/// # let _ = (Mode::Inline, Mode::Background);
/// ```
/// `#[label(crate = path)]` on the enum says where the runtime is, when it is re-exported.
#[proc_macro_derive(Label, attributes(label))]
pub fn label(item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { TokenStream::new() } else { label::derive(item.into()).into() }
}

/// What each variant of an error means: its class for `error.type`, and what the program should make of it.
///
/// | `#[error_class(…)]` | meaning |
/// |---|---|
/// | `"not_found"` | the class; without it the variant's name in snake case |
/// | `expected` | part of normal work: counts as a call, not as an error |
/// | `retryable` | the same call may succeed later |
/// | `exit = 3` | exit code of a program that ends by it |
/// | `slo = ignore` | left out of service level objectives |
/// | `status = "23505"` | `db.response.status_code` |
/// | `transparent` | all of it from the one field |
/// ```
/// use todo_otel_runtime::ErrorClass;
///
/// #[derive(ErrorClass)]
/// enum Error {
///     #[error_class("not_found", expected, exit = 3, slo = ignore)]
///     Missing,
///     #[error_class(retryable, status = "5")]
///     DatabaseLocked,
///     #[error_class(transparent)]
///     Io(Io),
/// }
///
/// #[derive(ErrorClass)]
/// #[error_class("io")]
/// struct Io;
///
/// assert_eq!((Error::Missing.class(), Error::Missing.exit_code()), ("not_found", Some(3)));
/// assert_eq!((Error::DatabaseLocked.class(), Error::DatabaseLocked.retryable()), ("database_locked", true));
/// assert_eq!(Error::Io(Io).class(), "io");
/// ```
/// `#[error_class(crate = path)]` on the type says where the runtime is, when it is re-exported.
#[proc_macro_derive(ErrorClass, attributes(error_class))]
pub fn error_class(item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { TokenStream::new() } else { error_class::derive(item.into()).into() }
}

/// A test with a capture of its own: what it records is seen by nobody else, ids follow from a seed, and times are counted
/// instead of measured, so that trees with durations fit into a snapshot.
///
/// The function takes the `testing::Capture`, or nothing. It is a `#[test]` unless another attribute makes it one; an
/// `async` function without such an attribute is driven on the test's thread.
/// ```
/// use todo_otel_runtime::{
///     testing::{Capture, Show, telemetry_test},
///     traced,
/// };
///
/// #[traced(name = "shop.pay")]
/// fn pay() {}
///
/// #[telemetry_test]
/// fn paying_is_one_span(telemetry: Capture) {
///     pay();
///     assert_eq!(telemetry.tree_with(&Show::names().durations()), "shop.pay 1 ms\n");
/// }
///
/// #[telemetry_test(seed = 7)]
/// async fn a_future_is_driven_to_its_end(telemetry: Capture) -> Result<(), std::fmt::Error> {
///     pay();
///     assert_eq!(telemetry.spans().len(), 1);
///     Ok(())
/// }
/// # // A documentation test leaves `#[test]` functions out; this is what they come to.
/// # let telemetry = todo_otel_runtime::testing::deterministic(1);
/// # pay();
/// # assert_eq!(telemetry.tree_with(&Show::names().durations()), "shop.pay 1 ms\n");
/// ```
/// With tokio, or any other runtime that brings a test attribute: `#[telemetry_test]` above `#[tokio::test]`.
///
/// # Arguments
///
/// `seed`: what the ids of the test's thread follow from; default 1. `crate`: where the runtime is, when it is re-exported.
#[proc_macro_attribute]
pub fn telemetry_test(args: TokenStream, item: TokenStream) -> TokenStream {
    telemetry_test::expand(args.into(), item.into()).into()
}

fn attribute(which: Which, args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { item } else { macros::expand(which, args.into(), item.into()).into() }
}
