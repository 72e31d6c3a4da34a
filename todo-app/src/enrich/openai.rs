//! OpenAI and servers that speak its protocol: responses and chat completions, with a schema where it is understood.

use super::{
    EnrichError, Reply, Usage,
    client::{Client, Failure, Post, Rejection, idempotency_header, secret_header},
    prompt::{self, MAX_TOKENS, Prompt},
    retry::Attempts,
};
use crate::config::{AiConfig, OpenAiApi, Vendor};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A configured OpenAI-compatible provider.
pub(super) struct OpenAi {
    pub client: Client,
    pub model: String,
    key: Option<SecretString>,
    /// OpenAI itself rather than a server that speaks its protocol.
    official: bool,
    /// A refused interface may be replaced by the other one.
    may_change: bool,
    /// What the server has been found to understand, as `Shape`.
    shape: AtomicU8,
    /// The server wants the newer name of the token limit.
    completion_tokens: AtomicBool,
}

/// Interface and form of the request, from the strictest to what every server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Responses,
    ChatSchema,
    ChatObject,
    ChatPlain,
}

impl Shape {
    const ALL: [Shape; 4] = [Shape::Responses, Shape::ChatSchema, Shape::ChatObject, Shape::ChatPlain];

    const fn interface(self) -> &'static str {
        match self {
            Shape::Responses => "responses",
            Shape::ChatSchema | Shape::ChatObject | Shape::ChatPlain => "chat/completions",
        }
    }

    /// What to try after a refusal; `None` when another form would not help.
    fn after(self, rejection: &Rejection, may_change: bool) -> Option<Shape> {
        const FORM: [&str; 8] = [
            "response_format",
            "text.format",
            "json_schema",
            "json_object",
            "json mode",
            "structured output",
            "grammar",
            "schema",
        ];
        let about_form = matches!(rejection.status, 400 | 404 | 415 | 422 | 500 | 501)
            && FORM.iter().any(|word| rejection.about.contains(word));
        let no_interface = matches!(rejection.status, 404 | 405 | 501)
            && rejection.code.as_deref() != Some("model_not_found")
            && !(rejection.about.contains("model") && rejection.about.contains("not"));
        match self {
            Shape::Responses if may_change && (no_interface || about_form) => Some(Shape::ChatSchema),
            Shape::ChatSchema if about_form => Some(Shape::ChatObject),
            Shape::ChatObject if about_form => Some(Shape::ChatPlain),
            _ => None,
        }
    }
}

model_call!(OpenAi, "ai.provider.openai.request", Vendor::OpenAi);

impl OpenAi {
    pub fn new(config: &AiConfig, client: Client) -> OpenAi {
        let official = !config.custom_base_url;
        let first = match (config.api, official) {
            (OpenAiApi::Responses, _) | (OpenAiApi::Auto, true) => Shape::Responses,
            (OpenAiApi::ChatCompletions, _) | (OpenAiApi::Auto, false) => Shape::ChatSchema,
        };
        OpenAi {
            client,
            model: config.model.clone(),
            key: config.api_key.clone(),
            official,
            may_change: config.api == OpenAiApi::Auto,
            shape: AtomicU8::new(first as u8),
            completion_tokens: AtomicBool::new(official),
        }
    }

    /// Asks until the answer has a form that can be read, or another form would not help.
    async fn converse(
        &self,
        prompt: &Prompt,
        idempotency_key: Option<&str>,
        attempts: &mut Attempts<'_>,
    ) -> Result<Reply, EnrichError> {
        loop {
            let shape = self.shape();
            let body = self.body(shape, prompt).to_string().into_bytes();
            let post = Post { interface: shape.interface(), headers: self.headers(idempotency_key, &body)?, body };
            let rejection = match attempts.post(&post).await {
                Ok(text) if shape == Shape::Responses => return read_responses(&text),
                Ok(text) => return read_chat(&text),
                Err(Failure::Rejected(rejection)) => rejection,
                Err(failure) => return Err(failure.into()),
            };
            if rejection.about.contains("max_completion_tokens")
                && !self.completion_tokens.swap(true, Ordering::Relaxed)
            {
                continue;
            }
            match shape.after(&rejection, self.may_change) {
                Some(next) => self.shape.store(next as u8, Ordering::Relaxed),
                None => return Err(Failure::Rejected(rejection).into()),
            }
        }
    }

    fn shape(&self) -> Shape {
        let index = usize::from(self.shape.load(Ordering::Relaxed));
        Shape::ALL.get(index).copied().unwrap_or(Shape::ChatPlain)
    }

