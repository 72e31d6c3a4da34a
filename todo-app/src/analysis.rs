//! One todo through the enricher into the store. Nothing is applied here; people accept.

use std::time::{Duration, Instant};

use crate::{
    app::App,
    domain::{EnrichmentMode, Suggestion, Todo},
    enrich::{self, Enrichment, EnrichmentRequest},
    error::{Error, Result},
    names::SUGGESTIONS_OFFERED,
    store::NewEnrichment,
};

/// How often the progress indicator moves and signals are looked at.
const TICK: Duration = Duration::from_millis(80);

/// Asks for suggestions and waits, with a progress indicator for people. A signal cancels the request.
///
/// # Errors
/// [`Error::Enrich`] when the provider failed, [`Error::Interrupted`] on a signal; the todo is safe in every case.
pub fn inline(app: &App, todo: &Todo) -> Result<Vec<Suggestion>> {
    let enricher = app.enricher()?;
    let store = app.store()?;
    let request = request(todo, app.clock.today(), EnrichmentMode::Inline, todo.uuid.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Io { action: "starting the enrichment".into(), source })?;
    // The wait for another writer is part of what the user is asked to wait for.
    let (started, budget) = (Instant::now(), app.config()?.ai.budget);
    let analysis = enrich::analyze(enricher, store, &request, async |enrichment| {
        let new = to_store(todo, EnrichmentMode::Inline, &enrichment);
        let suggestions = store.save_enrichment(&new, budget.saturating_sub(started.elapsed()), app.clock.now())?;
        offered(&suggestions);
        Ok::<_, Error>(suggestions)
    });
    let mut progress = app.out.progress(&format!("asking {} for suggestions", enricher.provider()));
    let result = runtime.block_on(async {
        tokio::pin!(analysis);
        loop {
            tokio::select! {
                biased;
                result = &mut analysis => return result,
                () = tokio::time::sleep(TICK) => {
                    app.signals.check()?;
                    progress.tick();
                }
            }
        }
    });
    // A host name that is still being looked up must not hold the command.
    runtime.shutdown_background();
    result
}

/// What a provider gets to see of a todo.
pub fn request(todo: &Todo, today: jiff::civil::Date, mode: EnrichmentMode, key: String) -> EnrichmentRequest {
    EnrichmentRequest {
        todo_id: todo.id,
        title: todo.title.clone(),
        description: todo.description.clone(),
        project: todo.project.clone(),
        tags: todo.tags.clone(),
        today,
        mode,
        idempotency_key: Some(key),
    }
}

/// A request that stands for any other, about no todo of the user's.
pub fn sample(today: jiff::civil::Date, mode: EnrichmentMode) -> EnrichmentRequest {
    EnrichmentRequest {
        todo_id: 0,
        title: "Buy milk".to_owned(),
        description: None,
        project: None,
        tags: Vec::new(),
        today,
        mode,
        idempotency_key: None,
    }
}

/// Counts what was suggested.
pub fn offered(suggestions: &[Suggestion]) {
    tracing::debug!(todo.count = suggestions.len(), "suggestions stored");
    for suggestion in suggestions {
        SUGGESTIONS_OFFERED.add(1, (enrich::model_label(&suggestion.model), suggestion.value.field()));
    }
}

/// The form in which the store keeps an enrichment.
pub fn to_store(todo: &Todo, mode: EnrichmentMode, enrichment: &Enrichment) -> NewEnrichment {
    NewEnrichment {
        todo_id: todo.id,
        todo_version: todo.version,
        provider: enrichment.provider.to_owned(),
        model: enrichment.model.clone(),
        mode,
        confidence: enrichment.confidence().unwrap_or(0.0),
        attempts: enrichment.attempts,
        input_tokens: enrichment.usage.input_tokens,
        output_tokens: enrichment.usage.output_tokens,
        suggestions: enrichment.suggestions.clone(),
    }
}
