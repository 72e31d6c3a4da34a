//! Metrics of enrichment. Names and bounds are those of the semantic conventions; spans are attributes on the functions.

use super::{Usage, endpoint::Endpoint};
use reqwest::header::HeaderMap;
use std::time::Duration;
use todo_otel_runtime::metrics::{AllowList, Code, Listed, gauge, histogram};

/// Hosts that may be a label: those of the configuration.
static HOSTS: AllowList = AllowList::new();
/// Models that may be a label.
static MODELS: AllowList = AllowList::new();

/// Models that the vendors document; others need `[ai] models`.
const DOCUMENTED: [&str; 14] = [
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "o4-mini",
    "claude-haiku-4-5",
    "claude-sonnet-4-5",
    "claude-opus-4-1",
    "claude-opus-4-5",
    "rules-1",
];

histogram! {
    /// Time from a model request to its validated form, all attempts included; not for `local`.
    static OPERATION_DURATION: f64 = "gen_ai.client.operation.duration",
    unit = "s",
    description = "Duration of a model call with all its attempts.",
    buckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    labels = {
        "gen_ai.operation.name": &'static str,
        "gen_ai.provider.name": &'static str,
        "gen_ai.request.model": Listed,
        "server.address": Listed,
        "server.port": Code,
        "error.type": Option<&'static str>,
    };
    /// Billed tokens of a model call; no point when the vendor does not say.
    static TOKEN_USAGE: u64 = "gen_ai.client.token.usage",
    unit = "{token}",
    description = "Billed input and output tokens of a model call.",
    buckets = [
        1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0,
        67108864.0,
    ],
    labels = {
        "gen_ai.operation.name": &'static str,
        "gen_ai.provider.name": &'static str,
        "gen_ai.token.type": &'static str,
        "gen_ai.request.model": Listed,
        "server.address": Listed,
        "server.port": Code,
    };
    /// One HTTP attempt until the head of its reply.
    static HTTP_DURATION: f64 = "http.client.request.duration",
    unit = "s",
    description = "Duration of an HTTP attempt until its response headers.",
    buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    labels = {
        "http.request.method": &'static str,
        "server.address": Listed,
        "server.port": Code,
        "http.response.status_code": Option<Code>,
        "error.type": Option<&'static str>,
        "network.protocol.version": &'static str,
    };
}

gauge! {
    /// Requests that the vendor still allows in its current period.
    static REQUESTS_REMAINING: i64 = "api.rate_limit.remaining",
    unit = "{request}",
    description = "Requests left in the vendor's current rate-limit period.",
    labels = { "gen_ai.provider.name": &'static str };
    /// Tokens that the vendor still allows in its current period.
    static TOKENS_REMAINING: i64 = "api.rate_limit.tokens.remaining",
    unit = "{token}",
    description = "Tokens left in the vendor's current rate-limit period.",
    labels = { "gen_ai.provider.name": &'static str };
}

pub(super) fn allow_host(host: &str) {
    HOSTS.allow([host]);
}

/// The configured model, the documented ones, and those named in `[ai] models`.
pub(super) fn allow_models(configured: &str, named: &[String]) {
    MODELS.allow(DOCUMENTED);
    MODELS.allow([configured]);
    MODELS.allow(named);
}

/// A model as a label: its name, or `_OTHER`.
pub fn model_label(model: &str) -> Listed {
    MODELS.get(model)
}

/// One attempt; without a status there was no reply.
pub(super) fn http_request(endpoint: &Endpoint, status: Option<u16>, class: Option<&'static str>, took: Duration) {
    let host = HOSTS.get(&endpoint.host);
    let labels = ("POST", host, Code(endpoint.port), status.map(Code), class, "1.1");
    HTTP_DURATION.record(took.as_secs_f64(), labels);
}

/// One logical model call.
pub(super) fn operation(
    provider: &'static str,
    model: &str,
    endpoint: &Endpoint,
    class: Option<&'static str>,
    usage: Usage,
    took: Duration,
) {
    let (model, host, port) = (MODELS.get(model), HOSTS.get(&endpoint.host), Code(endpoint.port));
    OPERATION_DURATION.record(took.as_secs_f64(), ("chat", provider, model, host, port, class));
    for (kind, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
        if let Some(tokens) = tokens {
            TOKEN_USAGE.record(tokens, ("chat", provider, kind, model, host, port));
        }
    }
}

/// The vendors' headers about what is left.
pub(super) fn rate_limits(provider: &'static str, headers: &HeaderMap) {
    let first = |names: [&str; 2]| {
        names.into_iter().find_map(|name| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok())
    };
    if let Some(left) = first(["x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"]) {
        REQUESTS_REMAINING.set(left, (provider,));
    }
    if let Some(left) = first(["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"]) {
        TOKENS_REMAINING.set(left, (provider,));
    }
}
