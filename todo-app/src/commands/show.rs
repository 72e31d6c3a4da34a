//! `todo show`

use crate::{app::App, cli::IdArgs, error::Result, output::json};

command!("show", "todo.command.show", IdArgs);

fn execute(app: &mut App, args: IdArgs) -> Result<()> {
    todo_otel_runtime::set_attribute("todo.id", &args.id);
    let store = app.store_to_read()?;
    let todos = store.get(&[args.id])?;
    let suggestions = store.suggestions(Some(args.id), true, app.clock.now())?;
    let view = app.view();
    for todo in &todos {
        let document = json::One {
            todo: todo.into(),
            suggestions: Some(suggestions.iter().map(Into::into).collect()),
            enrichment: None,
        };
        app.out.results(&document, || view.todo(todo, &suggestions))?;
    }
    Ok(())
}
