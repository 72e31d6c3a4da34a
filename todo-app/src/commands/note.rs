//! `todo note`

use crate::{app::App, cli::NoteArgs, domain::text, error::Result, output::json};

command!("note", "todo.command.note", NoteArgs);

fn execute(app: &mut App, args: NoteArgs) -> Result<()> {
    todo_otel_runtime::set_attribute("todo.id", &args.id);
    let text = text::note(&args.text.join(" "))?;
    let todo = app.store()?.note(args.id, &text, app.clock.now())?;
    let document = json::One { todo: (&todo).into(), suggestions: None, enrichment: None };
    let view = app.view();
    app.out.results(&document, || view.changed("Noted", std::slice::from_ref(&todo)))
}
