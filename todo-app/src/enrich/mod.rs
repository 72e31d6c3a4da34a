//! Enrichment: what a model, or the built-in rules, suggest for a todo.
//!
//! The only code that speaks HTTP. It stores nothing and applies nothing: the result is a list of suggestions, and only
//! the user's `accept` changes a todo. No prompt, reply or key is ever logged or recorded here.

#[macro_use]
mod model_call;

mod anthropic;
mod breaker;
mod client;
mod endpoint;
mod error;
mod local;
mod openai;
mod parse;
mod prompt;
mod retry;
mod shared;
mod telemetry;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use parse::reply as parse_reply;

use crate::{
    config::{AiConfig, Vendor},
    domain::{EnrichmentMode, Field, NewSuggestion},
};
use anthropic::Anthropic;
use client::Client;
use endpoint::Endpoint;
use jiff::civil::Date;
use openai::OpenAi;
use prompt::Prompt;
use retry::Attempts;
use std::{
    fmt,
    time::{Duration, Instant},
};
use todo_otel_runtime::{ErrorClass, red_metrics, traced};

pub use error::EnrichError;
pub use local::Local;
pub use shared::{ProcessState, SharedState, Unavailable};
pub use telemetry::model_label;

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
    /// Mean confidence of the suggestions to three decimals; `None` when there is none.
    pub fn confidence(&self) -> Option<f64> {
        let n = self.suggestions.len();
        let mean = self.suggestions.iter().map(|s| s.confidence).sum::<f64>() / n as f64;
        (n > 0).then(|| (mean * 1000.0).round() / 1000.0)
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
    /// Part of the input that came from the vendor's cache.
    pub cache_read_tokens: Option<u64>,
    /// Part of the input that the vendor put into its cache.
    pub cache_creation_tokens: Option<u64>,
    /// Part of the output that the model used for thinking.
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    fn input(&self) -> Option<i64> {
        signed(self.input_tokens)
    }

    fn output(&self) -> Option<i64> {
        signed(self.output_tokens)
    }

    fn cache_read(&self) -> Option<i64> {
        signed(self.cache_read_tokens)
    }

    fn cache_creation(&self) -> Option<i64> {
        signed(self.cache_creation_tokens)
    }

    fn reasoning(&self) -> Option<i64> {
        signed(self.reasoning_tokens)
    }
}

fn signed(tokens: Option<u64>) -> Option<i64> {
    tokens.and_then(|tokens| i64::try_from(tokens).ok())
}

/// A configured provider. Cheap to make: no connection, no TLS set-up, no thread before the first request.
pub struct Enricher {
    provider: Provider,
    timeout: Duration,
    budget: Duration,
    own_state: ProcessState,
}

enum Provider {
    Local(Local),
    OpenAi(OpenAi),
    Anthropic(Anthropic),
}

/// Chooses the provider; refuses settings that would leak a key or cannot work.
pub fn from_config(config: &AiConfig) -> Result<Enricher, EnrichError> {
    telemetry::allow_models(&config.model, &config.models);
    let provider = match config.vendor {
        Vendor::Local => Provider::Local(Local),
        Vendor::OpenAi => Provider::OpenAi(OpenAi::new(config, client(config)?)),
        Vendor::Anthropic => Provider::Anthropic(Anthropic::new(config, client(config)?)),
    };
    Ok(Enricher { provider, timeout: config.timeout, budget: config.budget, own_state: ProcessState::default() })
}

/// A vendor's own server refuses calls without a key, so they are not even made.
fn client(config: &AiConfig) -> Result<Client, EnrichError> {
    if config.api_key.is_none() && !config.custom_base_url {
        let variable = if config.vendor == Vendor::Anthropic { "ANTHROPIC_API_KEY" } else { "OPENAI_API_KEY" };
        return Err(EnrichError::Config {
            problem: format!("no API key for {}", config.vendor.as_str()),
            hint: format!("set {variable}, or `[ai] provider = \"local\"` for the built-in rules"),
        });
    }
    Ok(Client::new(Endpoint::new(config)?, config.vendor.as_str()))
}

