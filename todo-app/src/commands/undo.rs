//! `todo undo`

use crate::{app::App, error::Result, output::json};

command!("undo", "todo.command.undo", ());

fn execute(app: &mut App, (): ()) -> Result<()> {
    let undone = app.store()?.undo(app.clock.now())?;
    let document = json::Undone {
        operation: undone.as_ref().map(|undone| undone.operation.clone()),
        todos: undone.iter().flat_map(|undone| &undone.todos).map(Into::into).collect(),
    };
    let view = app.view();
    app.out.results(&document, || match &undone {
        Some(undone) => view.changed(&format!("Took back {}:", undone.operation), &undone.todos),
        None => "Nothing to take back.\n".to_owned(),
    })
}
