//! Texts that try to be more than data, in titles and in replies: nothing happens to any todo, and nothing unsafe is kept.

use jiff::{Timestamp, civil::date};
use otlp_test_support::peer::{Answer, Peer};
use serde_json::{Value, json};
use std::time::Duration;
use todo_app::{
    config::{AiConfig, EnrichDefault, OpenAiApi, Vendor},
    domain::{EnrichmentMode, Filter, NewTodo, StatusFilter, Todo},
    enrich::{self, EnrichError, Enricher, EnrichmentRequest},
    store::{NewEnrichment, Store},
};

fn corpus() -> Vec<String> {
    let lines = include_str!("data/injections.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| serde_json::from_str(line).expect("a JSON string per line")).collect()
}

fn config(vendor: Vendor, base_url: String) -> AiConfig {
    AiConfig {
        vendor,
        model: "test-model".into(),
        base_url,
        custom_base_url: true,
        api_key: None,
        timeout: Duration::from_secs(5),
        budget: Duration::from_secs(10),
        enrich: EnrichDefault::Inline,
        allow_http: false,
        api: OpenAiApi::Auto,
        models: Vec::new(),
        refused: None,
    }
}

fn todos(store: &Store) -> Vec<Todo> {
    store.list(&Filter { status: StatusFilter::All, ..Filter::default() }).unwrap()
}

#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

impl From<EnrichError> for Failed {
    fn from(_: EnrichError) -> Self {
        Failed
    }
}

/// The way of `todo enrich`: ask, validate, store. True if something was stored.
fn enrich_and_store(enricher: &Enricher, store: &Store, todo: &Todo, now: Timestamp) -> bool {
    let request = EnrichmentRequest {
        todo_id: todo.id,
        title: todo.title.clone(),
        description: todo.description.clone(),
        project: todo.project.clone(),
        tags: todo.tags.clone(),
        today: date(2026, 3, 11),
        mode: EnrichmentMode::Inline,
        idempotency_key: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let saved = runtime.block_on(enrich::analyze(enricher, store, &request, async |enrichment| {
        let new = NewEnrichment {
            todo_id: todo.id,
            todo_version: todo.version,
            provider: enrichment.provider.into(),
            model: enrichment.model.clone(),
            mode: EnrichmentMode::Inline,
            confidence: enrichment.confidence().unwrap_or(0.0),
            attempts: enrichment.attempts,
            input_tokens: enrichment.usage.input_tokens,
            output_tokens: enrichment.usage.output_tokens,
            suggestions: enrichment.suggestions,
        };
        store.save_enrichment(&new, std::time::Duration::MAX, now).map_err(|_| Failed)
    }));
    saved.is_ok()
}

/// Written here a second time on purpose: the list under test must not be the list it is tested with.
fn is_hidden(c: char) -> bool {
    matches!(u32::from(c), 0..=0x1f | 0x7f..=0x9f | 0x61c | 0x200b | 0x200e..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
        | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

fn assert_harmless(store: &Store, todo: &Todo, now: Timestamp) -> usize {
    let suggestions = store.suggestions(Some(todo.id), true, now).unwrap();
    for suggestion in &suggestions {
        for text in [suggestion.value.to_text(), suggestion.reason.clone()] {
            assert!(!text.chars().any(is_hidden), "{text:?} from {:?}", todo.title);
            assert!(text.chars().count() <= 400);
        }
    }
    suggestions.len()
}

fn store() -> (tempfile::TempDir, Store, Timestamp) {
    // Durability is not the question here, and a disk makes these tests ten times slower.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::open(&folder.path().join("todo.db")).unwrap();
    (folder, store, "2026-03-11T12:00:00Z".parse().unwrap())
}

fn add(store: &Store, title: &str, now: Timestamp) -> Todo {
    let uuid = uuid::Uuid::new_v4().to_string();
    store.create(&NewTodo { uuid, title: title.into(), ..NewTodo::default() }, None, now).unwrap()
}

#[test]
fn in_a_title_they_are_data_for_the_rules() {
    let (_folder, store, now) = store();
    let bystander = add(&store, "Do not touch me", now);
    let enricher = enrich::from_config(&config(Vendor::Local, String::new())).unwrap();
    let corpus = corpus();
    assert!(corpus.len() >= 200, "{}", corpus.len());
    let todo = add(&store, "Buy milk", now);
    let before = todos(&store);
    for title in corpus {
        let todo = Todo { title: title.clone(), ..todo.clone() };
        assert!(enrich_and_store(&enricher, &store, &todo, now), "the rules always answer: {title:?}");
        assert_eq!(todos(&store), before, "nothing but suggestions came of {title:?}");
        assert_harmless(&store, &todo, now);
    }
    assert_eq!(store.get(&[bystander.id]).unwrap(), [bystander]);
}

#[test]
fn in_a_title_they_stay_one_json_text_in_the_user_message() {
    let (_folder, store, now) = store();
    let peer = Peer::start([chat(&nothing())]);
    let enricher = enrich::from_config(&config(Vendor::OpenAi, peer.url())).unwrap();
    let corpus = corpus();
    let todo = add(&store, "Buy milk", now);
    let before = todos(&store);
    for title in &corpus {
        let todo = Todo { title: title.clone(), ..todo.clone() };
        assert!(enrich_and_store(&enricher, &store, &todo, now));
    }
    assert_eq!(todos(&store), before);
    let requests = peer.requests();
    assert_eq!(requests.len(), corpus.len());
    let mut systems: Vec<Value> = Vec::new();
    for (request, title) in requests.iter().zip(&corpus) {
        let messages = &request.json()["messages"];
        assert_eq!(messages.as_array().unwrap().len(), 2);
        assert_eq!(messages[1]["role"], "user");
        let user: Value = serde_json::from_str(messages[1]["content"].as_str().unwrap()).unwrap();
        assert_eq!(user["todo"]["title"].as_str().unwrap(), *title);
        assert_eq!(user.as_object().unwrap().len(), 3, "today, weekday, todo");
        assert_eq!(user["todo"].as_object().unwrap().len(), 4);
        systems.push(messages[0].clone());
    }
    systems.dedup();
    assert_eq!(systems.len(), 1, "the instruction never changes");
}

#[test]
fn in_a_reply_they_are_text_or_nothing() {
    let (_folder, store, now) = store();
    let bystander = add(&store, "Do not touch me", now);
    let todo = add(&store, "Buy milk", now);
    let (mut stored, mut rejected) = (0, 0);
    let state = |store: &Store| (todos(store), store.suggestions(None, true, now).unwrap());
    for text in corpus() {
        let field = |value: Value| json!({ "value": value, "confidence": 0.9, "reason": text });
        let mut polite = nothing();
        polite["next_step"] = field(json!(text));
        let mut tag = nothing();
        tag["tags"] = field(json!([text]));
        let mut extra = nothing();
        extra[text.as_str()] = field(json!(true));
        let mut category = nothing();
        category["category"] = field(json!(text));
        let replies = [
            chat(&polite),
            chat(&tag),
            chat(&extra),
            chat(&category),
            chat_text(&text),
            Answer::new(200, text.clone()),
        ];
        let peer = Peer::start(replies.clone());
        let enricher = enrich::from_config(&config(Vendor::OpenAi, peer.url())).unwrap();
        for _ in replies {
            let before = state(&store);
            let saved = enrich_and_store(&enricher, &store, &todo, now);
            let after = state(&store);
            assert_eq!(after.0, before.0, "only `accept` may change a todo");
            if saved {
                assert!(assert_harmless(&store, &todo, now) > 0);
                stored += 1;
            } else {
                assert_eq!(after.1, before.1, "whole or not at all: {text:?}");
                rejected += 1;
            }
        }
    }
    println!("replies: {stored} kept as text, {rejected} rejected whole, 0 effects");
    assert!(stored > 100 && rejected > 600);
    assert_eq!(store.get(&[bystander.id]).unwrap(), [bystander]);
}

fn nothing() -> Value {
    json!({ "category": null, "priority": null, "estimate_minutes": null, "due": null, "tags": null, "next_step": null })
}

fn chat(reply: &Value) -> Answer {
    chat_text(&reply.to_string())
}

fn chat_text(content: &str) -> Answer {
    Answer::json(&json!({ "choices": [{ "message": { "content": content }, "finish_reason": "stop" }] }))
}
