//! `todo enrich`: suggestions for todos that exist already. Several are each on their own.

use crate::{
    analysis,
    app::App,
    cli::EnrichArgs,
    domain::{Status, Suggestion, Todo},
    error::{Error, Result},
    output::json,
    queue,
};

command!("enrich", "todo.command.enrich", EnrichArgs);

fn execute(app: &mut App, args: EnrichArgs) -> Result<()> {
    let todos = match args.all {
        true => app.store()?.without_enrichment()?,
        false => app.store()?.get(&args.ids)?,
    };
    if args.background {
        for todo in &todos {
            app.signals.check()?;
            queue::enqueue(app.store()?, todo, app.clock.now())?;
        }
        return show(app, &todos, &[], "queued");
    }
    let mut results = Vec::with_capacity(todos.len());
    for todo in &todos {
        let result = analysis::inline(app, todo);
        if let Err(error @ Error::Interrupted { .. }) = result {
            return Err(error);
        }
        // One failure that the next todo would meet as well is enough.
        let settled = matches!(&result, Err(Error::Enrich(error)) if error.exit_code() == 6);
        results.push(result);
        if settled {
            break;
        }
    }
    show(app, &todos, &results, "done")?;
    let failed = results.iter().filter(|result| result.is_err()).count();
    match results.into_iter().find_map(Result::err) {
        Some(error) if todos.len() == 1 || error.exit_code() == 6 => Err(error),
        Some(_) => Err(Error::SomeFailed { failed, total: todos.len() }),
        None => Ok(()),
    }
}

fn show(app: &mut App, todos: &[Todo], results: &[Result<Vec<Suggestion>>], good: &'static str) -> Result<()> {
    let enrichments = todos.iter().enumerate().map(|(index, todo)| {
        let (status, suggestions, error) = match results.get(index) {
            Some(Ok(suggestions)) => (good, suggestions.iter().map(Into::into).collect(), None),
            Some(Err(error)) => ("failed", Vec::new(), Some(error.into())),
            None if good == "queued" => (good, Vec::new(), None),
            None => ("skipped", Vec::new(), None),
        };
        json::Enrichment { todo_id: todo.id, status, suggestions, error }
    });
    let failed = results.iter().filter(|result| result.is_err()).count();
    let document = json::Enrichments { enrichments: enrichments.collect(), failed };
    let view = app.view();
    app.out.results(&document, || {
        let found: Vec<Suggestion> =
            results.iter().filter_map(|result| result.as_ref().ok()).flatten().cloned().collect();
        match good {
            _ if todos.is_empty() => "Nothing to enrich.\n".to_owned(),
            "queued" => format!("Queued {}; suggestions follow once `todo worker` has run.\n", todos.len()),
            _ if found.is_empty() && failed > 0 => String::new(),
            _ => view.suggestions(&found, true),
        }
    })?;
    if todos.len() > 1 {
        for (todo, error) in todos.iter().zip(results).filter_map(|(todo, result)| Some((todo, result.as_ref().err()?)))
        {
            app.out.warning(&format!("no suggestions for todo {}: {error}", todo.id));
        }
    }
    if let Some(done) = todos.iter().find(|todo| todo.status == Status::Done) {
        app.out.note(&format!("todo {} is done: its suggestions are kept but not offered", done.id));
    }
    Ok(())
}
