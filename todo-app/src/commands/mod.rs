//! One file per verb: what it takes and what it does. Each runs inside a root span `todo.command.<verb>` with RED
//! metrics; the macro below writes the attributes once for all of them.

use crate::{
    app::App,
    cli::{Cli, Command},
    error::{Error, Result},
};

/// Gives the file's `execute(app, args)` its instrumented entry point `run(app, args)`.
macro_rules! command {
    ($verb:literal, $span:literal, $args:ty) => {
        /// Runs the command in a span of its own and counts it.
        #[todo_otel_runtime::traced(
                                    name = $span,
                                    baggage(todo.operation = $verb),
                                    attributes(
                                        todo.command = $verb,
                                        process.pid = app.process.pid,
                                        process.executable.name = &app.process.executable,
                                        process.command_args = &app.process.arguments
                                    )
                                )]
        #[todo_otel_runtime::red_metrics(
                                    duration = "todo.command.duration",
                                    calls = "todo.commands",
                                    errors = "todo.command.errors",
                                    unit = "{command}",
                                    labels(todo.command = $verb),
                                    buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
                                    objective(success = 99.5)
                                )]
        pub fn run(app: &mut $crate::app::App, args: $args) -> $crate::error::Result<()> {
            $crate::commands::finish(app, |app| execute(app, args))
        }
    };
}

mod accept;
mod add;
mod complete;
mod completions;
mod config;
mod delete;
mod doctor;
mod edit;
mod enrich;
mod export;
mod import;
mod input;
mod list;
mod man;
mod note;
mod reject;
mod reopen;
mod selection;
mod show;
mod stats;
mod suggestions;
mod telemetry;
mod undo;
mod version;
mod worker;

/// Runs the verb of a command line.
///
/// # Errors
/// Whatever the verb fails with; nothing is printed about it yet.
pub fn run(cli: Cli, app: &mut App) -> Result<()> {
    match cli.command {
        Command::Add(args) => add::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Show(args) => show::run(app, args),
        Command::Edit(args) => edit::run(app, args),
        Command::Note(args) => note::run(app, args),
        Command::Complete(args) => complete::run(app, args),
        Command::Reopen(args) => reopen::run(app, args),
        Command::Delete(args) => delete::run(app, args),
        Command::Enrich(args) => enrich::run(app, args),
        Command::Suggestions(args) => suggestions::run(app, args),
        Command::Accept(args) => accept::run(app, args),
        Command::Reject(args) => reject::run(app, args),
        Command::Undo => undo::run(app, ()),
        Command::Import(args) => import::run(app, args),
        Command::Export(args) => export::run(app, args),
        Command::Stats => stats::run(app, ()),
        Command::Worker(args) => worker::run(app, args),
        Command::Config(args) => config::run(app, args),
        Command::Telemetry(args) => telemetry::run(app, args),
        Command::Doctor => doctor::run(app, ()),
        Command::Completions(args) => completions::run(app, args),
        Command::Man(args) => man::run(app, args),
        Command::Version => version::run(app, ()),
    }
}

/// Runs the work and records its exit code while the command's span is still open. A reader that went away is no
/// failure; a signal that came in is one, even if the work got done.
fn finish(app: &mut App, work: impl FnOnce(&mut App) -> Result<()>) -> Result<()> {
    let result = match work(app).and_then(|()| app.out.flush()) {
        Ok(()) | Err(Error::Closed) => app.signals.check(),
        Err(error) => Err(error),
    };
    todo_otel_runtime::set_attribute(
        "process.exit.code",
        &i64::from(result.as_ref().err().map_or(0, Error::exit_code)),
    );
    result
}
