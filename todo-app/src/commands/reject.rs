//! `todo reject`

use super::accept::choice;
use crate::{app::App, cli::DecideArgs, error::Result, names, output::json};

command!("reject", "todo.command.reject", DecideArgs);

fn execute(app: &mut App, args: DecideArgs) -> Result<()> {
    let suggestions = app.store()?.reject(&choice(&args)?, app.clock.now())?;
    for suggestion in &suggestions {
        names::SUGGESTIONS_REJECTED.add(1, (app.model_label(&suggestion.model), suggestion.value.field()));
        tracing::info!(
            name: "ai.suggestion.rejected",
            { todo.id = suggestion.todo_id, todo.suggestion.field = suggestion.value.field().as_str() },
            "suggestion rejected"
        );
    }
    let document = json::Suggestions { suggestions: suggestions.iter().map(Into::into).collect() };
    app.out.results(&document, || match suggestions.len() {
        0 => "No suggestions to reject.\n".to_owned(),
        1 => "Rejected 1 suggestion.\n".to_owned(),
        count => format!("Rejected {count} suggestions.\n"),
    })
}
