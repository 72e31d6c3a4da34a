//! What people see on standard error: each story runs in a process of its own.

use std::process::Command;

use serde_json::Value;
use todo_otel_runtime::{
    __private as rt, Alias, Config, Role, Vocabulary,
    config::{Flags, LogFormat},
    names::{Row, Stability},
};

const WORDS: Vocabulary = Vocabulary::EMPTY.aliases(&[Alias::new("acme.id", "acme_id")]).names(&[
    Row::span("acme.command.*", "cli.command"),
    Row::span("db.*", "db.query"),
    Row::event("acme.created", Stability::Own, &[]),
]);

static ADD: rt::Callsite = rt::Callsite::new(&rt::Meta {
    name: "acme.command.add",
    function: "acme::add",
    module: "acme",
    package: "acme",
    metrics: Some(&rt::MetricsMeta {
        instruments: &[rt::InstrumentMeta {
            name: "acme.command.add.calls",
            unit: "{call}",
            outcome: true,
            ..rt::InstrumentMeta::DEFAULT
        }],
        ..rt::MetricsMeta::DEFAULT
    }),
    ..rt::Meta::DEFAULT
});
static SAVE: rt::Callsite = rt::Callsite::new(&rt::Meta {
    name: "db.acme.save",
    kind: rt::Kind::Client,
    function: "acme::db::save",
    module: "acme::db",
    package: "acme",
    attributes: &["db.system.name"],
    ..rt::Meta::DEFAULT
});

fn add(fails: bool) -> Result<(), std::num::ParseIntError> {
    rt::call(
        &ADD,
        rt::returns(),
        || {
            tracing::info!(name: "acme.created", { acme.id = 42 }, "Created");
            save(fails)
        },
        judge,
    )
}

fn save(fails: bool) -> Result<(), std::num::ParseIntError> {
    rt::call(
        &SAVE,
        rt::returns(),
        || {
            rt::attributes(&SAVE, |writer| writer.put("sqlite"));
            tracing::debug!("saving");
            if fails { "x".parse::<i32>().map(drop) } else { Ok(()) }
        },
        judge,
    )
}

fn judge(returned: &Result<(), std::num::ParseIntError>, exit: &mut rt::Exit<'_>) {
    use rt::Look as _;
    (&&&&rt::returned(returned)).look()(returned, exit);
}

/// Runs only as the child of a test below.
#[test]
fn child() {
    let Ok(story) = std::env::var("ACME_STORY") else { return };
    let flags = match story.as_str() {
        "debug" | "fails" => Flags { debug: true, ..Flags::default() },
        "people" => Flags { debug: true, log_format: Some(LogFormat::Console), ..Flags::default() },
        "verbose" => Flags { verbose: true, ..Flags::default() },
        "trace" | "trace fails" => Flags { trace: true, ..Flags::default() },
        _ => Flags::default(),
    };
    let config = Config::for_app("acme", Role::Cli).version("1.2.3").no_file().flags(flags).vocabulary(WORDS).resolve();
    let telemetry = todo_otel_runtime::init(config).unwrap();
    let _ = add(story.ends_with("fails"));
    let report = telemetry.shutdown();
    assert_eq!(report.lost(), 0);
}

fn run(story: &str, variables: &[(&str, &str)]) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .env("HOME", home.path())
        .env("ACME_STORY", story)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    (stdout, stderr)
}

