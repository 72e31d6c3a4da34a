//! Anthropic's messages: the answer is the input of a tool that the model is made to call, and that nobody runs.

use super::{
    EnrichError, Reply, Usage,
    client::{Client, Failure, Post, Rejection, idempotency_header, secret_header},
    prompt::{self, MAX_TOKENS, Prompt},
    retry::Attempts,
};
use crate::config::{AiConfig, Vendor};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Version of the interface.
const VERSION: &str = "2023-06-01";

/// A configured Anthropic-compatible provider.
pub(super) struct Anthropic {
    pub client: Client,
    pub model: String,
    key: Option<SecretString>,
    /// The server has been found not to take tools; the answer is text.
    plain: AtomicBool,
}

model_call!(Anthropic, "ai.provider.anthropic.request", Vendor::Anthropic);

impl Anthropic {
    pub fn new(config: &AiConfig, client: Client) -> Anthropic {
        Anthropic { client, model: config.model.clone(), key: config.api_key.clone(), plain: AtomicBool::new(false) }
    }

    /// Asks until the answer has a form that can be read, or another form would not help.
    async fn converse(
        &self,
        prompt: &Prompt,
        idempotency_key: Option<&str>,
        attempts: &mut Attempts<'_>,
    ) -> Result<Reply, EnrichError> {
        loop {
            let plain = self.plain.load(Ordering::Relaxed);
            let body = self.body(plain, prompt).to_string().into_bytes();
            let post = Post { interface: "messages", headers: self.headers(idempotency_key, &body)?, body };
            match attempts.post(&post).await {
                Ok(text) => return read(&text),
                Err(Failure::Rejected(rejection)) if !plain && refuses_tools(&rejection) => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn headers(&self, idempotency_key: Option<&str>, body: &[u8]) -> Result<HeaderMap, EnrichError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
        if let Some(key) = &self.key {
            secret_header(&mut headers, HeaderName::from_static("x-api-key"), key.expose_secret())?;
        }
        idempotency_header(&mut headers, idempotency_key, body);
        Ok(headers)
    }

    fn body(&self, plain: bool, prompt: &Prompt) -> Value {
        let messages = json!([{ "role": "user", "content": prompt.user }]);
        if plain {
            return json!({
                "model": self.model, "max_tokens": MAX_TOKENS, "system": prompt::system_with_schema(), "messages": messages,
            });
        }
        json!({
            "model": self.model,
            "max_tokens": MAX_TOKENS,
            "system": prompt::SYSTEM,
            "messages": messages,
            "tools": [{
                "name": prompt::NAME,
                "description": "Hands over the proposed values for the todo.",
                "input_schema": prompt::schema(),
            }],
            "tool_choice": { "type": "tool", "name": prompt::NAME, "disable_parallel_tool_use": true },
        })
    }
}

fn refuses_tools(rejection: &Rejection) -> bool {
    matches!(rejection.status, 400 | 422 | 500 | 501)
        && ["tool", "input_schema", "grammar"].iter().any(|word| rejection.about.contains(word))
}

fn read(text: &str) -> Result<Reply, EnrichError> {
    #[derive(Deserialize)]
    struct Body {
        id: Option<String>,
        model: Option<String>,
        content: Vec<Block>,
        stop_reason: Option<String>,
        usage: Option<Tokens>,
    }
    #[derive(Deserialize)]
    struct Block {
        r#type: String,
        text: Option<String>,
        name: Option<String>,
        input: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Tokens {
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
        cache_read_input_tokens: Option<u64>,
        cache_creation_input_tokens: Option<u64>,
    }
    let body: Body =
        serde_json::from_str(text).map_err(|_| EnrichError::InvalidResponse("not of the vendor's format"))?;
    match body.stop_reason.as_deref() {
        Some("refusal") => return Err(EnrichError::Refused),
        Some("max_tokens") => return Err(EnrichError::InvalidResponse("cut off at the token limit")),
        _ => {}
    }
    let mut answer = None;
    for block in body.content {
        match (block.r#type.as_str(), block.input) {
            ("tool_use", Some(input)) if block.name.as_deref() == Some(prompt::NAME) => {
                answer = Some(input.to_string());
                break;
            }
            ("text", _) if answer.is_none() => answer = block.text.filter(|text| !text.trim().is_empty()),
            _ => {}
        }
    }
    let usage = body.usage.map_or_else(Usage::default, |tokens| Usage {
        // The interface counts what came from the cache separately; it is billed input all the same.
        input_tokens: tokens.input_tokens.map(|input| {
            input
                .saturating_add(tokens.cache_read_input_tokens.unwrap_or(0))
                .saturating_add(tokens.cache_creation_input_tokens.unwrap_or(0))
        }),
        output_tokens: tokens.output_tokens,
        cache_read_tokens: tokens.cache_read_input_tokens,
        cache_creation_tokens: tokens.cache_creation_input_tokens,
        reasoning_tokens: None,
    });
    Ok(Reply {
        text: answer.ok_or(EnrichError::InvalidResponse("empty"))?,
        id: body.id,
        model: body.model,
        finish: body.stop_reason,
        usage,
        api: None,
    })
}
