//! The verbs for operators: files of the Grafana stack, the catalogue, the probe of a user's own servers.

use std::fs;

use otlp_test_support::{Receiver, Signal, peer::Answer, peer::Peer};
use serde_json::{Value, json};

mod common;
use common::{Home, Run};

#[test]
fn written_files_pass_the_check_and_an_edited_one_is_named() {
    let home = Home::new();
    let folder = home.path().join("deploy");
    let folder = folder.to_str().unwrap();
    let written = home.json(&["telemetry", "dashboards", "--out", folder]);
    let files = written["files"].as_array().unwrap();
    assert!(files.len() >= 10 && files.contains(&json!("dashboards/ai.json")), "{written}");
    assert!(home.ok(&["telemetry", "dashboards", "--out", folder, "--check"]).contains("as the program writes it"));

    let edited = format!("{folder}/rules/todo-service.yml");
    fs::write(&edited, fs::read_to_string(&edited).unwrap().replace("0.05", "0.5")).unwrap();
    let run = home.run(&["telemetry", "dashboards", "--out", folder, "--check"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(8), "differs: rules/todo-service.yml\n"));
    assert!(fs::read_to_string(&edited).unwrap().contains("0.5"), "a check writes nothing");
}

/// Held against the program itself: in the library's own tests the list has call sites of tests, too.
#[test]
fn the_committed_documentation_is_what_the_program_can_emit() {
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/telemetry.md")).unwrap();
    let written = Home::new().ok(&["telemetry", "catalogue", "--format", "markdown"]);
    assert!(committed == written, "run `todo telemetry catalogue --format markdown > docs/telemetry.md`");
}

#[test]
fn the_catalogue_has_four_forms() {
    let home = Home::new();
    assert!(home.ok(&["telemetry", "catalogue"]).starts_with("KIND"));
    assert!(
        home.ok(&["telemetry", "catalogue", "--format", "markdown"]).contains("| `todo.commands` | 99.5 % succeed |")
    );
    assert!(home.ok(&["telemetry", "catalogue", "--format", "weaver"]).starts_with("groups:\n"));
    let json: Value = serde_json::from_str(&home.ok(&["telemetry", "catalogue", "--format", "json"])).unwrap();
    assert_eq!(json, home.json(&["telemetry", "catalogue"]));
}

#[test]
fn verify_sends_a_mark_and_says_where_it_is_missing() {
    let receiver = Receiver::start();
    // A server that knows nothing: every question is answered with an empty result.
    let empty = Peer::start([Answer::json(&json!({"status": "success", "data": {"result": []}}))]);
    let home = Home::new();
    let verify = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url());
        Run::from(command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").output().unwrap())
    };
    let url = empty.url();
    let all =
        ["telemetry", "verify", "--prometheus", &url, "--tempo", &url, "--loki", &url, "--deadline", "2", "--json"];
    let run = verify(&all);
    assert_eq!(run.code, Some(8), "{}{}", run.stdout, run.stderr);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let marks: Vec<_> = found["marks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mark| (mark["server"].as_str().unwrap(), mark["found"] == true))
        .collect();
    assert_eq!(marks, [("delivery", true), ("tempo", false), ("prometheus", false), ("loki", false)]);
    let panels = found["panels"].as_array().unwrap();
    assert!(panels.len() > 60 && panels.iter().all(|panel| panel["points"] == 0), "{found}");
    assert!(receiver.seen().of(Signal::Traces).len() == 1, "one mark");
    let sent: Vec<String> = receiver.log_records().into_iter().map(|record| record.event_name).collect();
    assert!(sent.contains(&"telemetry.mark".to_owned()), "{sent:?}");

    assert_eq!(verify(&["telemetry", "verify"]).code, Some(2), "no server to look at");
    assert_eq!(verify(&["telemetry", "verify", "--deadline", "2"]).code, Some(2), "nor here");
    let fails = home.fails(6, &["telemetry", "verify", "--tempo", &url]);
    assert!(fails.contains("no endpoint is configured"), "{fails}");
}

/// As Grafana Cloud wants it: user and token in the address go into a header, over whatever path stands before the API's.
#[test]
fn a_token_in_the_address_is_sent_as_a_header_and_shown_nowhere() {
    const TOKEN: &str = "glc_c2VjcmV0";
    let receiver = Receiver::start();
    let refuses = Peer::start([Answer::new(401, r#"{"status":"error","error":"invalid scope"}"#)]);
    let home = Home::new();
    let url = |path: &str| format!("http://123456:{TOKEN}@{}{path}", refuses.address());
    let (prometheus, tempo, loki) = (url("/api/prom"), url("/tempo/"), url(""));
    let arguments =
        ["telemetry", "verify", "--prometheus", &prometheus, "--tempo", &tempo, "--loki", &loki, "--deadline", "1"];
    let mut command = home.command(arguments);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url());
    let run = Run::from(command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").output().unwrap());
    assert_eq!(run.code, Some(8), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("401") && run.stdout.contains("invalid scope"), "{}", run.stdout);
    let requests = refuses.requests();
    for path in ["/api/prom/api/v1/query?", "/tempo/api/v2/traces/", "/loki/api/v1/query_range?"] {
        assert!(requests.iter().any(|request| request.path.starts_with(path)), "nobody asked for {path}");
    }
    for request in &requests {
        // base64 of `123456:glc_c2VjcmV0`
        assert_eq!(request.header("authorization"), Some("Basic MTIzNDU2OmdsY19jMlZqY21WMA=="), "{}", request.path);
        assert!(!request.path.contains(TOKEN), "{}", request.path);
    }
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(TOKEN), "{}{}", run.stdout, run.stderr);
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let kept = fs::read(entry.path()).unwrap();
                    assert!(!kept.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "{:?}", entry.path());
                }
            }
        }
    }
    // The mark names the arguments of its command in no signal.
    let sent = format!("{:?}{:?}{:?}", receiver.traces(), receiver.metrics(), receiver.logs());
    assert!(sent.contains("telemetry.mark") && !sent.contains(TOKEN), "the token left this machine");
}
