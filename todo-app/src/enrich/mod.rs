//! Enrichment: what a model, or the built-in rules, suggest for a todo.
//!
//! The only code that speaks HTTP. It stores nothing and applies nothing: the result is a list of suggestions, and only
//! the user's `accept` changes a todo. No prompt, reply or key is ever logged or recorded here.

mod error;
mod local;
mod parse;
mod shared;

use crate::{
    config::{AiConfig, Vendor},
    domain::{EnrichmentMode, Field, NewSuggestion},
};
use jiff::civil::Date;
use std::{fmt, time::Duration};

pub use error::EnrichError;
pub use local::Local;
pub use shared::SharedState;

/// What is known about the todo; everything a provider gets to see.
#[derive(Clone, Debug)]
pub struct EnrichmentRequest {
    /// Row of the todo; for telemetry only, never sent.
    pub todo_id: i64,
    /// As the user typed it.
    pub title: String,
    /// Notes.
    pub description: Option<String>,
    /// Project the todo belongs to.
    pub project: Option<String>,
    /// Tags the todo already has.
    pub tags: Vec<String>,
    /// The user's date, from which "tomorrow" counts.
    pub today: Date,
    /// Who waits for the answer; decides the budget.
    pub mode: EnrichmentMode,
    /// Sent as `Idempotency-Key`, not relied upon.
    pub idempotency_key: Option<String>,
}

/// What came back, validated: within every limit, free of control and bidi characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrichment {
    /// `openai`, `anthropic` or `local`.
    pub provider: &'static str,
    /// Model that was asked for.
    pub model: String,
    /// At most one per field, in the order of [`Field::ALL`].
    pub suggestions: Vec<NewSuggestion>,
    /// HTTP attempts made; 0 for `local`.
    pub attempts: u32,
    /// Billed tokens, when the provider says so.
    pub usage: Usage,
}

impl Enrichment {
    /// Mean confidence of the suggestions; `None` when there is none.
    pub fn confidence(&self) -> Option<f64> {
        let n = self.suggestions.len();
        (n > 0).then(|| self.suggestions.iter().map(|s| s.confidence).sum::<f64>() / n as f64)
    }

    /// The suggestion for a field.
    pub fn get(&self, field: Field) -> Option<&NewSuggestion> {
        self.suggestions.iter().find(|suggestion| suggestion.value.field() == field)
    }
}

/// Tokens as billed; for Anthropic the input includes what came from the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Usage {
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
}

/// A configured provider. Cheap to make: no connection, no TLS set-up, no thread before the first request.
pub struct Enricher {
    provider: Provider,
}

enum Provider {
    Local(Local),
}

/// Chooses the provider; refuses settings that would leak a key or cannot work.
pub fn from_config(config: &AiConfig) -> Result<Enricher, EnrichError> {
    let provider = match config.vendor {
        Vendor::Local => Provider::Local(Local),
        vendor @ (Vendor::OpenAi | Vendor::Anthropic) => {
            return Err(EnrichError::Config {
                problem: format!("provider {} is not built in", vendor.as_str()),
                hint: "set `[ai] provider = \"local\"`".to_owned(),
            });
        }
    };
    Ok(Enricher { provider })
}

impl Enricher {
    /// `openai`, `anthropic` or `local`.
    pub fn provider(&self) -> &'static str {
        match &self.provider {
            Provider::Local(_) => Vendor::Local.as_str(),
        }
    }

    /// Model that is asked for.
    pub fn model(&self) -> &str {
        match &self.provider {
            Provider::Local(_) => local::MODEL,
        }
    }

    /// Asks the provider and validates the reply. Bounded by the budget of `request.mode`; dropping the future cancels it.
    pub async fn enrich(
        &self,
        _shared: &dyn SharedState,
        request: &EnrichmentRequest,
    ) -> Result<Enrichment, EnrichError> {
        let reply = match &self.provider {
            Provider::Local(local) => local.request(request).await?,
        };
        let suggestions = parse::reply(&reply.text, request.today)?;
        Ok(Enrichment {
            provider: self.provider(),
            model: self.model().to_owned(),
            suggestions,
            attempts: reply.attempts,
            usage: reply.usage,
        })
    }
}

/// A provider's answer before validation.
pub(crate) struct Reply {
    /// JSON text of the agreed schema, not yet trusted.
    text: String,
    attempts: u32,
    usage: Usage,
}

impl fmt::Debug for Enricher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enricher").field("provider", &self.provider()).field("model", &self.model()).finish()
    }
}

/// `ai.enrichment.analyze`: asks the provider, then hands the result to `save`, all inside one span.
///
/// `shared` is where all processes keep what they know about the provider: the store.
pub async fn analyze<T, E: From<EnrichError>>(
    enricher: &Enricher,
    shared: &dyn SharedState,
    request: &EnrichmentRequest,
    save: impl AsyncFnOnce(Enrichment) -> Result<T, E>,
) -> Result<T, E> {
    let enrichment = enricher.enrich(shared, request).await?;
    save(enrichment).await
}

/// Total time a worker gives one job's attempts.
pub const BACKGROUND_BUDGET: Duration = Duration::from_secs(120);
