//! From an annotated function to the receiver: one run of each role and protocol, and the three signals agree.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use otlp_test_support::Receiver;
use todo_otel_runtime::{__private as rt, Config, Role, init};

static SITE: rt::Callsite = rt::Callsite::new(&rt::Meta {
    name: "acme.work",
    function: "pipeline::work",
    module: "pipeline",
    file: file!(),
    line: line!(),
    package: "pipeline",
    version: "1.0",
    attributes: &["acme.id", "acme.note"],
    metrics: rt::Some(&rt::MetricsMeta {
        instruments: &[rt::InstrumentMeta {
            role: rt::Role::Duration,
            name: "acme.work.duration",
            unit: "s",
            bounds: &[0.1, 1.0],
            outcome: true,
            ..rt::InstrumentMeta::DEFAULT
        }],
        ..rt::MetricsMeta::DEFAULT
    }),
    ..rt::Meta::DEFAULT
});

const SECRET: &str = "a-very-secret-key";

/// What the attributes would make of `#[traced(attributes(acme.id = id))] #[red_metrics] fn work(id: i64)`.
fn work(id: i64) {
    let returns = rt::returns::<()>();
    rt::call(
        &SITE,
        returns,
        move || {
            rt::attributes(&SITE, |writer| {
                writer.put(&id);
                writer.put("asked with sk-live-0123456789abcdefghij");
            });
            tracing::info!("working with {SECRET}");
        },
        |_, _| {},
    );
}

#[test]
fn one_run_reaches_the_receiver_with_all_signals() {
    let receiver = Receiver::start();
    let state = tempfile::tempdir().expect("a directory");
    let state = state.path().to_str().expect("a path");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for role in [Role::Cli, Role::Service] {
        for (endpoint, protocol) in [(receiver.http_url(), "http/protobuf"), (receiver.grpc_url(), "grpc")] {
            receiver.reset();
            let env = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("XDG_STATE_HOME", state),
                ("ACME_EXIT_BUDGET_MS", "5000"),
                ("ACME_EXIT_FLUSH_MS", "5000"),
                ("ACME_CLI_METRICS", "delta"),
                ("TRACEPARENT", parent),
                ("BAGGAGE", "session.id=from%20outside,unlisted=1"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a-very-secret-key"),
            ];
            let config = Config::for_app("acme", role).version("1.0").env(env).no_file().drainer(false).resolve();
            assert_eq!(config.warnings, Vec::<String>::new());
            let telemetry = init(config).expect("starts");
            work(7);
            let report = telemetry.shutdown();
            let what = format!("{role:?} {protocol} {report}");
            assert_eq!(report.lost(), 0, "{what}");
            assert!(
                receiver.wait_for(
                    |seen| seen.spans().len() == 1 && seen.log_records().len() == 1 && !seen.metrics().is_empty(),
                    Duration::from_secs(10),
                ),
                "{what}: {:?}",
                receiver.seen().spans()
            );

            let span = receiver.spans().remove(0);
            assert_eq!(span.name, "acme.work");
            let id = span.attributes.iter().find(|a| a.key == "acme.id").and_then(|a| a.value.clone()?.value);
            assert_eq!(id, Some(AnyValue::IntValue(7)), "{what}");
            let note = span.attributes.iter().find(|a| a.key == "acme.note").and_then(|a| a.value.clone()?.value);
            assert_eq!(note, Some(AnyValue::StringValue("asked with [redacted]".to_owned())), "{what}");
            let log = receiver.log_records().remove(0);
            assert_eq!((&log.trace_id, &log.span_id), (&span.trace_id, &span.span_id), "{what}");
            let body = log.body.and_then(|body| body.value);
            assert_eq!(body, Some(AnyValue::StringValue("working with [redacted]".to_owned())), "{what}");
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let (trace, above) = (hex(&span.trace_id), hex(&span.parent_span_id));
            match role {
                Role::Cli => {
                    let attribute = |key: &str| span.attributes.iter().find(|a| a.key == key)?.value.clone()?.value;
                    let outside = AnyValue::StringValue("from outside".to_owned());
                    assert_eq!(attribute("session.id"), Some(outside), "{what}");
                    assert!(attribute("enduser.pseudo.id").is_some() && attribute("unlisted").is_none(), "{what}");
                    assert_eq!((&trace[..], &above[..]), (&parent[3..35], &parent[36..52]), "{what}");
                }
                Role::Service => assert_ne!(&trace[..], &parent[3..35], "{what}"),
            }
            let metrics = receiver.metrics();
            let names: Vec<_> = metrics
                .iter()
                .flat_map(|resource| &resource.scope_metrics)
                .flat_map(|scope| &scope.metrics)
                .map(|metric| metric.name.as_str())
                .collect();
            assert!(names.contains(&"acme.work.duration"), "{what}: {names:?}");
            let resource = receiver.traces()[0].resource.clone().expect("a resource");
            let name =
                resource.attributes.iter().find(|a| a.key == "service.name").and_then(|a| a.value.clone()?.value);
            assert_eq!(name, Some(AnyValue::StringValue("acme".to_owned())), "{what}");
        }
    }
}
