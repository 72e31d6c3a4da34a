//! Model vendors over real sockets: what is sent, what is believed, what is tried again, and what never leaves.

use jiff::civil::date;
use otlp_test_support::peer::{Answer, Peer, Request};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use todo_app::{
    config::{AiConfig, EnrichDefault, OpenAiApi, Vendor},
    domain::{EnrichmentMode, Field},
    enrich::{self, EnrichError, Enricher, Enrichment, EnrichmentRequest, ProcessState, SharedState, Unavailable},
};

const KEY: &str = "sk-test-0123456789abcdefghijklmnop";

fn config(vendor: Vendor, peer: &Peer) -> AiConfig {
    AiConfig {
        vendor,
        model: "test-model".into(),
        base_url: peer.url(),
        custom_base_url: true,
        api_key: Some(KEY.to_owned().into()),
        timeout: Duration::from_secs(5),
        budget: Duration::from_secs(10),
        enrich: EnrichDefault::Inline,
        allow_http: false,
        api: OpenAiApi::Auto,
        models: Vec::new(),
        refused: None,
    }
}

fn request(title: &str) -> EnrichmentRequest {
    EnrichmentRequest {
        todo_id: 7,
        title: title.into(),
        description: Some("two litres".into()),
        project: Some("household".into()),
        tags: vec!["weekly".into()],
        today: date(2026, 3, 11),
        mode: EnrichmentMode::Inline,
        idempotency_key: Some("job-7".into()),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn ask(enricher: &Enricher) -> Result<Enrichment, EnrichError> {
    run(enricher.enrich(&ProcessState::default(), &request("Buy milk tomorrow")))
}

/// Asks a peer with this script, `change`d settings, and returns what came of it and what was sent.
fn talk(
    vendor: Vendor,
    script: impl IntoIterator<Item = Answer>,
    change: impl FnOnce(&mut AiConfig),
) -> (Result<Enrichment, EnrichError>, Vec<Request>) {
    let peer = Peer::start(script);
    let mut config = config(vendor, &peer);
    change(&mut config);
    let result = ask(&enrich::from_config(&config).unwrap());
    (result, peer.requests())
}

fn suggestions() -> Value {
    let proposal = |value: Value| json!({ "value": value, "confidence": 0.9, "reason": "it says so" });
    json!({
        "category": proposal(json!("shopping")),
        "priority": null,
        "estimate_minutes": proposal(json!(20)),
        "due": proposal(json!("2026-03-12")),
        "tags": proposal(json!(["groceries"])),
        "next_step": proposal(json!("Put milk on the list")),
    })
}

fn chat(content: &str) -> Answer {
    Answer::json(&json!({
        "id": "chatcmpl-1",
        "model": "test-model-0301",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 300, "completion_tokens": 80, "prompt_tokens_details": { "cached_tokens": 256 } },
    }))
}

fn good_chat() -> Answer {
    chat(&suggestions().to_string())
}

fn good_responses() -> Answer {
    Answer::json(&json!({
        "id": "resp_1", "model": "test-model", "status": "completed",
        "output": [
            { "type": "reasoning", "summary": [] },
            { "type": "message", "content": [{ "type": "output_text", "text": suggestions().to_string(), "annotations": [] }] },
        ],
        "usage": { "input_tokens": 300, "output_tokens": 90, "output_tokens_details": { "reasoning_tokens": 10 } },
    }))
}

fn good_messages() -> Answer {
    Answer::json(&json!({
        "id": "msg_1", "type": "message", "model": "test-model", "stop_reason": "tool_use",
        "content": [
            { "type": "text", "text": "I will hand this over." },
            { "type": "tool_use", "id": "toolu_1", "name": "suggest", "input": suggestions() },
        ],
        "usage": { "input_tokens": 100, "output_tokens": 70, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 5 },
    }))
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, json!({ "error": { "message": message, "type": code, "code": code } }).to_string())
}

fn due(enrichment: &Enrichment) -> Option<String> {
    enrichment.get(Field::Due).map(|suggestion| suggestion.value.to_text())
}

