//! Counters of commands as a receiver sees them: processes that run at the same time give the exact total, under one
//! identity, and no process that stays is needed for it. Each command is this test program started again.

#![cfg(unix)]

use std::{process::Command, time::Duration};

use otlp_test_support::{
    Receiver,
    opentelemetry_proto::tonic::metrics::v1::{
        NumberDataPoint, ResourceMetrics, metric::Data, number_data_point::Value,
    },
};
use todo_otel_runtime::{Config, Role, init, metrics::counter};

/// Set in a process that is to be a command.
const PLAY: &str = "ACME_TEST_COMMAND";

counter! {
    static MADE: u64 = "acme.things.made", unit = "{thing}", description = "Things.", labels = { "acme.kind": bool }
}

fn play() -> ! {
    let variables = std::env::vars();
    let telemetry = init(Config::for_app("acme", Role::Cli).env(variables).no_file().resolve()).expect("starts");
    MADE.add(1, (true,));
    assert_eq!(telemetry.shutdown().lost(), 0);
    std::process::exit(7)
}

/// Every point of the counter, in the order of arrival: identity and point.
fn points(all: &[ResourceMetrics]) -> Vec<(String, NumberDataPoint)> {
    let mut points = Vec::new();
    for group in all {
        let resource = group.resource.clone().unwrap_or_default();
        let id = resource.attributes.iter().find(|pair| pair.key == "service.instance.id");
        let id = format!("{:?}", id.and_then(|pair| pair.value.clone()));
        for metric in group.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            if let (true, Some(Data::Sum(sum))) = (metric.name == "acme.things.made", &metric.data) {
                points.extend(sum.data_points.iter().map(|point| (id.clone(), point.clone())));
            }
        }
    }
    points
}

fn total(all: &[ResourceMetrics]) -> i64 {
    let value = |point: &NumberDataPoint| match point.value {
        Some(Value::AsInt(value)) => value,
        _ => 0,
    };
    points(all).iter().map(|(_, point)| value(point)).max().unwrap_or(0)
}

#[test]
fn commands_that_run_at_the_same_time_give_the_exact_total() {
    if std::env::var_os(PLAY).is_some() {
        play();
    }
    let receiver = Receiver::start();
    let home = tempfile::tempdir().expect("a directory");
    let command = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "commands_that_run_at_the_same_time_give_the_exact_total", "--nocapture"])
            .env_clear()
            .env(PLAY, "1")
            .env("HOME", home.path())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url());
        command
    };
    for round in 1..=2 {
        let running: Vec<_> = (0..20).map(|_| command().spawn().expect("starts")).collect();
        for mut child in running {
            assert_eq!(child.wait().expect("ends").code(), Some(7));
        }
        // One that comes later takes along what nobody could merge while others held the lock.
        assert_eq!(command().status().expect("runs").code(), Some(7));
        let expected = 21 * round;
        let arrived = receiver.wait_for(|seen| total(&seen.metrics()) >= expected, Duration::from_secs(20));
        assert!(arrived, "{} of {expected}", total(&receiver.metrics()));
        assert_eq!(total(&receiver.metrics()), expected, "and not one more");
    }
    let points = points(&receiver.metrics());
    assert!(points.iter().all(|(id, _)| *id == points[0].0), "one identity");
    let starts: std::collections::BTreeSet<_> = points
        .iter()
        .filter(|(_, p)| p.attributes[0].key == "acme.kind")
        .map(|(_, p)| p.start_time_unix_nano)
        .collect();
    assert_eq!(starts.len(), 1, "the series began once: {starts:?}");
}
