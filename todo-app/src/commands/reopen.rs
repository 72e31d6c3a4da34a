//! `todo reopen`

use crate::{app::App, cli::IdsArgs, error::Result, output::json};

command!("reopen", "todo.command.reopen", IdsArgs);

fn execute(app: &mut App, args: IdsArgs) -> Result<()> {
    let todos = app.store()?.reopen(&args.ids, app.clock.now())?;
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.changed("Open again", &todos))
}