#[test]
fn chat_completions_get_the_todo_as_data_and_the_schema() {
    let (result, requests) = talk(Vendor::OpenAi, [good_chat()], |_| {});
    let enrichment = result.unwrap();
    assert_eq!(due(&enrichment).as_deref(), Some("2026-03-12"));
    assert_eq!(enrichment.suggestions.len(), 5, "null fields are no suggestions");
    assert_eq!(
        (enrichment.attempts, enrichment.usage.input_tokens, enrichment.usage.output_tokens),
        (1, Some(300), Some(80))
    );

    let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("idempotency-key").unwrap().starts_with("job-7-"));
    let body = request.json();
    assert_eq!(body["model"], "test-model");
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    strict(&body["response_format"]["json_schema"]["schema"]);
    let system = body["messages"][0]["content"].as_str().unwrap();
    assert!(!system.contains("milk"), "nothing of a todo is in the instruction");
    let user: Value = serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    assert_eq!(user["today"], "2026-03-11");
    assert_eq!(user["weekday"], "Wednesday");
    assert_eq!(user["todo"]["title"], "Buy milk tomorrow");
    assert_eq!(user["todo"]["tags"], json!(["weekly"]));
}

/// What OpenAI's strict mode asks of every object: closed, all properties required.
fn strict(schema: &Value) {
    if schema["type"] == "object" {
        assert_eq!(schema["additionalProperties"], false);
        let required: Vec<_> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), required.len());
        for (name, property) in properties {
            assert!(required.contains(&name.as_str()), "{name} is not required");
            strict(property);
        }
    }
    for branch in schema["anyOf"].as_array().into_iter().flatten() {
        strict(branch);
    }
}

#[test]
fn responses_are_asked_and_read_in_their_own_form() {
    let (result, requests) = talk(Vendor::OpenAi, [good_responses()], |config| config.api = OpenAiApi::Responses);
    let enrichment = result.unwrap();
    assert_eq!(enrichment.usage.reasoning_tokens, Some(10));
    assert_eq!(due(&enrichment).as_deref(), Some("2026-03-12"));
    let body = requests[0].json();
    assert_eq!(requests[0].path, "/v1/responses");
    assert_eq!(body["text"]["format"]["type"], "json_schema");
    assert_eq!(body["store"], false);
    strict(&body["text"]["format"]["schema"]);
}

#[test]
fn messages_make_the_model_fill_in_a_tool_that_nobody_runs() {
    let (result, requests) = talk(Vendor::Anthropic, [good_messages()], |_| {});
    let enrichment = result.unwrap();
    assert_eq!(enrichment.usage.input_tokens, Some(305), "input from the cache is input");
    assert_eq!(due(&enrichment).as_deref(), Some("2026-03-12"));
    let request = &requests[0];
    assert_eq!(request.path, "/v1/messages");
    assert_eq!(request.header("x-api-key"), Some(KEY));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(request.header("authorization"), None);
    let body = request.json();
    assert_eq!(body["tool_choice"]["name"], body["tools"][0]["name"]);
    assert!(body["max_tokens"].as_u64().unwrap() > 0);
    strict(&body["tools"][0]["input_schema"]);
}

