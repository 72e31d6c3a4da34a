//! What an operator sees: every setting with its source and no secret, and log lines that a machine can read.

use std::collections::BTreeSet;

use serde_json::Value;
use todo_otel_runtime::{Config, Role};

mod common;
use common::{Home, Run};

const SECRET: &str = "s3cr3t-0123456789abcdef";

#[test]
fn config_show_names_every_setting_with_its_source_and_no_secret() {
    let home = Home::new();
    let output = home
        .command(["config", "show", "--json"])
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{SECRET}"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://ann:{SECRET}@127.0.0.1:9"))
        .env("OPENAI_API_KEY", SECRET)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "1234")
        .output()
        .unwrap();
    let run = Run::from(output);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "{}{}", run.stdout, run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = document["config"].as_array().unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    for row in rows {
        assert!(!text(row, "key").is_empty() && !text(row, "source").is_empty(), "{row}");
    }
    let of = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(text(of("OTEL_METRIC_EXPORT_INTERVAL"), "value"), "1234");
    assert!(
        text(of("OTEL_METRIC_EXPORT_INTERVAL"), "source").contains("environment"),
        "{}",
        of("OTEL_METRIC_EXPORT_INTERVAL")
    );
    assert_eq!(text(of("OTEL_BSP_MAX_QUEUE_SIZE"), "source"), "default");

    let shown: BTreeSet<String> = rows.iter().map(|row| text(row, "key")).collect();
    let known = todo_otel_runtime::config::explain(&Config::for_app("todo", Role::Cli).no_file().resolve());
    for setting in &known {
        assert!(shown.contains(&setting.name), "{} is not shown", setting.name);
    }
    println!("config show: {} rows, {} of them telemetry's", rows.len(), known.len());
}

#[test]
fn log_lines_of_a_run_have_the_documented_form_and_stay_off_standard_output() {
    let home = Home::new();
    let run = home.run(&["--debug", "--json", "add", "Buy milk tomorrow"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let result: Value = serde_json::from_str(&run.stdout).expect("one document, no log line");
    assert!(result["todo"].is_object(), "{result}");

    const ORDER: [&str; 10] = [
        "timestamp",
        "level",
        "service",
        "version",
        "trace_id",
        "span_id",
        "operation",
        "user_context",
        "message",
        "attributes",
    ];
    const OPERATIONS: [&str; 7] =
        ["cli.command", "cli.display", "ai.enrichment", "db.query", "worker.job", "worker.cleanup", "telemetry"];
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let mut seen = BTreeSet::new();
    for line in run.stderr.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let places: Vec<usize> = ORDER.iter().filter_map(|key| line.find(&format!("\"{key}\":"))).collect();
        assert!(places.is_sorted(), "{line}");
        let fields: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(fields.iter().all(|field| ORDER.contains(field)), "{line}");
        for field in ["timestamp", "level", "service", "version", "user_context", "message"] {
            assert!(record[field].is_string(), "{field}: {line}");
        }
        assert!(record["attributes"].is_object(), "{line}");
        assert!(LEVELS.contains(&record["level"].as_str().unwrap()), "{line}");
        let stamp = record["timestamp"].as_str().unwrap();
        assert!(stamp.len() == 24 && stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T', "{stamp}");
        if let Some(operation) = record["operation"].as_str() {
            assert!(OPERATIONS.contains(&operation), "{line}");
            seen.insert(operation.to_owned());
        }
        if let Some(trace) = record["trace_id"].as_str() {
            assert!(trace.len() == 32 && record["span_id"].as_str().unwrap().len() == 16, "{line}");
            assert!(record["operation"].is_string(), "every span of the program has a kind of operation: {line}");
        }
    }
    for operation in ["cli.command", "cli.display", "ai.enrichment", "db.query"] {
        assert!(seen.contains(operation), "{operation}: {}", run.stderr);
    }
    let line = run.stderr.lines().find(|line| line.contains("ai.enrichment.completed")).expect("the milestone");
    let record: Value = serde_json::from_str(line).unwrap();
    let attributes = &record["attributes"];
    assert_eq!((&attributes["todo_id"], &attributes["provider"]), (&1.into(), &"local".into()), "{line}");
    let confidence = attributes["confidence"].to_string();
    assert!(confidence.len() <= 5, "no more digits than it has: {confidence}");
    assert!(attributes["duration_ms"].is_u64(), "{line}");
    println!("{line}");
}
