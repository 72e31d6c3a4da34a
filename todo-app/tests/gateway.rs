//! The contract with Grafana Cloud's OTLP gateway, against a fake one on loopback: paths, authentication, encoding, names,
//! and what becomes of each answer. Cloud itself is never called.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use otlp_test_support::{
    Receiver, Reply, Signal, attribute,
    opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data},
};

mod common;
use common::{Home, Run};

const TOKEN: &str = "glc_eyJvIjoiMTIzIiwibiI6InRlc3QifQ==";
/// `123456:<TOKEN>`
const BASIC: &str = "Basic MTIzNDU2OmdsY19leUp2SWpvaU1USXpJaXdpYmlJNkluUmxjM1FpZlE9PQ==";
const LIMIT: Duration = Duration::from_secs(30);

/// `[grafana]` of a configuration file that points at the gateway; the credential comes from a variable.
fn installation(gateway: &Receiver) -> (Home, String) {
    let home = Home::new();
    let path = home.path().join("todo.toml");
    let text = format!("[grafana]\nendpoint = \"{}/otlp\"\napi_key = \"${{GRAFANA_API_KEY}}\"\n", gateway.http_url());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let path = path.display().to_string();
    (home, path)
}

fn command(home: &Home, config: &str, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    command.args(["--config", config]).env("GRAFANA_API_KEY", format!("123456:{TOKEN}"));
    command.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    command
}

/// Every file below the home, as text.
fn files(folder: &std::path::Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => all.push_str(&files(&path)),
            path => all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default())),
        }
    }
    all
}

#[test]
fn all_three_signals_arrive_as_the_gateway_wants_them() {
    let gateway = Receiver::start();
    let (home, config) = installation(&gateway);
    let added = Run::from(command(&home, &config, &["add", "Buy milk", "--debug"]).output().unwrap());
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let flushed = Run::from(command(&home, &config, &["telemetry", "flush"]).output().unwrap());
    assert_eq!(flushed.code, Some(0), "{}{}", flushed.stdout, flushed.stderr);
    let all = [Signal::Traces, Signal::Metrics, Signal::Logs];
    assert!(gateway.wait_for(|seen| all.iter().all(|signal| !seen.of(*signal).is_empty()), LIMIT));

    let seen = gateway.seen();
    for (signal, path) in all.into_iter().zip(["/otlp/v1/traces", "/otlp/v1/metrics", "/otlp/v1/logs"]) {
        for request in seen.of(signal) {
            assert_eq!(request.path, path);
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            assert_eq!(request.header("authorization"), Some(BASIC), "one instance id and one token: the tenant");
            assert!(request.header("content-encoding") == Some("gzip"));
            assert!(request.items() > 0, "{path}: the body does not decode");
        }
    }
    let resource = seen.traces()[0].resource.clone().unwrap().attributes;
    assert_eq!(attribute(&resource, "service.namespace").as_deref(), Some("todo"));
    assert_eq!(attribute(&resource, "service.name").as_deref(), Some("todo-cli"));
    let calls = seen.metric("todo.commands");
    let Some(Data::Sum(sum)) = &calls[0].data else { panic!("{calls:?}") };
    assert_eq!(sum.aggregation_temporality, AggregationTemporality::Cumulative as i32, "delta is not supported there");

    let told = [added.stdout, added.stderr, flushed.stdout, flushed.stderr, files(&home.path().join("state"))].concat();
    assert!(!told.contains(TOKEN) && !told.contains(BASIC), "the credential left its place");
    let shown = Run::from(command(&home, &config, &["config", "show"]).output().unwrap());
    assert!(shown.stdout.contains("/otlp/v1/traces") || shown.stdout.contains("/otlp"), "{}", shown.stdout);
    assert!(!shown.stdout.contains(TOKEN) && !shown.stdout.contains(BASIC), "{}", shown.stdout);
}

#[test]
fn a_tenant_header_of_an_own_stack_goes_with_every_request() {
    let gateway = Receiver::start();
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", gateway.http_url())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "X-Scope-OrgID=team%20a");
        Run::from(command.output().unwrap())
    };
    assert_eq!(run(&["add", "Buy milk"]).code, Some(0));
    assert_eq!(run(&["telemetry", "flush"]).code, Some(0));
    let all = [Signal::Traces, Signal::Metrics, Signal::Logs];
    assert!(gateway.wait_for(|seen| all.iter().all(|signal| !seen.of(*signal).is_empty()), LIMIT));
    for signal in all {
        assert!(gateway.seen().of(signal).iter().all(|request| request.header("x-scope-orgid") == Some("team a")));
    }
}

/// One command against a gateway that always answers so, then a flush by hand.
#[track_caller]
fn answered(reply: Reply) -> Run {
    let gateway = Receiver::start();
    gateway.rule(move |_| Some(reply.clone()));
    let (home, config) = installation(&gateway);
    // Nobody but the flush below sends, so that its answer tells everything.
    let alone = |arguments: &[&str]| {
        let mut command = command(&home, &config, arguments);
        Run::from(command.env("TODO_DETACHED_FLUSH", "false").env("TODO_EXIT_FLUSH_MS", "0").output().unwrap())
    };
    let added = alone(&["add", "Buy milk", "--no-enrich"]);
    assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""), "an answer of the gateway is no user's business");
    let flushed = alone(&["telemetry", "flush"]);
    let said = [flushed.stdout.as_str(), &flushed.stderr, &files(&home.path().join("state"))].concat();
    assert!(!said.contains(TOKEN) && !said.contains(BASIC), "{said}");
    assert!(!gateway.seen().of(Signal::Traces).is_empty(), "nothing was sent: {said}");
    flushed
}

#[test]
fn limits_and_outages_keep_the_data() {
    for reply in [Reply::status(429).header("retry-after", "60"), Reply::status(503)] {
        let flushed = answered(reply);
        assert_eq!(flushed.code, Some(7), "{}{}", flushed.stdout, flushed.stderr);
    }
}

#[test]
fn a_wrong_credential_or_path_is_named() {
    for status in [401, 403, 404] {
        let flushed = answered(Reply::status(status));
        assert!(flushed.stdout.contains(&format!("traces (HTTP {status})")), "{}{}", flushed.stdout, flushed.stderr);
    }
}

#[test]
fn what_is_refused_for_good_is_given_up() {
    for status in [400, 413, 415] {
        let flushed = answered(Reply::status(status));
        assert_eq!(flushed.code, Some(0), "{status}: {}{}", flushed.stdout, flushed.stderr);
    }
}

#[test]
fn a_partial_success_is_a_success() {
    let flushed = answered(Reply::partial(1, "too many labels"));
    assert_eq!(flushed.code, Some(0), "{}{}", flushed.stdout, flushed.stderr);
}