#[test]
fn no_trace_context_goes_to_a_vendor() {
    for (vendor, answer) in [(Vendor::OpenAi, good_chat()), (Vendor::Anthropic, good_messages())] {
        let (_, requests) = talk(vendor, [answer], |_| {});
        for (name, _) in &requests[0].headers {
            assert!(!["traceparent", "tracestate", "baggage", "referer", "cookie"].contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn a_base_url_works_with_and_without_its_version() {
    for (suffix, path) in [
        ("", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/gateway/openai/v1", "/gateway/openai/v1/chat/completions"),
    ] {
        let (result, requests) = talk(Vendor::OpenAi, [good_chat()], |config| config.base_url += suffix);
        result.unwrap();
        assert_eq!(requests[0].path, path);
    }
}

#[test]
fn a_server_without_a_key_gets_none() {
    let (result, requests) = talk(Vendor::OpenAi, [good_chat()], |config| config.api_key = None);
    result.unwrap();
    assert_eq!(requests[0].header("authorization"), None);
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_vendor_asks() {
    let limited = error(429, "rate_limit_exceeded", "slow down").header("retry-after-ms", "400");
    let (result, requests) = talk(Vendor::OpenAi, [limited, good_chat()], |_| {});
    assert_eq!(result.unwrap().attempts, 2);
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(400), "only {pause:?}");
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
}

#[test]
fn a_longer_wait_than_the_budget_is_told_at_once() {
    let limited = error(429, "rate_limit_exceeded", "slow down").header("retry-after", "30");
    let started = Instant::now();
    let (result, requests) = talk(Vendor::OpenAi, [limited, good_chat()], |_| {});
    let error = result.unwrap_err();
    assert_eq!((error.class(), error.retry_after()), ("429", Some(Duration::from_secs(30))));
    assert_eq!(requests.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn trouble_at_the_vendor_is_tried_again() {
    for status in [408, 409, 500, 502, 503, 504, 529] {
        let trouble = error(status, "overloaded_error", "try later").header("retry-after", "0");
        let (result, requests) = talk(Vendor::Anthropic, [trouble, good_messages()], |_| {});
        assert_eq!(result.unwrap().attempts, 2, "{status}");
        assert_eq!(requests.len(), 2, "{status}");
    }
    for broken in [Answer::hang_up(), good_messages().cut(20)] {
        let (result, _) = talk(Vendor::Anthropic, [broken, good_messages()], |_| {});
        assert_eq!(result.unwrap().attempts, 2);
    }
}

#[test]
fn a_refusal_of_the_request_is_final() {
    for status in [400, 401, 403, 404, 413, 422] {
        let (result, requests) = talk(Vendor::OpenAi, [error(status, "no", "no"), good_chat()], |_| {});
        let error = result.unwrap_err();
        assert_eq!(error.class(), status.to_string());
        assert!(!error.retryable() && !error.hint().is_empty());
        assert_eq!(requests.len(), 1, "{status}");
    }
    let quota = error(429, "insufficient_quota", "pay first");
    let final_503 = error(503, "overloaded", "no").header("x-should-retry", "false");
    for answer in [quota, final_503] {
        let (result, requests) = talk(Vendor::OpenAi, [answer, good_chat()], |_| {});
        assert!(result.is_err());
        assert_eq!(requests.len(), 1);
    }
}

#[test]
fn a_wrong_key_names_the_remedy_and_not_the_key() {
    let message = format!("Incorrect API key provided: {KEY}. You can find your API key at ...");
    let (result, _) = talk(Vendor::OpenAi, [error(401, "invalid_api_key", &message)], |_| {});
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(error.hint().contains("API key"));
    for text in [error.to_string(), error.hint(), format!("{error:?}")] {
        assert!(!text.contains(KEY) && !text.contains("Incorrect"), "{text}");
    }
}

#[test]
fn the_key_is_in_no_printed_form() {
    let peer = Peer::start([good_chat()]);
    let config = config(Vendor::OpenAi, &peer);
    let enricher = enrich::from_config(&config).unwrap();
    let enrichment = ask(&enricher).unwrap();
    for text in [format!("{config:?}"), format!("{enricher:?}"), format!("{enrichment:?}")] {
        assert!(!text.contains(KEY) && !text.contains("0123456789abcdef"), "{text}");
    }
}

#[test]
fn a_vendor_that_never_answers_costs_the_budget_and_no_more() {
    let started = Instant::now();
    let (result, requests) = talk(Vendor::OpenAi, [Answer::silence()], |config| {
        config.timeout = Duration::from_millis(400);
        config.budget = Duration::from_millis(1500);
    });
    let took = started.elapsed();
    let error = result.unwrap_err();
    assert_eq!(error.class(), "timeout");
    assert!(took < Duration::from_millis(3000), "{took:?}");
    assert!(requests.len() >= 2, "more than one attempt fits");
}

/// State that other processes hold on to.
#[derive(Default)]
struct Busy(AtomicU32);

impl SharedState for Busy {
    fn read(&self, _: &str) -> Result<Option<String>, Unavailable> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Unavailable)
    }

    fn update(&self, _: &str, _: &mut dyn FnMut(Option<&str>) -> String) -> Result<(), Unavailable> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Unavailable)
    }
}

#[test]
fn shared_state_that_cannot_be_reached_is_asked_once_per_call() {
    let trouble = || error(503, "overloaded", "later").header("retry-after", "0");
    let peer = Peer::start([trouble(), trouble(), good_chat()]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    let busy = Busy::default();
    let enriched = run(enricher.enrich(&busy, &request("Buy milk tomorrow"))).unwrap();
    assert_eq!(enriched.attempts, 3);
    assert_eq!(busy.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reply_that_drips_is_cut_off_at_the_time_limit() {
    let started = Instant::now();
    let drip = good_chat().drip(Duration::from_millis(50));
    let (result, _) = talk(Vendor::OpenAi, [drip], |config| {
        config.timeout = Duration::from_millis(500);
        config.budget = Duration::from_millis(600);
    });
    assert_eq!(result.unwrap_err().class(), "timeout");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_huge_reply_is_refused_without_being_kept() {
    let declared = Answer::new(200, vec![b' '; 300 * 1024]);
    for answer in [declared, Answer::endless()] {
        let (result, requests) = talk(Vendor::OpenAi, [answer], |_| {});
        assert_eq!(result.unwrap_err(), EnrichError::InvalidResponse("larger than 256 KiB"));
        assert_eq!(requests.len(), 1);
    }
}

#[test]
fn a_deep_reply_is_refused() {
    let deep = Answer::new(200, format!("{}{}", "[".repeat(5000), "]".repeat(5000)));
    let (result, _) = talk(Vendor::OpenAi, [deep], |_| {});
    assert_eq!(result.unwrap_err(), EnrichError::InvalidResponse("nested too deeply"));
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays_home() {
    let elsewhere = Peer::start([good_chat()]);
    let redirect = Answer::new(307, "").header("location", &format!("{}/v1/chat/completions", elsewhere.url()));
    let (result, _) = talk(Vendor::OpenAi, [redirect], |_| {});
    let error = result.unwrap_err();
    assert_eq!(error.class(), "307");
    assert!(error.hint().contains("redirect"));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_model_that_declines_is_understood() {
    let chat_refusal = Answer::json(&json!({ "choices": [{ "message": { "content": null, "refusal": "I can't" } }] }));
    let filtered =
        Answer::json(&json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "content_filter" }] }));
    for answer in [chat_refusal, filtered] {
        assert_eq!(talk(Vendor::OpenAi, [answer], |_| {}).0.unwrap_err(), EnrichError::Refused);
    }
    let in_part = Answer::json(
        &json!({ "status": "completed", "output": [{ "type": "message", "content": [{ "type": "refusal", "refusal": "no" }] }] }),
    );
    let (result, _) = talk(Vendor::OpenAi, [in_part], |config| config.api = OpenAiApi::Responses);
    assert_eq!(result.unwrap_err(), EnrichError::Refused);
    let stopped = Answer::json(&json!({ "content": [], "stop_reason": "refusal" }));
    assert_eq!(talk(Vendor::Anthropic, [stopped], |_| {}).0.unwrap_err(), EnrichError::Refused);
}

#[test]
fn an_answer_that_was_cut_off_is_not_guessed_at() {
    let cut = Answer::json(
        &json!({ "choices": [{ "message": { "content": "{\"category\":" }, "finish_reason": "length" }] }),
    );
    assert_eq!(talk(Vendor::OpenAi, [cut], |_| {}).0.unwrap_err().class(), "invalid_response");
    let cut = Answer::json(&json!({ "content": [{ "type": "text", "text": "{" }], "stop_reason": "max_tokens" }));
    assert_eq!(talk(Vendor::Anthropic, [cut], |_| {}).0.unwrap_err().class(), "invalid_response");
}

#[test]
fn an_answer_of_another_form_is_refused_whole() {
    for body in ["", "null", "[]", "hello", "{\"choices\":[]}", "{\"choices\":[{\"message\":{}}]}", "\u{0}\u{1}"] {
        let (result, requests) = talk(Vendor::OpenAi, [Answer::new(200, body)], |_| {});
        assert_eq!(result.unwrap_err().class(), "invalid_response", "{body:?}");
        assert_eq!(requests.len(), 1, "an answer is an answer");
    }
    let (result, _) = talk(Vendor::OpenAi, [Answer::new(200, vec![0xff, 0xfe, b'{'])], |_| {});
    assert_eq!(result.unwrap_err().class(), "invalid_response");
}

#[test]
fn small_models_may_wrap_their_answer() {
    for wrapped in [
        format!("```json\n{}\n```", suggestions()),
        format!("```\n{}\n```", suggestions()),
        format!("<think>Milk is bought in a shop.</think>\n{}", suggestions()),
    ] {
        let (result, _) = talk(Vendor::OpenAi, [chat(&wrapped)], |_| {});
        assert_eq!(due(&result.unwrap()).as_deref(), Some("2026-03-12"));
    }
}

#[test]
fn a_server_that_knows_no_schema_is_asked_more_simply_and_remembered() {
    let peer = Peer::start([
        error(400, "invalid_request_error", "'response_format' of type json_schema is not supported"),
        error(400, "invalid_request_error", "response_format is not supported"),
        good_chat(),
        good_chat(),
    ]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    assert_eq!(ask(&enricher).unwrap().attempts, 3);
    assert_eq!(ask(&enricher).unwrap().attempts, 1);
    let keys: Vec<String> = peer.requests().iter().map(|r| r.header("idempotency-key").unwrap().to_owned()).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "another request is another operation: {keys:?}");
    assert_eq!(keys[2], keys[3]);
    let forms: Vec<Value> =
        peer.requests().iter().map(|request| request.json()["response_format"]["type"].clone()).collect();
    assert_eq!(forms, [json!("json_schema"), json!("json_object"), Value::Null, Value::Null]);
    let system = peer.requests()[2].json()["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(system.contains("additionalProperties"), "the schema stands in the text then");
}

#[test]
fn a_server_without_responses_is_asked_for_chat_completions() {
    let script = [Answer::new(404, "404 page not found"), good_chat()];
    let (result, requests) = talk(Vendor::OpenAi, script, |config| {
        // As if the vendor's own address had been replaced by a gateway.
        config.custom_base_url = false;
    });
    assert_eq!(result.unwrap().attempts, 2);
    assert_eq!(requests[0].path, "/v1/responses");
    assert_eq!(requests[1].path, "/v1/chat/completions");
}

#[test]
fn an_unknown_model_is_not_taken_for_a_missing_interface() {
    let missing =
        error(404, "model_not_found", "The model `test-model` does not exist or you do not have access to it.");
    let (result, requests) = talk(Vendor::OpenAi, [missing], |config| config.custom_base_url = false);
    let error = result.unwrap_err();
    assert_eq!(requests.len(), 1);
    assert!(error.to_string().contains("model_not_found") && error.hint().contains("model"), "{error}");
}

#[test]
fn a_server_that_wants_the_newer_token_limit_gets_it() {
    let refusal = error(
        400,
        "unsupported_parameter",
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
    );
    let (result, requests) = talk(Vendor::OpenAi, [refusal, good_chat()], |_| {});
    result.unwrap();
    assert!(requests[0].json().get("max_tokens").is_some());
    assert!(
        requests[1].json().get("max_completion_tokens").is_some() && requests[1].json().get("max_tokens").is_none()
    );
}

#[test]
fn a_server_that_takes_no_tools_may_answer_in_text() {
    let plain = Answer::json(
        &json!({ "content": [{ "type": "text", "text": suggestions().to_string() }], "stop_reason": "end_turn" }),
    );
    let refusal = Answer::new(
        400,
        json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "tools are not supported" } })
            .to_string(),
    );
    let (result, requests) = talk(Vendor::Anthropic, [refusal, plain], |_| {});
    assert_eq!(due(&result.unwrap()).as_deref(), Some("2026-03-12"));
    assert!(requests[1].json().get("tools").is_none());
}

#[test]
fn nobody_listening_is_a_connection_error_with_the_address() {
    let peer = Peer::start([good_chat()]);
    let mut config = config(Vendor::OpenAi, &peer);
    let address = peer.address();
    drop(peer);
    config.budget = Duration::from_millis(900);
    // The port of a peer that is gone refuses connections.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.base_url = format!("http://{gone}");
    let error = ask(&enrich::from_config(&config).unwrap()).unwrap_err();
    assert_eq!(error.class(), "connect");
    assert!(error.to_string().contains(&gone.to_string()), "{error}, not {address}");
}

#[test]
fn plain_http_leaves_this_machine_only_when_allowed() {
    let peer = Peer::start([good_chat()]);
    for (url, allow, ok) in [
        ("http://models.example.com/v1", false, false),
        ("http://models.example.com/v1", true, true),
        ("http://192.168.1.5:11434", false, false),
        ("https://models.example.com", false, true),
        ("http://localhost:11434", false, true),
        ("http://[::1]:8080/v1", false, true),
        ("ftp://localhost", true, false),
        ("localhost:8080", true, false),
        ("https://user:pass@example.com", false, false),
        ("https://example.com/v1?api-version=1", false, false),
    ] {
        let config = AiConfig { base_url: url.into(), allow_http: allow, ..config(Vendor::OpenAi, &peer) };
        let result = enrich::from_config(&config);
        assert_eq!(result.is_ok(), ok, "{url}");
        if let Err(error) = result {
            assert_eq!(error.exit_code(), 6);
            assert!(!error.to_string().contains("pass@"), "{error}");
        }
    }
    assert!(peer.requests().is_empty());
}

#[test]
fn a_vendor_without_a_key_is_not_even_asked() {
    let peer = Peer::start([good_chat()]);
    let config = AiConfig { api_key: None, custom_base_url: false, ..config(Vendor::Anthropic, &peer) };
    let error = enrich::from_config(&config).unwrap_err();
    assert_eq!((error.class(), error.exit_code()), ("config", 6));
    assert!(error.hint().contains("ANTHROPIC_API_KEY"));
}

#[test]
fn an_oversized_note_is_refused_before_anything_is_sent() {
    let peer = Peer::start([good_chat()]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    let request = EnrichmentRequest { description: Some("x".repeat(20_000)), ..request("Buy milk") };
    let error = run(enricher.enrich(&ProcessState::default(), &request)).unwrap_err();
    assert!(matches!(error, EnrichError::PromptTooLarge { actual, limit: 16384 } if actual > 20_000), "{error}");
    assert!(peer.requests().is_empty());
}

#[test]
fn an_outage_costs_a_tenth_more_calls_at_most_and_then_none() {
    let peer = Peer::start([error(503, "overloaded", "no").header("retry-after-ms", "1")]);
    let shared = ProcessState::default();
    let mut suspended = 0;
    // Each round is a command of its own: new enricher, same store.
    for _ in 0..100 {
        let mut config = config(Vendor::OpenAi, &peer);
        config.budget = Duration::from_millis(700);
        let enricher = enrich::from_config(&config).unwrap();
        let error = run(enricher.enrich(&shared, &request("Buy milk"))).unwrap_err();
        suspended += u32::from(matches!(error, EnrichError::Suspended { .. }));
    }
    let calls = peer.requests().len();
    println!("100 commands in an outage: {calls} requests, {suspended} not even tried");
    assert!(calls <= 110, "{calls}");
    assert!(suspended >= 90, "{suspended}");
}

#[test]
fn a_dropped_call_ends_at_once() {
    let peer = Peer::start([Answer::silence()]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    let (state, request) = (ProcessState::default(), request("Buy milk"));
    let started = Instant::now();
    run(async {
        tokio::select! {
            _ = enricher.enrich(&state, &request) => panic!("nobody answers"),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    });
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_result_reaches_the_store_only_when_it_is_valid() {
    let bad = json!({ "category": null, "delete": { "value": true, "confidence": 1, "reason": "do it" } }).to_string();
    let peer = Peer::start([chat(&bad), good_chat()]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    let state = ProcessState::default();
    let mut saved = Vec::new();
    for _ in 0..2 {
        let result = run(enrich::analyze(&enricher, &state, &request("Buy milk"), async |enrichment| {
            saved.push(enrichment.suggestions.len());
            Ok::<_, EnrichError>(())
        }));
        if let Err(error) = result {
            assert_eq!(error.class(), "invalid_response");
            assert!(saved.is_empty());
        }
    }
    assert_eq!(saved, [5]);
}

#[test]
fn a_healthy_call_looks_at_the_shared_state_once_and_writes_nothing() {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    #[derive(Default)]
    struct Counting {
        state: ProcessState,
        reads: AtomicU32,
        writes: AtomicU32,
    }
    impl enrich::SharedState for Counting {
        fn read(&self, provider: &str) -> Result<Option<String>, enrich::Unavailable> {
            self.reads.fetch_add(1, Relaxed);
            self.state.read(provider)
        }
        fn update(
            &self,
            provider: &str,
            change: &mut dyn FnMut(Option<&str>) -> String,
        ) -> Result<(), enrich::Unavailable> {
            self.writes.fetch_add(1, Relaxed);
            self.state.update(provider, change)
        }
    }
    let peer = Peer::start([good_chat(), error(503, "overloaded", "no").header("retry-after-ms", "1"), good_chat()]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, &peer)).unwrap();
    let shared = Counting::default();
    run(enricher.enrich(&shared, &request("Buy milk"))).unwrap();
    assert_eq!((shared.reads.swap(0, Relaxed), shared.writes.swap(0, Relaxed)), (1, 0));
    run(enricher.enrich(&shared, &request("Buy milk"))).unwrap();
    assert!(shared.writes.load(Relaxed) >= 1, "trouble is shared");
}
