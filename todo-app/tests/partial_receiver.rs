//! A backend that takes traces and nothing else, as Jaeger and Tempo do: the traces arrive, and the user learns what
//! does not.

use std::time::Duration;

use otlp_test_support::{Receiver, Reply, Signal};

mod common;
use common::{Home, Run};

const ENOUGH: Duration = Duration::from_secs(30);

#[test]
fn a_receiver_of_traces_alone_gets_all_of_them_and_the_user_is_told_about_the_rest() {
    let receiver = Receiver::start();
    for protocol in ["http/protobuf", "grpc"] {
        receiver.reset();
        let (endpoint, refusal) = match protocol {
            "grpc" => (receiver.grpc_url(), Reply::grpc(12)),
            _ => (receiver.http_url(), Reply::status(404)),
        };
        receiver.rule(move |request| (request.signal != Signal::Traces).then(|| refusal.clone()));
        let home = Home::new();
        home.ok(&["list"]);
        let run = |arguments: &[&str]| {
            let mut command = home.command(arguments);
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
            Run::from(command.output().unwrap())
        };
        for number in 1..=4 {
            let added = run(&["add", "Water the plants"]);
            assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""), "{protocol}");
            let roots = |seen: &otlp_test_support::Seen| {
                seen.spans().iter().filter(|span| span.name == "todo.command.add").count() == number
            };
            assert!(receiver.wait_for(roots, ENOUGH), "{protocol}: command {number}: {:?}", receiver.seen());
        }
        let refused = |signal| receiver.seen().of(signal).len();
        assert!(receiver.wait_for(|seen| !seen.of(Signal::Metrics).is_empty(), ENOUGH), "{protocol}");
        assert!(receiver.wait_for(|seen| !seen.of(Signal::Logs).is_empty(), ENOUGH), "{protocol}");

        // Who asks is told; who asks for log lines is told once; nobody else is.
        let status = run(&["telemetry", "status"]);
        for signal in ["metrics", "logs"] {
            assert!(status.stdout.contains(&format!("refused       {signal}: ")), "{protocol}: {}", status.stdout);
        }
        assert!(!status.stdout.contains("traces:"), "{}", status.stdout);
        let listed = run(&["list", "--verbose"]);
        let lines: Vec<&str> = listed.stderr.lines().filter(|line| line.contains("not taken")).collect();
        assert_eq!(lines.len(), 1, "{protocol}: {}", listed.stderr);
        assert!(lines[0].contains("metrics (") && lines[0].contains("logs ("), "{}", lines[0]);
        assert_eq!(run(&["list"]).stderr, "");

        // A flush asks the receiver once more, whatever was decided before.
        let before = (refused(Signal::Metrics), refused(Signal::Logs));
        let flushed = run(&["telemetry", "flush"]);
        assert_eq!(flushed.code, Some(7), "{protocol}: {}", flushed.stdout);
        assert!(flushed.stdout.contains("Not taken: logs"), "{}", flushed.stdout);
        let after = (refused(Signal::Metrics), refused(Signal::Logs));
        assert_eq!(after, (before.0 + 1, before.1 + 1), "{protocol}");
        receiver.rule(|_| None);
        let flushed = run(&["telemetry", "flush"]);
        assert_eq!(flushed.code, Some(0), "{protocol}: {} {}", flushed.stdout, flushed.stderr);
        assert!(!receiver.seen().log_records().is_empty(), "{protocol}");
        assert!(!run(&["telemetry", "status"]).stdout.contains("refused"), "{protocol}");
    }
}
