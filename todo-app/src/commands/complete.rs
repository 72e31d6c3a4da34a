//! `todo complete`

use crate::{app::App, cli::IdsArgs, error::Result, output::json};

command!("complete", "todo.command.complete", IdsArgs);

fn execute(app: &mut App, args: IdsArgs) -> Result<()> {
    let todos = app.store()?.complete(&args.ids, app.clock.now())?;
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.changed("Done", &todos))
}
