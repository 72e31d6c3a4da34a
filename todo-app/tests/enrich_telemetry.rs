//! What an enrichment leaves in traces, metrics and logs.

use jiff::civil::date;
use otlp_test_support::peer::{Answer, Peer};
use serde_json::json;
use std::time::Duration;
use todo_app::{
    config::{AiConfig, EnrichDefault, OpenAiApi, Vendor},
    domain::EnrichmentMode,
    enrich::{self, EnrichError, EnrichmentRequest, ProcessState},
};
use todo_otel_runtime::testing::{self, Capture};

const KEY: &str = "sk-test-0123456789abcdefghijklmnop";
const SECRET_TITLE: &str = "Buy the surprise for Marguerite tomorrow";

/// Runs one analysis with a store that accepts everything, and returns what was captured.
fn analyze(vendor: Vendor, script: Vec<Answer>) -> (Result<usize, EnrichError>, Capture, u16) {
    let peer = Peer::start(if script.is_empty() { vec![Answer::silence()] } else { script });
    let config = AiConfig {
        vendor,
        model: "test-model".into(),
        base_url: peer.url(),
        custom_base_url: true,
        api_key: Some(KEY.to_owned().into()),
        timeout: Duration::from_secs(1),
        budget: Duration::from_secs(2),
        enrich: EnrichDefault::Inline,
        allow_http: false,
        api: OpenAiApi::Auto,
        models: Vec::new(),
        refused: None,
    };
    let request = EnrichmentRequest {
        todo_id: 42,
        title: SECRET_TITLE.into(),
        description: None,
        project: None,
        tags: Vec::new(),
        today: date(2026, 3, 11),
        mode: EnrichmentMode::Inline,
        idempotency_key: None,
    };
    let enricher = enrich::from_config(&config).unwrap();
    let state = ProcessState::default();
    let capture = testing::capture();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(enrich::analyze(&enricher, &state, &request, async |enrichment| {
        Ok::<_, EnrichError>(enrichment.suggestions.len())
    }));
    (result, capture, peer.address().port())
}