    fn headers(&self, idempotency_key: Option<&str>, body: &[u8]) -> Result<HeaderMap, EnrichError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            secret_header(&mut headers, AUTHORIZATION, &format!("Bearer {}", key.expose_secret()))?;
        }
        idempotency_header(&mut headers, idempotency_key, body);
        Ok(headers)
    }

    fn body(&self, shape: Shape, prompt: &Prompt) -> Value {
        if shape == Shape::Responses {
            return json!({
                "model": self.model,
                "instructions": prompt::SYSTEM,
                "input": [{ "role": "user", "content": prompt.user }],
                "text": { "format": {
                    "type": "json_schema", "name": prompt::NAME, "strict": true, "schema": prompt::schema(),
                } },
                "max_output_tokens": MAX_TOKENS,
                "store": false,
            });
        }
        let system = match shape {
            Shape::Responses | Shape::ChatSchema => prompt::SYSTEM.to_owned(),
            Shape::ChatObject | Shape::ChatPlain => prompt::system_with_schema(),
        };
        let mut body = json!({
            "model": self.model,
            "messages": [{ "role": "system", "content": system }, { "role": "user", "content": prompt.user }],
        });
        match shape {
            Shape::ChatSchema => {
                body["response_format"] = json!({
                    "type": "json_schema",
                    "json_schema": { "name": prompt::NAME, "strict": true, "schema": prompt::schema() },
                });
            }
            Shape::ChatObject => body["response_format"] = json!({ "type": "json_object" }),
            Shape::Responses | Shape::ChatPlain => {}
        }
        let limit = if self.completion_tokens.load(Ordering::Relaxed) { "max_completion_tokens" } else { "max_tokens" };
        body[limit] = json!(MAX_TOKENS);
        if self.official {
            body["store"] = json!(false);
        }
        body
    }
}

fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, EnrichError> {
    serde_json::from_str(text).map_err(|_| EnrichError::InvalidResponse("not of the vendor's format"))
}

const CUT_OFF: EnrichError = EnrichError::InvalidResponse("cut off at the token limit");

fn read_chat(text: &str) -> Result<Reply, EnrichError> {
    #[derive(Deserialize)]
    struct Body {
        id: Option<String>,
        model: Option<String>,
        choices: Vec<Choice>,
        usage: Option<Tokens>,
    }
    #[derive(Deserialize)]
    struct Choice {
        message: Message,
        finish_reason: Option<String>,
    }
    #[derive(Deserialize)]
    struct Message {
        content: Option<String>,
        refusal: Option<String>,
    }
    #[derive(Deserialize)]
    struct Tokens {
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        prompt_tokens_details: Option<Details>,
        completion_tokens_details: Option<Details>,
    }
    #[derive(Deserialize)]
    struct Details {
        cached_tokens: Option<u64>,
        reasoning_tokens: Option<u64>,
    }
    let body: Body = read(text)?;
    let choice = body.choices.into_iter().next().ok_or(EnrichError::InvalidResponse("empty"))?;
    let finish = choice.finish_reason;
    if choice.message.refusal.is_some_and(|text| !text.is_empty()) || finish.as_deref() == Some("content_filter") {
        return Err(EnrichError::Refused);
    }
    if finish.as_deref() == Some("length") {
        return Err(CUT_OFF);
    }
    let usage = body.usage.map_or_else(Usage::default, |tokens| Usage {
        input_tokens: tokens.prompt_tokens,
        output_tokens: tokens.completion_tokens,
        cache_read_tokens: tokens.prompt_tokens_details.and_then(|details| details.cached_tokens),
        cache_creation_tokens: None,
        reasoning_tokens: tokens.completion_tokens_details.and_then(|details| details.reasoning_tokens),
    });
    Ok(Reply {
        text: choice.message.content.ok_or(EnrichError::InvalidResponse("empty"))?,
        id: body.id,
        model: body.model,
        finish,
        usage,
        api: Some("chat_completions"),
    })
}

fn read_responses(text: &str) -> Result<Reply, EnrichError> {
    #[derive(Deserialize)]
    struct Body {
        id: Option<String>,
        model: Option<String>,
        status: Option<String>,
        incomplete_details: Option<Incomplete>,
        #[serde(default)]
        output: Vec<Item>,
        usage: Option<Tokens>,
    }
    #[derive(Deserialize)]
    struct Incomplete {
        reason: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        content: Option<Vec<Part>>,
    }
    #[derive(Deserialize)]
    struct Part {
        r#type: String,
        text: Option<String>,
    }
    #[derive(Deserialize)]
    struct Tokens {
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
        input_tokens_details: Option<Details>,
        output_tokens_details: Option<Details>,
    }
    #[derive(Deserialize)]
    struct Details {
        cached_tokens: Option<u64>,
        reasoning_tokens: Option<u64>,
    }
    let body: Body = read(text)?;
    match (body.status.as_deref(), body.incomplete_details.and_then(|details| details.reason).as_deref()) {
        (Some("incomplete"), Some("content_filter")) => return Err(EnrichError::Refused),
        (Some("incomplete"), _) => return Err(CUT_OFF),
        (Some("failed" | "cancelled"), _) => return Err(EnrichError::InvalidResponse("the vendor reports a failure")),
        _ => {}
    }
    let mut answer = None;
    for part in body.output.into_iter().filter_map(|item| item.content).flatten() {
        match part.r#type.as_str() {
            "refusal" => return Err(EnrichError::Refused),
            "output_text" if answer.is_none() => answer = part.text,
            _ => {}
        }
    }
    let usage = body.usage.map_or_else(Usage::default, |tokens| Usage {
        input_tokens: tokens.input_tokens,
        output_tokens: tokens.output_tokens,
        cache_read_tokens: tokens.input_tokens_details.and_then(|details| details.cached_tokens),
        cache_creation_tokens: None,
        reasoning_tokens: tokens.output_tokens_details.and_then(|details| details.reasoning_tokens),
    });
    Ok(Reply {
        text: answer.ok_or(EnrichError::InvalidResponse("empty"))?,
        id: body.id,
        model: body.model,
        finish: body.status,
        usage,
        api: Some("responses"),
    })
}
