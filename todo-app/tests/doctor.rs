//! `todo doctor` finds what is wrong, says how to mend it, and ends with 8; with nothing wrong it ends with 0.

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use otlp_test_support::{
    Receiver,
    peer::{Answer, Peer},
};
use serde_json::Value;

mod common;
use common::{Home, Run};

/// The checks of a run with these variables, and its exit code.
fn doctor(home: &Home, variables: &[(&str, &str)]) -> (Option<i32>, Vec<Value>) {
    let mut command = home.command(["doctor", "--json"]);
    let run = Run::from(command.envs(variables.iter().copied()).output().unwrap());
    let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let checks = document["checks"].as_array().unwrap().clone();
    assert_eq!(document["findings"], checks.iter().filter(|check| check["ok"] == false).count());
    (run.code, checks)
}

#[track_caller]
fn finds(found: (Option<i32>, Vec<Value>), area: &str, detail: &str) {
    let (code, checks) = found;
    assert_eq!(code, Some(8), "{checks:?}");
    let finding = checks.iter().find(|check| check["area"] == area && check["ok"] == false);
    let finding = finding.unwrap_or_else(|| panic!("nothing found in {area}: {checks:?}"));
    assert!(finding["detail"].as_str().unwrap().contains(detail), "{finding}");
    assert!(!finding["fix"].as_str().unwrap_or_default().is_empty(), "{finding}");
}

#[test]
fn a_sound_installation_has_no_findings() {
    let home = Home::new();
    let (code, checks) = doctor(&home, &[]);
    assert_eq!(code, Some(0), "{checks:?}");
    assert!(!home.database().exists(), "looking makes nothing");
    home.ok(&["add", "one", "--no-enrich"]);
    let receiver = Receiver::start();
    for (endpoint, protocol) in [(receiver.http_url(), "http/protobuf"), (receiver.grpc_url(), "grpc")] {
        // What the last run left is delivered by a process of its own.
        home.wait_until_alone();
        receiver.reset();
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        let (code, checks) = doctor(&home, &variables);
        assert_eq!(code, Some(0), "{checks:?}");
        for signal in ["traces", "metrics", "logs"] {
            let taken = |check: &Value| {
                let detail = check["detail"].as_str().unwrap();
                detail.starts_with(signal) && detail.contains("items taken, round trip")
            };
            assert!(checks.iter().any(taken), "{protocol} {signal}: {checks:?}");
        }
        assert!(receiver.seen().log_records().iter().any(|record| record.event_name == "telemetry.mark"));
    }
    let text = home.ok(&["doctor"]);
    assert!(text.contains("ok    store       sqlite: no damage") && text.contains("ok    provider    local"), "{text}");
}

#[test]
fn each_fault_is_found_and_has_a_fix() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    finds(doctor(&home, &[("TODO_LOG_LEVEL", "loud")]), "config", "TODO_LOG_LEVEL");
    finds(doctor(&home, &[("TODO_AI_PROVIDER", "nobody")]), "provider", "unknown value `nobody`");
    finds(doctor(&home, &[("TODO_AI_PROVIDER", "openai")]), "provider", "no API key");
    let vendor = Peer::start([Answer::new(401, "{}")]);
    finds(doctor(&home, &[("OPENAI_BASE_URL", &vendor.url())]), "provider", "401");
    finds(doctor(&home, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x")]), "config", "expected a URL");
    finds(doctor(&home, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]), "endpoint", "refused");

    std::fs::set_permissions(home.database(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    finds(doctor(&home, &[]), "permissions", "open to other users (mode 644)");
    std::fs::set_permissions(home.database(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    std::fs::File::options().append(true).open(home.database()).unwrap().set_modified(future).unwrap();
    finds(doctor(&home, &[]), "clock", "in the future");

    let mut conn = SqliteConnection::establish(home.database().to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA foreign_keys = OFF; INSERT INTO todo_tags (todo_id, tag) VALUES (99, 'lost')").unwrap();
    drop(conn);
    finds(doctor(&home, &[]), "store", "todo_tags refers to a missing row of todos");
}