fn json(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

#[test]
fn debug_writes_json_lines_with_ids_and_spans_that_open_and_close() {
    let (_, stderr) = run("debug", &[]);
    let lines = json(&stderr);
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(
        messages,
        [
            "acme.command.add opened",
            "Created",
            "db.acme.save opened",
            "saving",
            "db.acme.save closed",
            "acme.command.add closed",
        ]
    );
    let trace = lines[0]["trace_id"].as_str().unwrap();
    assert_eq!(trace.len(), 32);
    assert!(lines.iter().all(|line| line["trace_id"] == trace), "{stderr}");
    assert_eq!(lines[1]["span_id"], lines[0]["span_id"]);
    assert_eq!(lines[3]["span_id"], lines[2]["span_id"]);
    assert_ne!(lines[2]["span_id"], lines[0]["span_id"]);
    assert!(lines[4]["attributes"]["duration_ms"].as_f64().unwrap() < 1000.0);
    assert_eq!(lines[1]["operation"], "cli.command");
    assert_eq!(lines[3]["operation"], "db.query");
    assert_eq!(lines[4]["operation"], "db.query", "of the span that closes, not of what is current then");
    assert_eq!(lines[5]["operation"], "cli.command");
    assert_eq!(lines[1]["attributes"]["acme_id"], 42);
    assert_eq!(lines[1]["attributes"]["event"], "acme.created");
    assert_eq!(lines[1]["version"], "1.2.3");
    assert_eq!(lines[3]["attributes"]["target"], "stderr");
}

#[test]
fn a_failure_is_one_event_of_the_operation_that_failed() {
    let (_, stderr) = run("fails", &[]);
    let lines = json(&stderr);
    let events: Vec<_> = lines
        .iter()
        .filter(|line| line["attributes"]["event"].as_str().is_some_and(|event| event.ends_with("exception")))
        .collect();
    assert_eq!(events.len(), 1, "{stderr}");
    let event = events[0];
    assert_eq!(event["attributes"]["event"], "db.client.operation.exception");
    assert_eq!(event["level"], "WARN");
    assert_eq!(event["operation"], "db.query");
    assert_eq!(event["message"], "invalid digit found in string");
    assert_eq!(event["attributes"]["exception.message"], "invalid digit found in string");
    assert_eq!(event["attributes"]["code.function.name"], "acme::db::save");
    let opened = lines.iter().find(|line| line["message"] == "db.acme.save opened").unwrap();
    assert_eq!(event["span_id"], opened["span_id"], "its span has ended, its id is known all the same");
    let closed = lines.iter().find(|line| line["message"] == "acme.command.add closed").unwrap();
    assert_eq!(closed["attributes"]["outcome"], "error");
}

#[test]
fn verbose_is_for_people_without_spans_and_without_colours_in_a_file() {
    let (_, stderr) = run("verbose", &[]);
    let lines: Vec<_> = stderr.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(lines, ["INFO  Created event=acme.created acme_id=42", "DEBUG saving"], "{stderr}");
    let (_, stderr) = run("people", &[]);
    assert_eq!(stderr.lines().count(), 6);
    assert!(stderr.contains("acme::db: db.acme.save closed duration_ms="), "{stderr}");
    assert!(!stderr.contains('\u{1b}'));
}

#[test]
fn trace_draws_the_tree_with_milestones_on_their_spans() {
    let (_, stderr) = run("trace", &[]);
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with("trace ") && lines[0].contains("2 spans"), "{stderr}");
    assert!(lines[1].starts_with("acme.command.add"), "{stderr}");
    assert!(lines[2].contains("• acme.created +") && lines[2].contains("acme.id=42"), "{stderr}");
    assert!(lines[3].starts_with("└─ db.acme.save") && lines[3].contains("db.system.name=sqlite"), "{stderr}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn without_an_exporter_for_logs_the_exception_is_on_its_span() {
    let (_, stderr) = run("trace fails", &[]);
    let at = |text: &str| stderr.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{stderr}"));
    assert_eq!(at("• exception"), at("db.acme.save") + 1);
    assert!(stderr.contains("exception.message=invalid digit found in string"), "{stderr}");
    assert_eq!(stderr.matches("• exception").count(), 1);
}

#[test]
fn an_unsampled_parent_explains_the_missing_tree() {
    let parent = [("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")];
    let (_, stderr) = run("trace", &parent);
    assert!(stderr.contains("no span was recorded"), "{stderr}");
}

#[test]
fn metrics_are_lines_for_people_when_the_console_is_their_exporter() {
    let (_, stderr) = run("plain", &[("OTEL_METRICS_EXPORTER", "console")]);
    assert!(stderr.contains("acme.command.add.calls{outcome=ok}"), "{stderr}");
    assert!(stderr.lines().all(|line| line.contains("  ")), "name and value: {stderr}");
}

#[test]
fn the_console_exporter_needs_no_flag_and_without_either_nothing_is_written() {
    let (_, stderr) = run("plain", &[("OTEL_LOGS_EXPORTER", "console")]);
    assert!(stderr.contains("INFO  Created"), "{stderr}");
    let (_, stderr) = run("plain", &[]);
    assert_eq!(stderr, "");
}
