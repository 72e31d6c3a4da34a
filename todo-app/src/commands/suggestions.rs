//! `todo suggestions`

use crate::{app::App, cli::SuggestionsArgs, error::Result, output::json};

command!("suggestions", "todo.command.suggestions", SuggestionsArgs);

fn execute(app: &mut App, args: SuggestionsArgs) -> Result<()> {
    let suggestions = app.store_to_read()?.suggestions(args.todo, !args.all, app.clock.now())?;
    let document = json::Suggestions { suggestions: suggestions.iter().map(Into::into).collect() };
    let view = app.view();
    app.out.results(&document, || view.suggestions(&suggestions, true))
}
