//! `todo complete`

use crate::{
    app::App,
    cli::IdsArgs,
    commands::selection,
    domain::StatusFilter,
    error::Result,
    names::{COMPLETION_TIME, Source, TODOS_COMPLETED},
    output::json,
};

command!("complete", "todo.command.complete", IdsArgs);

fn execute(app: &mut App, args: IdsArgs) -> Result<()> {
    let ids = selection::ids(app, &args.ids, &args.selection, "Complete", StatusFilter::Open)?;
    let now = app.clock.now();
    let todos = app.store()?.complete(&ids, now)?;
    for todo in todos.iter().filter(|todo| todo.changed_at(now)) {
        tracing::info!(name: "todo.completed", { todo.id = todo.id }, "todo completed");
        if let Some(at) = todo.completed_at {
            COMPLETION_TIME.record(at.duration_since(todo.created_at).as_secs_f64().max(0.0), ());
        }
        TODOS_COMPLETED.add(1, (Source::Cli,));
    }
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.changed_or_not(["Done", "Done already"], &todos, now))
}
