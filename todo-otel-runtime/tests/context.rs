//! Context that crosses processes: from the environment into the first span, from a span into a child's environment and
//! into headers, and what does not cross. One test, because the start is the process's.

use std::{collections::BTreeMap, process::Command, time::Duration};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otlp_test_support::{Receiver, attribute, hex};
use todo_otel_runtime::{Config, Role, init, propagation, red_metrics, traced};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a child process would find in its environment, and the headers for two hosts.
#[traced(name = "acme.call")]
#[red_metrics(name = "acme.call")]
fn call() -> (BTreeMap<String, String>, [Vec<String>; 2]) {
    let mut child = Command::new("env");
    child.env_clear().env("TRACESTATE", "inherited=1");
    propagation::inject_command(&mut child);
    let output = String::from_utf8(child.output().expect("env runs").stdout).expect("text");
    let headers = ["127.0.0.1", "api.openai.com"].map(|host| {
        let mut set = Vec::new();
        propagation::inject_headers(host, |name, _| set.push(name.to_owned()));
        set
    });
    let pairs = output.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
    (pairs.collect(), headers)
}

#[test]
fn context_goes_to_children_and_allowed_hosts_and_baggage_never_to_metrics() {
    let (receiver, state) = (Receiver::start(), tempfile::tempdir().expect("a directory"));
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()),
        ("XDG_STATE_HOME", state.path().to_str().expect("a path").to_owned()),
        ("ACME_EXIT_BUDGET_MS", "5000".to_owned()),
        ("ACME_EXIT_FLUSH_MS", "5000".to_owned()),
        ("ACME_CLI_METRICS", "delta".to_owned()),
        ("TRACEPARENT", PARENT.to_owned()),
        ("TRACESTATE", "vendor=abc".to_owned()),
        ("BAGGAGE", "session.id=s-1,tenant=secret".to_owned()),
    ];
    let telemetry =
        init(Config::for_app("acme", Role::Cli).env(env).no_file().drainer(false).resolve()).expect("starts");
    let (child, [loopback, vendor]) = call();
    let mut outside = Command::new("env");
    outside.env("TRACEPARENT", PARENT);
    assert_eq!(telemetry.shutdown().lost(), 0);
    assert!(receiver.wait_for(|seen| !seen.spans().is_empty() && !seen.metrics().is_empty(), Duration::from_secs(10)));

    let span = receiver.spans().remove(0);
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (PARENT[3..35].to_owned(), PARENT[36..52].to_owned()));
    assert_eq!(child["TRACEPARENT"], format!("00-{}-{}-01", &PARENT[3..35], hex(&span.span_id)));
    assert_eq!(child["TRACESTATE"], "vendor=abc");
    assert!(child["BAGGAGE"].contains("session.id=s-1") && !child["BAGGAGE"].contains("tenant"), "{child:?}");
    assert_eq!(loopback, ["traceparent", "tracestate", "baggage"]);
    assert_eq!(vendor, Vec::<String>::new(), "a vendor of models gets nothing");

    assert_eq!(attribute(&span.attributes, "session.id").as_deref(), Some("s-1"));
    assert_eq!(attribute(&span.attributes, "tenant"), None);
    let metrics = receiver.seen().metric("acme.call.calls");
    let Some(Data::Sum(sum)) = metrics[0].data.clone() else { panic!("a sum") };
    let keys: Vec<_> = sum.data_points[0].attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["outcome"], "no baggage on a metric");
}
