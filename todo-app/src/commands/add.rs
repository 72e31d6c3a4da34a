//! `todo add`: the todo is stored first; suggestions come after it and can fail without harm.

use crate::{
    analysis,
    app::App,
    cli::AddArgs,
    commands::input,
    config::EnrichDefault,
    domain::{EnrichmentMode, NewTodo, Suggestion, Todo, text},
    error::{Error, Result},
    names::{Source, TODOS_CREATED},
    output::json,
    queue,
    store::NewJob,
};

command!("add", "todo.command.add", AddArgs);

fn execute(app: &mut App, args: AddArgs) -> Result<()> {
    let mode = mode(app, &args)?;
    let new = NewTodo {
        uuid: uuid::Uuid::new_v4().to_string(),
        title: text::title(&args.title)?,
        description: args.description.as_deref().map(text::description).transpose()?.flatten(),
        priority: args.priority.as_deref().map(input::priority).transpose()?,
        project: args.project.as_deref().map(text::project).transpose()?,
        due: args.due.as_deref().map(|due| input::day(app, due)).transpose()?,
        tags: text::tags(args.tags.iter().map(String::as_str))?,
        notes: Vec::new(),
    };
    let todo = match mode {
        Some(EnrichmentMode::Background) => queue::create(app.store()?, &new, app.clock.now())?,
        _ => app.store()?.create(&new, None::<&NewJob>, app.clock.now())?,
    };
    todo_otel_runtime::set_attribute("todo.id", &todo.id);
    TODOS_CREATED.add(1, (Source::Cli,));
    tracing::info!(name: "todo.created", { todo.id = todo.id }, "todo created");

    let enriched = match mode {
        Some(EnrichmentMode::Inline) => {
            todo_otel_runtime::set_attribute("todo.enrichment.mode", &EnrichmentMode::Inline.as_str());
            Some(analysis::inline(app, &todo))
        }
        Some(EnrichmentMode::Background) => {
            todo_otel_runtime::set_attribute("todo.enrichment.mode", &EnrichmentMode::Background.as_str());
            None
        }
        None => None,
    };
    // Interrupted while waiting: the todo is there, and the command ends as the signal says.
    if let Some(Err(error @ Error::Interrupted { .. })) = enriched {
        app.out.note(&format!("todo {} is saved, without suggestions", todo.id));
        return Err(error);
    }
    show(app, &todo, mode, enriched)
}

/// Flags over configuration. A variable of the environment that the enrichment cannot use loses no todo; a configuration file
/// that cannot be used stops every command.
fn mode(app: &App, args: &AddArgs) -> Result<Option<EnrichmentMode>> {
    Ok(match app.config()?.ai.enrich {
        _ if args.no_enrich => None,
        _ if args.background => Some(EnrichmentMode::Background),
        EnrichDefault::Inline => Some(EnrichmentMode::Inline),
        EnrichDefault::Background => Some(EnrichmentMode::Background),
        EnrichDefault::Off => None,
    })
}

fn show(
    app: &mut App,
    todo: &Todo,
    mode: Option<EnrichmentMode>,
    enriched: Option<Result<Vec<Suggestion>>>,
) -> Result<()> {
    let (suggestions, failure) = match enriched {
        Some(Ok(suggestions)) => (suggestions, None),
        Some(Err(error)) => (Vec::new(), Some(error)),
        None => (Vec::new(), None),
    };
    let status = match mode {
        _ if failure.is_some() => "failed",
        Some(EnrichmentMode::Inline) => "done",
        Some(EnrichmentMode::Background) => "queued",
        None => "skipped",
    };
    let document = json::One {
        todo: todo.into(),
        suggestions: None,
        enrichment: Some(json::Enrichment {
            todo_id: todo.id,
            status,
            suggestions: suggestions.iter().map(Into::into).collect(),
            error: failure.as_ref().map(Into::into),
        }),
    };
    let view = app.view();
    app.out.results(&document, || {
        let mut text = view.added(todo);
        match status {
            "done" if !suggestions.is_empty() => {
                text.push_str(&view.suggestions(&suggestions, false));
                text.push_str(&format!("Apply them with `todo accept --todo {}`, or one by its ID.\n", todo.id));
            }
            "queued" => text.push_str("Suggestions follow once `todo worker` has run.\n"),
            _ => {}
        }
        text
    })?;
    if let Some(error) = failure {
        app.out.warning(&format!("no suggestions for todo {}: {error}", todo.id));
        app.out.note(&format!("the todo is saved; {}", error.hint().unwrap_or_default()));
    }
    Ok(())
}
