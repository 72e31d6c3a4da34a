//! `todo reopen`

use crate::{app::App, cli::IdsArgs, commands::selection, domain::StatusFilter, error::Result, output::json};

command!("reopen", "todo.command.reopen", IdsArgs);

fn execute(app: &mut App, args: IdsArgs) -> Result<()> {
    let ids = selection::ids(app, &args.ids, &args.selection, "Reopen", StatusFilter::Done)?;
    let now = app.clock.now();
    let todos = app.store()?.reopen(&ids, now)?;
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.changed_or_not(["Open again", "Open already"], &todos, now))
}
