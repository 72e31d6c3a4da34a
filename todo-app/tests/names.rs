//! Everything that leaves the program, against the tables of names: each verb and the worker run for real, and what
//! arrives at a receiver has no name, type, unit, bound or attribute that the tables do not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Stdio},
    time::Duration,
};

use clap::CommandFactory;
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use otlp_test_support::{
    Receiver, Seen, Signal, attribute,
    peer::{Answer, Peer},
};
use serde_json::json;
use todo_app::names;
use todo_otel_runtime::{
    catalogue::{Checker, Finding},
    metrics::otlp,
    names::Type,
};

mod common;
use common::Home;

const CHECKER: Checker<'static> = Checker { app: "todo", own: names::TABLE };

struct World {
    home: Home,
    receiver: Receiver,
}

impl World {
    /// Runs the program with its telemetry going straight to the receiver.
    #[track_caller]
    fn run(&self, code: i32, arguments: &[&str], environment: &[(&str, &str)]) {
        let mut command = self.home.command(arguments);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.http_url())
            .env("TODO_DETACHED_FLUSH", "false")
            .env("TODO_EXIT_FLUSH_MS", "5000")
            .env("TODO_EXIT_BUDGET_MS", "5000")
            .envs(environment.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A worker that exports often.
    fn worker(&self) -> Child {
        self.home
            .command(["worker"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.http_url())
            .env("OTEL_METRIC_EXPORT_INTERVAL", "300")
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

fn chat() -> Answer {
    let proposal = json!({ "due": { "value": "2026-03-12", "confidence": 0.75, "reason": "it says tomorrow" } });
    Answer::json(&json!({
        "id": "chatcmpl-1",
        "model": "test-model-0301",
        "choices": [{ "message": { "content": proposal.to_string() }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 300, "completion_tokens": 80 },
    }))
    .header("x-ratelimit-remaining-requests", "59")
    .header("x-ratelimit-remaining-tokens", "149984")
}

fn messages() -> Answer {
    let proposal = json!({ "due": { "value": "2026-03-12", "confidence": 0.75, "reason": "it says tomorrow" } });
    Answer::json(&json!({
        "id": "msg_1", "type": "message", "model": "test-model", "stop_reason": "tool_use",
        "content": [{ "type": "tool_use", "id": "toolu_1", "name": "suggest", "input": proposal }],
        "usage": { "input_tokens": 100, "output_tokens": 70, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 5 },
    }))
}

/// Every verb at least once, well and badly.
fn every_verb(world: &World) {
    let run = |code, arguments: &[&str]| world.run(code, arguments, &[]);
    run(0, &["add", "Buy milk tomorrow"]);
    run(0, &["add", "--no-enrich", "Call mum"]);
    run(0, &["add", "--background", "Write the report by friday"]);
    run(0, &["add", "--no-enrich", "Sweep the floor"]);
    run(2, &["add", "  "]);
    run(0, &["list"]);
    run(0, &["show", "1"]);
    run(3, &["show", "99"]);
    run(0, &["edit", "2", "--title", "Call dad", "--due", "tomorrow"]);
    run(0, &["note", "2", "after work"]);
    run(0, &["enrich", "2"]);
    run(0, &["enrich", "--all"]);
    run(0, &["suggestions"]);
    run(0, &["accept", "1"]);
    run(0, &["reject", "2"]);
    run(0, &["complete", "1", "2"]);
    run(0, &["reopen", "2"]);
    run(0, &["undo"]);
    run(0, &["delete", "4"]);
    run(0, &["stats"]);
    run(0, &["export"]);
    let file = world.home.path().join("import.json");
    std::fs::write(&file, world.home.ok(&["export"])).unwrap();
    run(0, &["import", file.to_str().unwrap()]);
    run(0, &["worker", "--once"]);
    run(0, &["config", "path"]);
    run(0, &["completions", "bash"]);
    run(0, &["doctor"]);
    run(0, &["man", "add"]);
    run(0, &["version"]);
    // Kept although nothing is sampled.
    world.run(3, &["show", "99"], &[("TODO_TRACE_SAMPLE_RATE", "0")]);
}

/// Model calls that succeed, are tried again, are refused, get no answer.
fn model_calls(world: &World) {
    let busy = || Answer::new(429, "{}").header("retry-after-ms", "1");
    for (code, vendor, script) in [
        (0, "OPENAI", vec![busy(), chat()]),
        (0, "OPENAI", vec![Answer::hang_up(), chat()]),
        (5, "OPENAI", vec![Answer::new(401, r#"{"error":{"message":"no","code":"invalid_api_key"}}"#)]),
        (0, "ANTHROPIC", vec![messages()]),
        (5, "ANTHROPIC", vec![Answer::new(400, "{}")]),
    ] {
        let peer = Peer::start(script);
        let (key, url) = (format!("{vendor}_API_KEY"), format!("{vendor}_BASE_URL"));
        world.run(code, &["enrich", "3"], &[(&key, "sk-test-0123456789abcdefghijklmnop"), (&url, &peer.url())]);
    }
}

#[test]
fn whatever_leaves_is_in_the_tables_of_names() {
    let world = World { home: Home::new(), receiver: Receiver::start() };
    every_verb(&world);
    model_calls(&world);
    let mut worker = world.worker();
    let collected = |seen: &Seen| seen.metric("process.uptime").len() >= 2;
    assert!(world.receiver.wait_for(collected, Duration::from_secs(30)), "the worker exports");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(worker.id()).unwrap()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    worker.wait().unwrap();
    world.home.run(&["telemetry", "flush"]);
    let stopped = |seen: &Seen| seen.log_records().iter().any(|record| record.event_name == "worker.stopped");
    assert!(world.receiver.wait_for(stopped, Duration::from_secs(30)), "the last worker's end arrives");

    let seen = world.receiver.seen();
    let mut count = Count::default();
    let mut findings = spans(&seen, &mut count);
    findings.extend(records(&seen, &mut count));
    findings.extend(metrics(&seen, &mut count));
    findings.extend(resources(&seen));
    findings.extend(failures(&seen));
    findings.sort();
    findings.dedup();
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));

    let kept = seen.spans().into_iter().find(|span| span.attributes.iter().any(|a| a.key == "todo.sampling.reason"));
    assert_eq!(kept.map(|span| span.name).as_deref(), Some("todo.command.show"), "the tail decision's own attribute");

    // Nothing of the program went unseen.
    let verbs = todo_app::cli::Cli::command();
    // Who asks about telemetry adds none.
    for verb in verbs.get_subcommands().map(|verb| verb.get_name()).filter(|verb| *verb != "telemetry") {
        assert!(count.spans.contains_key(&format!("todo.command.{verb}")), "no span of `{verb}`");
    }
    println!("{count}");
}

#[derive(Default)]
struct Count {
    spans: BTreeMap<String, usize>,
    events: BTreeMap<String, usize>,
    metrics: BTreeSet<String>,
    points: usize,
    records: usize,
    keys: BTreeSet<String>,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "checked {} spans of {} names, {} events of {} names, {} log records, {} points of {} metrics, {} attribute keys",
            self.spans.values().sum::<usize>(),
            self.spans.len(),
            self.events.values().sum::<usize>(),
            self.events.len(),
            self.records,
            self.points,
            self.metrics.len(),
            self.keys.len(),
        )
    }
}

impl Count {
    fn typed<'a>(&mut self, attributes: &'a [KeyValue]) -> Vec<(&'a str, Type)> {
        self.keys.extend(attributes.iter().map(|attribute| attribute.key.clone()));
        attributes.iter().map(|attribute| (attribute.key.as_str(), type_of(attribute))).collect()
    }
}

fn type_of(attribute: &KeyValue) -> Type {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(_)) => Type::Str,
        Some(Value::IntValue(_)) => Type::Int,
        Some(Value::DoubleValue(_)) => Type::Double,
        Some(Value::BoolValue(_)) => Type::Bool,
        Some(Value::ArrayValue(_)) => Type::StrArray,
        other => panic!("{}: {other:?}", attribute.key),
    }
}

fn kind_of(name: &str) -> SpanKind {
    match name {
        "enqueue enrichment" => SpanKind::Producer,
        "process enrichment" => SpanKind::Consumer,
        "POST" | "poll enrichment" | "ai.provider.openai.request" | "ai.provider.anthropic.request" => SpanKind::Client,
        name if name.starts_with("db.") => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

fn spans(seen: &Seen, count: &mut Count) -> Vec<Finding> {
    let mut findings = Vec::new();
    for span in seen.spans() {
        *count.spans.entry(span.name.clone()).or_default() += 1;
        let attributes = count.typed(&span.attributes);
        findings.extend(CHECKER.span(&span.name, &attributes));
        let has = |key: &str| attributes.iter().any(|(known, _)| *known == key);
        let mut say = |problem: &str| findings.push(Finding { name: span.name.clone(), problem: problem.to_owned() });
        for key in ["code.function.name", "code.file.path", "code.line.number"] {
            if !has(key) {
                say(&format!("lacks {key}"));
            }
        }
        if is_failed(&span) && !has("error.type") {
            say("failed without error.type");
        }
        if span.kind() != kind_of(&span.name) {
            say(&format!("is {:?}", span.kind()));
        }
        for event in &span.events {
            *count.events.entry(event.name.clone()).or_default() += 1;
            findings.extend(CHECKER.event(&event.name, &count.typed(&event.attributes)));
            let inside = (span.start_time_unix_nano..=span.end_time_unix_nano).contains(&event.time_unix_nano);
            if !inside {
                findings.push(Finding { name: event.name.clone(), problem: format!("is not within {}", span.name) });
            }
        }
        for link in &span.links {
            findings.extend(CHECKER.attributes("link", &count.typed(&link.attributes)));
        }
    }
    findings
}

fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn records(seen: &Seen, count: &mut Count) -> Vec<Finding> {
    let ends: BTreeMap<Vec<u8>, u64> =
        seen.spans().into_iter().map(|span| (span.span_id, span.end_time_unix_nano)).collect();
    let mut findings = Vec::new();
    for record in seen.log_records() {
        count.records += 1;
        let attributes = count.typed(&record.attributes);
        if record.event_name.is_empty() {
            findings.extend(CHECKER.attributes("log record", &attributes));
            continue;
        }
        *count.events.entry(record.event_name.clone()).or_default() += 1;
        findings.extend(CHECKER.event(&record.event_name, &attributes));
        if ends.get(&record.span_id).is_some_and(|end| record.time_unix_nano > *end) {
            findings.push(Finding { name: record.event_name, problem: "is later than its span's end".to_owned() });
        }
    }
    findings
}

fn metrics(seen: &Seen, count: &mut Count) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in seen.of(Signal::Metrics) {
        for (_, snapshot) in otlp::decode(&request.body).unwrap() {
            count.points += snapshot.len();
            let all = snapshot.scopes.iter().flat_map(|scope| &scope.metrics);
            count.metrics.extend(all.map(|metric| metric.name.to_string()));
            findings.extend(CHECKER.metrics(&snapshot));
        }
    }
    findings
}

/// Who fails says so once, loud enough; who succeeds in the end makes no noise about the way there, nor does who was
/// interrupted: its exit code makes the root an error, but nothing went wrong.
fn failures(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let records = seen.log_records();
    let roots = seen.spans().into_iter().filter(|span| span.name.starts_with("todo.command."));
    for root in roots {
        let told = records.iter().filter(|record| {
            record.trace_id == root.trace_id && record.event_name.ends_with("exception") && record.severity_number >= 13
        });
        let told = told.count();
        let mut say = |problem: &str| findings.push(Finding { name: root.name.clone(), problem: problem.to_owned() });
        let interrupted = attribute(&root.attributes, "error.type").as_deref() == Some("interrupted");
        match (is_failed(&root) && !interrupted, told) {
            (true, 0) => say("failed and nobody was told why"),
            (false, 1..) => say("succeeded and told of an exception"),
            _ => {}
        }
    }
    findings
}

fn resources(seen: &Seen) -> Vec<Finding> {
    let (traces, metrics, logs) = (seen.traces(), seen.metrics(), seen.logs());
    let resources = traces.iter().filter_map(|group| group.resource.as_ref());
    let resources = resources.chain(metrics.iter().filter_map(|group| group.resource.as_ref()));
    let resources = resources.chain(logs.iter().filter_map(|group| group.resource.as_ref()));
    let typed = |attributes: &[KeyValue]| {
        let typed: Vec<(&str, Type)> = attributes.iter().map(|a| (a.key.as_str(), type_of(a))).collect();
        CHECKER.attributes("resource", &typed)
    };
    resources.flat_map(|resource| typed(&resource.attributes)).collect()
}
