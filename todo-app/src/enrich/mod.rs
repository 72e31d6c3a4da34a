//! Enrichment: what a model, or the built-in rules, suggest for a todo.
//!
//! The only code that speaks HTTP. It stores nothing and applies nothing: the result is a list of suggestions, and only
//! the user's `accept` changes a todo. No prompt, reply or key is ever logged or recorded here.

mod error;
mod local;
mod parse;

use crate::config::{AiConfig, Vendor};
use jiff::civil::Date;
use std::{fmt, time::Duration};

pub use error::EnrichError;
pub use local::Local;

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
    pub mode: Mode,
    /// Sent as `Idempotency-Key`, not relied upon.
    pub idempotency_key: Option<String>,
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person at a terminal: `[ai] budget`, 20 s unless set otherwise.
    Inline,
    /// The worker: 120 s, and the queue tries again later.
    Background,
}

impl Mode {
    /// Value of `todo.enrichment.mode`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Inline => "inline",
            Mode::Background => "background",
        }
    }
}

/// How much a todo matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Nice to have.
    Low,
    /// Neither.
    Medium,
    /// Costs something if it is late.
    High,
}

impl Priority {
    /// All values, rising.
    pub const ALL: [Priority; 3] = [Priority::Low, Priority::Medium, Priority::High];

    /// `low`, `medium` or `high`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
        }
    }
}

/// What came back, validated: within every limit, free of control and bidi characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrichment {
    /// `openai`, `anthropic` or `local`.
    pub provider: &'static str,
    /// Model that was asked for.
    pub model: String,
    /// At most one per field, in the order of [`Field::ALL`].
    pub suggestions: Vec<Suggestion>,
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
    pub fn get(&self, field: Field) -> Option<&Suggestion> {
        self.suggestions.iter().find(|suggestion| suggestion.value.field() == field)
    }
}

/// One proposed change of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Field and new value.
    pub value: Value,
    /// 0 (a guess) to 1 (said in the text).
    pub confidence: f64,
    /// Why, in at most 200 characters.
    pub reason: String,
}

/// Field and proposed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// At most 40 characters.
    Category(String),
    /// See [`Priority`].
    Priority(Priority),
    /// Minutes of work, 1 minute to 1 year.
    Estimate(u32),
    /// Within ten years of today.
    Due(Date),
    /// 1 to 10 tags of `[a-z0-9-]{1,32}`, no duplicates.
    Tags(Vec<String>),
    /// The first thing to do, at most 200 characters.
    NextStep(String),
}

impl Value {
    /// Which field it is for.
    pub const fn field(&self) -> Field {
        match self {
            Value::Category(_) => Field::Category,
            Value::Priority(_) => Field::Priority,
            Value::Estimate(_) => Field::Estimate,
            Value::Due(_) => Field::Due,
            Value::Tags(_) => Field::Tags,
            Value::NextStep(_) => Field::NextStep,
        }
    }

    /// Reads back what `Display` wrote for this field; `None` when it is not a valid value.
    pub fn from_text(field: Field, text: &str) -> Option<Value> {
        Some(match field {
            Field::Category => Value::Category(text.to_owned()),
            Field::Priority => Value::Priority(Priority::ALL.into_iter().find(|p| p.as_str() == text)?),
            Field::Estimate => Value::Estimate(text.parse().ok()?),
            Field::Due => Value::Due(text.parse().ok()?),
            Field::Tags => Value::Tags(text.split(',').map(str::to_owned).collect()),
            Field::NextStep => Value::NextStep(text.to_owned()),
        })
    }
}

/// The form in which a suggestion is stored: minutes for an estimate, ISO date, tags joined by commas.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Category(text) | Value::NextStep(text) => f.write_str(text),
            Value::Priority(priority) => f.write_str(priority.as_str()),
            Value::Estimate(minutes) => write!(f, "{minutes}"),
            Value::Due(date) => write!(f, "{date}"),
            Value::Tags(tags) => f.write_str(&tags.join(",")),
        }
    }
}

/// Fields a suggestion can be for; the closed set of `todo.suggestion.field`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "see `Value`")]
pub enum Field {
    Category,
    Priority,
    Estimate,
    Due,
    Tags,
    NextStep,
}

impl Field {
    /// All fields, in the order of display.
    pub const ALL: [Field; 6] =
        [Field::Category, Field::Priority, Field::Estimate, Field::Due, Field::Tags, Field::NextStep];

    /// Name in the database, on the command line and in telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Category => "category",
            Field::Priority => "priority",
            Field::Estimate => "estimate",
            Field::Due => "due",
            Field::Tags => "tags",
            Field::NextStep => "next_step",
        }
    }

    /// The reverse of [`Field::as_str`]; also takes `next-step`.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.as_str() == name.replace('-', "_"))
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
    pub async fn enrich(&self, request: &EnrichmentRequest) -> Result<Enrichment, EnrichError> {
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

/// `ai.enrichment.analyze`: asks the provider, then hands the result to `save`, all inside one span.
pub async fn analyze<T, E: From<EnrichError>>(
    enricher: &Enricher,
    request: &EnrichmentRequest,
    save: impl AsyncFnOnce(Enrichment) -> Result<T, E>,
) -> Result<T, E> {
    let enrichment = enricher.enrich(request).await?;
    save(enrichment).await
}

/// Total time a worker gives one job's attempts.
pub const BACKGROUND_BUDGET: Duration = Duration::from_secs(120);
