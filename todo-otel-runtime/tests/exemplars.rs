//! What a service tells beside its spans: exemplars lead to spans that were kept and to no others, instruments of the
//! OpenTelemetry API arrive with ours, and the recorder tells about itself. One test, because the start is the process's.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value};
use otlp_test_support::{Receiver, attribute};
use todo_otel_runtime::{Config, ErrorClass, Role, init, metrics::counter, red_metrics, traced};

#[derive(Debug, ErrorClass)]
enum Fault {
    #[error_class("broken")]
    Broken,
}

#[traced(name = "acme.good")]
#[red_metrics(name = "acme.good")]
fn good() -> Result<(), Fault> {
    Ok(())
}

#[traced(name = "acme.bad")]
#[red_metrics(name = "acme.bad")]
fn bad() -> Result<(), Fault> {
    Err(Fault::Broken)
}

counter! { static MANY: u64 = "acme.many", unit = "{thing}", labels = { "acme.key": &'static str } }

/// Trace id and span id of every exemplar.
fn exemplars(metrics: &[Metric]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for metric in metrics {
        let found: Vec<_> = match &metric.data {
            Some(Data::Sum(sum)) => sum.data_points.iter().flat_map(|point| &point.exemplars).collect(),
            Some(Data::Histogram(histogram)) => histogram.data_points.iter().flat_map(|p| &p.exemplars).collect(),
            _ => Vec::new(),
        };
        all.extend(found.into_iter().map(|exemplar| (exemplar.trace_id.clone(), exemplar.span_id.clone())));
    }
    all
}

#[test]
fn exemplars_lead_to_kept_spans_and_everybody_elses_instruments_arrive_too() {
    let receiver = Receiver::start();
    let state = tempfile::tempdir().expect("a directory");
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()),
        ("XDG_STATE_HOME", state.path().to_str().expect("a path").to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "3600000".to_owned()),
        ("ACME_TRACE_SAMPLE_RATE", "0".to_owned()),
        ("ACME_TRACE_KEEP", "errors".to_owned()),
    ];
    let telemetry = init(Config::for_app("acme", Role::Service).env(env).no_file().resolve()).expect("starts");
    let foreign = opentelemetry::global::meter("third.party").u64_counter("third.calls").with_unit("{call}").build();
    foreign.add(2, &[]);
    for _ in 0..3 {
        assert!(good().is_ok());
    }
    assert!(bad().is_err());
    for i in 0..600 {
        MANY.add(1, (Box::leak(format!("key {i}").into_boxed_str()),));
    }
    let _ = telemetry.flush();
    assert_eq!(telemetry.shutdown().lost(), 0);
    let arrived = |seen: &otlp_test_support::Seen| !seen.metric("third.calls").is_empty() && !seen.spans().is_empty();
    assert!(receiver.wait_for(arrived, Duration::from_secs(20)));

    let seen = receiver.seen();
    let spans = seen.spans();
    assert_eq!(
        spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(),
        ["acme.bad"],
        "the error alone is kept"
    );
    let kept = (spans[0].trace_id.clone(), spans[0].span_id.clone());
    for name in ["acme.bad.duration", "acme.bad.calls", "acme.bad.errors"] {
        let found = exemplars(&seen.metric(name));
        assert!(!found.is_empty() && found.iter().all(|ids| *ids == kept), "{name}: {found:?}");
    }
    for name in ["acme.good.duration", "acme.good.calls"] {
        let metrics = seen.metric(name);
        assert!(!metrics.is_empty() && exemplars(&metrics).is_empty(), "{name}");
    }

    let last = |name: &str| seen.metric(name).pop().unwrap_or_else(|| panic!("no {name}"));
    let Some(Data::Sum(sum)) = last("third.calls").data else { panic!("a sum") };
    assert_eq!(sum.data_points[0].value, Some(Value::AsInt(2)));

    let Some(Data::Sum(many)) = last("acme.many").data else { panic!("a sum") };
    let beyond = many.data_points.iter().find(|point| attribute(&point.attributes, "otel.metric.overflow").is_some());
    assert_eq!(beyond.and_then(|point| point.value), Some(Value::AsInt(100)), "500 series are told apart");

    for name in [
        "otel.sdk.span.started",
        "otel.sdk.processor.span.processed",
        "otel.sdk.processor.span.queue.capacity",
        "otel.sdk.processor.log.queue.capacity",
        "otel.sdk.log.created",
        "otel.sdk.exporter.span.exported",
        "otel.sdk.exporter.operation.duration",
        "otel.sdk.metric_reader.collection.duration",
        "acme.telemetry.spool.size",
        "acme.telemetry.export.age",
        "acme.telemetry.breaker.open",
        "process.uptime",
        "process.cpu.time",
        "process.disk.io",
    ] {
        assert!(!seen.metric(name).is_empty(), "{name}");
    }
    let Some(Data::Sum(started)) = last("otel.sdk.span.started").data else { panic!("a sum") };
    let started: Vec<_> = started
        .data_points
        .iter()
        .map(|p| (attribute(&p.attributes, "otel.span.sampling_result").unwrap_or_default(), p.value))
        .collect();
    assert_eq!(started, [("RECORD_ONLY".to_owned(), Some(Value::AsInt(4)))]);
}
