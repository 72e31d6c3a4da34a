//! `todo delete`

use crate::{
    app::App,
    cli::IdsArgs,
    commands::selection,
    domain::StatusFilter,
    error::Result,
    names::{Source, TODOS_DELETED},
    output::json,
};

command!("delete", "todo.command.delete", IdsArgs);

fn execute(app: &mut App, args: IdsArgs) -> Result<()> {
    let ids = selection::ids(app, &args.ids, &args.selection, "Delete", StatusFilter::Open)?;
    let todos = app.store()?.delete(&ids, app.clock.now())?;
    TODOS_DELETED.add(todos.len() as u64, (Source::Cli,));
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.changed("Deleted", &todos))
}
