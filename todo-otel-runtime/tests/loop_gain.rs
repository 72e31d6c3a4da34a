//! Exporting never causes more to export: every level on, a real transport, a receiver whose own server logs into the
//! same `tracing` pipeline from threads of its own. One test, because the start is the process's.

use std::time::Duration;

use otlp_test_support::Receiver;
use todo_otel_runtime::{Config, Role, init};

#[test]
fn one_record_stays_one_record_at_every_level_over_both_protocols() {
    for protocol in ["http/protobuf", "grpc"] {
        let receiver = Receiver::start();
        let endpoint = if protocol == "grpc" { receiver.grpc_url() } else { receiver.http_url() };
        let home = tempfile::tempdir().expect("a folder");
        let state = home.path().to_string_lossy().into_owned();
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("ACME_LOG_LEVEL", "trace"),
            ("OTEL_LOG_LEVEL", "trace"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "10"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
            ("HOME", state.as_str()),
            ("XDG_STATE_HOME", state.as_str()),
        ];
        let telemetry = init(Config::for_app("acme", Role::Service).env(env).no_file().resolve()).expect("starts");
        tracing::trace!("the only one");
        let arrived = receiver.wait_for(|seen| !seen.log_records().is_empty(), Duration::from_secs(20));
        assert!(arrived, "{protocol}: nothing came");
        for _ in 0..30 {
            let _ = telemetry.flush();
        }
        let report = telemetry.shutdown();
        assert_eq!(report.lost(), 0, "{protocol}: {report}");
        let bodies: Vec<_> = receiver.log_records().into_iter().map(|record| format!("{:?}", record.body)).collect();
        assert_eq!(bodies.len(), 1, "{protocol}: loop gain zero: {bodies:#?}");
        assert!(report.delivered.values().sum::<u64>() >= 1, "{report}");
    }
}