impl Enricher {
    /// `openai`, `anthropic` or `local`.
    pub fn provider(&self) -> &'static str {
        match &self.provider {
            Provider::Local(_) => Vendor::Local.as_str(),
            Provider::OpenAi(_) => Vendor::OpenAi.as_str(),
            Provider::Anthropic(_) => Vendor::Anthropic.as_str(),
        }
    }

    /// Model that is asked for.
    pub fn model(&self) -> &str {
        match &self.provider {
            Provider::Local(_) => local::MODEL,
            Provider::OpenAi(openai) => &openai.model,
            Provider::Anthropic(anthropic) => &anthropic.model,
        }
    }

    /// Asks the provider and validates the reply. Bounded by the budget of `request.mode`; dropping the future cancels it.
    pub async fn enrich(
        &self,
        shared: &dyn SharedState,
        request: &EnrichmentRequest,
    ) -> Result<Enrichment, EnrichError> {
        let client = match &self.provider {
            Provider::Local(local) => {
                let reply = local.request(request).await?;
                return self.enrichment(parse::reply(&reply.text, request.today)?, 0, Usage::default());
            }
            Provider::OpenAi(openai) => &openai.client,
            Provider::Anthropic(anthropic) => &anthropic.client,
        };
        let started = Instant::now();
        let (own, timeout, mode) = (&self.own_state, self.timeout, request.mode);
        let budget = match mode {
            EnrichmentMode::Inline => self.budget,
            EnrichmentMode::Background => BACKGROUND_BUDGET,
        };
        let mut attempts = Attempts {
            client,
            shared,
            own,
            mode,
            timeout,
            started,
            deadline: started + budget,
            made: 0,
            known: None,
            alone: false,
        };
        let mut usage = Usage::default();
        let result = self.ask(request, &mut attempts, &mut usage).await;
        todo_otel_runtime::set_attribute("todo.ai.attempts", &i64::from(attempts.made));
        let class = result.as_ref().err().map(EnrichError::class);
        telemetry::operation(self.provider(), self.model(), &client.endpoint, class, usage, started.elapsed());
        self.enrichment(result?, attempts.made, usage)
    }

    async fn ask(
        &self,
        request: &EnrichmentRequest,
        attempts: &mut Attempts<'_>,
        usage: &mut Usage,
    ) -> Result<Vec<NewSuggestion>, EnrichError> {
        let prompt = Prompt::new(request)?;
        let key = request.idempotency_key.as_deref();
        let reply = match &self.provider {
            Provider::Local(local) => local.request(request).await?,
            Provider::OpenAi(openai) => openai.request(&prompt, key, attempts).await?,
            Provider::Anthropic(anthropic) => anthropic.request(&prompt, key, attempts).await?,
        };
        *usage = reply.usage;
        parse::reply(&reply.text, request.today)
    }

    fn enrichment(
        &self,
        suggestions: Vec<NewSuggestion>,
        attempts: u32,
        usage: Usage,
    ) -> Result<Enrichment, EnrichError> {
        let (provider, model) = (self.provider(), self.model().to_owned());
        Ok(Enrichment { provider, model, suggestions, attempts, usage })
    }
}

/// A provider's answer before validation.
pub(crate) struct Reply {
    /// JSON text of the agreed schema, not yet trusted.
    text: String,
    id: Option<String>,
    /// Model that answered.
    model: Option<String>,
    finish: Option<String>,
    usage: Usage,
    /// Which of OpenAI's interfaces.
    api: Option<&'static str>,
}

impl Reply {
    fn finish_reasons(&self) -> Vec<&str> {
        self.finish.iter().map(String::as_str).collect()
    }
}

impl fmt::Debug for Enricher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enricher").field("provider", &self.provider()).field("model", &self.model()).finish()
    }
}

/// Asks the provider, then hands the result to `save`, all inside the span `ai.enrichment.analyze`.
///
/// `shared` is where all processes keep what they know about the provider: the store.
pub async fn analyze<T, E: From<EnrichError> + std::error::Error>(
    enricher: &Enricher,
    shared: &dyn SharedState,
    request: &EnrichmentRequest,
    save: impl AsyncFnOnce(Enrichment) -> Result<T, E>,
) -> Result<T, E> {
    ask_and_save(enricher, shared, request, save).await.map_err(|failed| match failed {
        Failed::Ask(error) => error.into(),
        Failed::Save(error) => error,
    })
}

/// Which half of an analysis failed; says what its cause says, so that one failure is told once.
#[derive(Debug)]
enum Failed<E> {
    Ask(EnrichError),
    Save(E),
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Ask(error) => error.fmt(f),
            Failed::Save(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Failed::Ask(_) => None,
            Failed::Save(error) => error.source(),
        }
    }
}

impl<E> ErrorClass for Failed<E> {
    fn class(&self) -> &'static str {
        match self {
            Failed::Ask(error) => error.class(),
            Failed::Save(_) => "database",
        }
    }
}

#[traced(
    name = "ai.enrichment.analyze",
    attributes(
        todo.id = request.todo_id,
        todo.enrichment.mode = request.mode.as_str(),
        gen_ai.provider.name = enricher.provider(),
        gen_ai.request.model = enricher.model(),
    )
)]
#[red_metrics(
    name = "ai.enrichment",
    labels(
        gen_ai.provider.name = enricher.provider(),
        duration: gen_ai.request.model = model_label(enricher.model()),
    ),
    buckets(0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0),
    objective(latency = "5s" @ 95, except(gen_ai.provider.name = "local"))
)]
async fn ask_and_save<T, E: std::error::Error, S: AsyncFnOnce(Enrichment) -> Result<T, E>>(
    enricher: &Enricher,
    shared: &dyn SharedState,
    request: &EnrichmentRequest,
    save: S,
) -> Result<T, Failed<E>> {
    let started = Instant::now();
    let (provider, model) = (enricher.provider(), enricher.model());
    tracing::info!(
        name: "ai.enrichment.started",
        { todo.id = request.todo_id, gen_ai.provider.name = provider, gen_ai.request.model = model },
        "AI enrichment started"
    );
    let enrichment = enricher.enrich(shared, request).await.map_err(Failed::Ask)?;
    let confidence = enrichment.confidence();
    if let Some(confidence) = confidence {
        todo_otel_runtime::set_attribute("todo.suggestion.confidence", &confidence);
    }
    let saved = save(enrichment).await.map_err(Failed::Save)?;
    tracing::info!(
        name: "ai.enrichment.completed",
        {
            todo.id = request.todo_id,
            gen_ai.provider.name = provider,
            gen_ai.request.model = model,
            todo.suggestion.confidence = confidence,
            todo.duration = started.elapsed().as_secs_f64(),
        },
        "AI enrichment completed"
    );
    Ok(saved)
}

/// Total time a worker gives one job's attempts.
pub const BACKGROUND_BUDGET: Duration = Duration::from_secs(120);