fn chat() -> Answer {
    let content = json!({ "due": { "value": "2026-03-12", "confidence": 0.75, "reason": "it says tomorrow" } });
    Answer::json(&json!({
        "id": "chatcmpl-1",
        "model": "test-model-0301",
        "choices": [{ "message": { "content": content.to_string() }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 300, "completion_tokens": 80 },
    }))
    .header("x-ratelimit-remaining-requests", "59")
    .header("x-ratelimit-remaining-tokens", "149984")
}

fn error(status: u16, code: &str) -> Answer {
    Answer::new(status, json!({ "error": { "message": SECRET_TITLE, "code": code } }).to_string())
}

/// What was captured, with the port of the peer replaced.
fn told(capture: &Capture, port: u16) -> (String, String, String) {
    let stable = |text: String| text.replace(&port.to_string(), "PORT");
    (stable(capture.tree()), stable(capture.metrics_text()), stable(capture.logs_text()))
}

#[test]
fn a_call_that_succeeds_after_a_retry_is_one_operation_with_two_attempts() {
    let script = vec![error(429, "slow_down").header("retry-after-ms", "1"), chat()];
    let (result, capture, port) = analyze(Vendor::OpenAi, script);
    assert_eq!(result, Ok(1));
    let (tree, metrics, logs) = told(&capture, port);
    assert_eq!(
        tree,
        "\
ai.enrichment.analyze {todo.id=42, todo.enrichment.mode=inline, gen_ai.provider.name=openai, \
gen_ai.request.model=test-model, todo.ai.attempts=2, todo.suggestion.confidence=0.75}
├─ ai.provider.openai.request (client) {gen_ai.operation.name=chat, gen_ai.provider.name=openai, \
gen_ai.request.model=test-model, gen_ai.request.max_tokens=4096, gen_ai.output.type=json, server.address=127.0.0.1, \
server.port=PORT, gen_ai.response.id=chatcmpl-1, gen_ai.response.model=test-model-0301, \
gen_ai.response.finish_reasons=[\"stop\"], gen_ai.usage.input_tokens=300, gen_ai.usage.output_tokens=80, \
openai.api.type=chat_completions}
│  ├─ POST (client) ✗ 429 {http.request.method=POST, server.address=127.0.0.1, server.port=PORT, \
url.full=http://127.0.0.1:PORT/v1/chat/completions, network.protocol.version=1.1, http.response.status_code=429}
│  └─ POST (client) {http.request.method=POST, server.address=127.0.0.1, server.port=PORT, \
url.full=http://127.0.0.1:PORT/v1/chat/completions, http.request.resend_count=1, network.protocol.version=1.1, \
http.response.status_code=200}
└─ ai.response.parse
"
    );
    let model = "gen_ai.provider.name=openai, gen_ai.request.model=test-model";
    let server = "server.address=127.0.0.1, server.port=PORT";
    let http = format!("network.protocol.version=1.1, {server}");
    let token = |kind: &str| {
        format!(
            "gen_ai.client.token.usage{{gen_ai.operation.name=chat, {model}, gen_ai.token.type={kind}, {server}}} n=1"
        )
    };
    for line in [
        "ai.enrichment.calls{gen_ai.provider.name=openai, outcome=ok} 1".to_owned(),
        format!("ai.enrichment.duration{{{model}, outcome=ok}} n=1"),
        "api.rate_limit.remaining{gen_ai.provider.name=openai} 59".to_owned(),
        "api.rate_limit.tokens.remaining{gen_ai.provider.name=openai} 149984".to_owned(),
        format!("gen_ai.client.operation.duration{{gen_ai.operation.name=chat, {model}, {server}}} n=1"),
        token("input"),
        token("output"),
        format!(
            "http.client.request.duration{{error.type=429, http.request.method=POST, http.response.status_code=429, {http}}} n=1"
        ),
        format!("http.client.request.duration{{http.request.method=POST, http.response.status_code=200, {http}}} n=1"),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\nis not in\n{metrics}");
    }
    let events: Vec<&str> =
        logs.lines().filter_map(|line| line.split("event=").nth(1)?.split([',', '}']).next()).collect();
    assert_eq!(events, ["ai.enrichment.started", "ai.provider.retry", "ai.enrichment.completed"]);
}

#[test]
fn the_rules_leave_the_same_tree_and_no_http_metrics() {
    let (result, capture, port) = analyze(Vendor::Local, Vec::new());
    assert!(result.is_ok());
    let (tree, metrics, _) = told(&capture, port);
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split('{').next()).map(str::trim_end).collect();
    assert_eq!(names, ["ai.enrichment.analyze", "├─ ai.provider.local.request", "└─ ai.response.parse"]);
    assert!(
        metrics.contains(
            "ai.enrichment.duration{gen_ai.provider.name=local, gen_ai.request.model=rules-1, outcome=ok} n=1"
        )
    );
}

#[test]
fn a_failure_carries_the_vendors_status_all_the_way_up_and_is_told_once() {
    let (result, capture, port) = analyze(Vendor::Anthropic, vec![error(401, "authentication_error")]);
    assert!(result.is_err());
    let (tree, metrics, logs) = told(&capture, port);
    assert_eq!(tree.matches("✗ 401").count(), 3, "{tree}");
    assert!(metrics.contains("ai.enrichment.errors{error.type=401, gen_ai.provider.name=anthropic} 1"), "{metrics}");
    assert_eq!(logs.matches("event=gen_ai.client.operation.exception").count(), 1, "{logs}");
    assert_eq!(logs.matches("WARN").count() + logs.matches("ERROR").count(), 1, "{logs}");
}

#[test]
fn a_connection_error_is_told_once_and_has_its_class() {
    let script = vec![Answer::hang_up()];
    let (result, capture, port) = analyze(Vendor::OpenAi, script);
    assert_eq!(result.unwrap_err().class(), "body");
    let (tree, _, logs) = told(&capture, port);
    assert!(tree.contains("POST (client) ✗ body"), "{tree}");
    assert_eq!(logs.matches("WARN").count() + logs.matches("ERROR").count(), 1, "{logs}");
}

#[test]
fn an_attempt_without_an_answer_is_a_timeout_and_is_measured() {
    let (result, capture, port) = analyze(Vendor::OpenAi, vec![Answer::silence()]);
    assert_eq!(result.unwrap_err().class(), "timeout");
    let (tree, metrics, _) = told(&capture, port);
    assert!(tree.contains("POST (client) ✗ timeout") && !tree.contains("cancelled"), "{tree}");
    assert!(metrics.contains("http.client.request.duration{error.type=timeout, http.request.method=POST"), "{metrics}");
}

#[test]
fn neither_key_nor_todo_nor_reply_nor_the_vendors_words_are_told() {
    for script in [vec![chat()], vec![error(400, "bad")], vec![Answer::new(200, SECRET_TITLE)]] {
        let (_, capture, port) = analyze(Vendor::OpenAi, script);
        let (tree, metrics, logs) = told(&capture, port);
        let spans = format!("{:?}{:?}", capture.spans(), capture.logs());
        for text in [tree, metrics, logs, spans] {
            for secret in [KEY, "Marguerite", "it says tomorrow"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}
