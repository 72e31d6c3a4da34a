//! `todo accept`: the only way from a suggestion into a todo.

use crate::{
    app::App,
    cli::DecideArgs,
    domain::{Field, Invalid},
    error::Result,
    names,
    output::json,
    store::Choice,
};

command!("accept", "todo.command.accept", DecideArgs);

fn execute(app: &mut App, args: DecideArgs) -> Result<()> {
    let choice = choice(&args)?;
    let (todos, suggestions) = app.store()?.accept(&choice, app.clock.now())?;
    for suggestion in &suggestions {
        names::SUGGESTIONS_ACCEPTED.add(1, (app.model_label(&suggestion.model), suggestion.value.field()));
        tracing::info!(
            name: "ai.suggestion.accepted",
            { todo.id = suggestion.todo_id, todo.suggestion.field = suggestion.value.field().as_str() },
            "suggestion accepted"
        );
    }
    let document = json::Todos {
        todos: todos.iter().map(Into::into).collect(),
        suggestions: Some(suggestions.iter().map(Into::into).collect()),
    };
    let view = app.view();
    app.out.results(&document, || match todos.is_empty() {
        true => "No suggestions to accept.\n".to_owned(),
        false => todos.iter().map(|todo| view.todo(todo, &[])).collect::<Vec<_>>().join("\n"),
    })
}

/// What the arguments of `accept` and `reject` select.
pub(super) fn choice(args: &DecideArgs) -> Result<Choice> {
    let field = args.field.as_deref().map(|name| {
        Field::parse(&name.trim().to_lowercase().replace(['-', ' '], "_")).ok_or_else(|| {
            let hint = "use category, priority, estimate, due, tags or next_step";
            Invalid::new("field", format!("\"{name}\" is no field that suggestions are made for"), hint)
        })
    });
    Ok(match args.todo {
        Some(id) => Choice::Todo { id, field: field.transpose()? },
        None => Choice::Ids(args.ids.clone()),
    })
}
