//! Alert rules that are not derived from an objective: the service, its workers, the pipeline and the stack itself.
//! Made for sparse data: volume guards on ratios, windows of several export intervals, absence only of the heartbeat.

use super::rules::{Alert, Severity};

const BAD: &str = r#"error_type!~"usage|not_found|invalid_input|interrupted""#;
const FINISHED: &str = r#"outcome=~"ok|error|panic""#;

/// The four basic alerts and the low-volume twin.
pub fn service() -> Vec<Alert> {
    let by = "sum by (service_name, deployment_environment_name)";
    vec![
        Alert {
            name: "TodoHighErrorRate",
            expr: format!(
                "(\n  {by} (increase(todo_command_errors_total{{{BAD}}}[10m]))\n    / {by} (increase(todo_commands_total{{{FINISHED}}}[10m])) > 0.05\n) and {by} (increase(todo_commands_total{{{FINISHED}}}[10m])) >= 10"
            ),
            hold: Some("5m"),
            keep_firing: true,
            severity: Severity::Page,
            summary: "{{ $value | humanizePercentage }} of {{ $labels.service_name }} commands fail",
            dashboard: "todo-service-health",
        },
        Alert {
            name: "TodoErrorsLowVolume",
            expr: format!(
                "sum by (deployment_environment_name) (increase(todo_command_errors_total{{{BAD}}}[6h])) >= 2.5\nand sum by (deployment_environment_name) (increase(todo_command_errors_total{{{BAD}}}[6h]))\n  / sum by (deployment_environment_name) (increase(todo_commands_total{{{FINISHED}}}[6h])) > 0.2"
            ),
            hold: None,
            keep_firing: true,
            severity: Severity::Ticket,
            summary: "Few commands, many of them fail: {{ $value | humanize }} errors in 6 h",
            dashboard: "todo-service-health",
        },
        Alert {
            name: "TodoAiSlow",
            expr: "histogram_quantile(0.95, sum by (le, gen_ai_request_model, deployment_environment_name) (rate(ai_enrichment_duration_seconds_bucket[10m]))) > 10\nand sum by (gen_ai_request_model, deployment_environment_name) (increase(ai_enrichment_duration_seconds_count[10m])) >= 5".into(),
            hold: Some("2m"),
            keep_firing: true,
            severity: Severity::Page,
            summary: "95 % of enrichments by {{ $labels.gen_ai_request_model }} take up to {{ $value | humanizeDuration }}",
            dashboard: "todo-ai",
        },
        Alert {
            name: "TodoDbConnectionErrors",
            expr: r#"sum by (db_system_name, error_type, deployment_environment_name) (increase(database_connection_errors_total{service_namespace="todo"}[5m])) > 0"#.into(),
            hold: Some("1m"),
            keep_firing: true,
            severity: Severity::Page,
            summary: "Connections to {{ $labels.db_system_name }} fail: {{ $labels.error_type }}",
            dashboard: "todo-infrastructure",
        },
        Alert {
            name: "TodoNoMetrics",
            expr: r#"absent_over_time(process_uptime_seconds{service_name="todo-worker"}[5m])"#.into(),
            hold: None,
            keep_firing: false,
            severity: Severity::Page,
            summary: "No worker has reported for 5 minutes",
            dashboard: "todo-telemetry",
        },
        Alert {
            name: "TodoNoTraces",
            expr: r#"(sum(increase(todo_commands_total[30m])) >= 5) unless on () (sum(increase(traces_spanmetrics_calls_total{service_name="todo-cli"}[30m])) > 0)"#.into(),
            hold: Some("5m"),
            keep_firing: true,
            severity: Severity::Ticket,
            summary: "{{ $value | humanize }} commands were counted, but the trace store saw none",
            dashboard: "todo-telemetry",
        },
    ]
}

/// Telemetry about telemetry, and the servers that hold it.
pub fn pipeline() -> Vec<Alert> {
    let ticket = |name, expr: &str, summary, dashboard| Alert {
        name,
        expr: expr.to_owned(),
        hold: None,
        keep_firing: true,
        severity: Severity::Ticket,
        summary,
        dashboard,
    };
    vec![
        ticket(
            "TodoWorkerGone",
            r#"group by (instance) (last_over_time(process_uptime_seconds{service_name="todo-worker"}[1d])) unless group by (instance) (last_over_time(process_uptime_seconds{service_name="todo-worker"}[10m]))"#,
            "Worker {{ $labels.instance }} was here today and is silent",
            "todo-infrastructure",
        ),
        ticket(
            "TodoTelemetryStuck",
            "max by (instance) (todo_telemetry_export_age_seconds) > 900",
            "{{ $labels.instance }} has not got rid of an item for {{ $value | humanizeDuration }}",
            "todo-telemetry",
        ),
        ticket(
            "TodoTelemetryDropped",
            r#"sum by (todo_telemetry_signal, todo_telemetry_reason) (increase(todo_telemetry_dropped_total{todo_telemetry_reason!~"sampled|suppressed"}[15m])) > 0"#,
            "{{ $value | humanize }} {{ $labels.todo_telemetry_signal }} lost: {{ $labels.todo_telemetry_reason }}",
            "todo-telemetry",
        ),
        ticket(
            "TodoMetricOverflow",
            r#"count({otel_metric_overflow="true"}) > 0"#,
            "{{ $value }} instruments met their limit of series",
            "todo-telemetry",
        ),
        ticket(
            "CollectorRefused",
            "sum by (receiver) (increase(otelcol_receiver_refused_spans_total[10m])) > 0\nor sum by (receiver) (increase(otelcol_receiver_refused_metric_points_total[10m])) > 0\nor sum by (receiver) (increase(otelcol_receiver_refused_log_records_total[10m])) > 0",
            "The Collector refuses data at {{ $labels.receiver }}",
            "todo-telemetry",
        ),
        ticket(
            "CollectorFailed",
            "sum by (exporter) (increase(otelcol_exporter_send_failed_spans_total[10m])) > 0\nor sum by (exporter) (increase(otelcol_exporter_send_failed_metric_points_total[10m])) > 0\nor sum by (exporter) (increase(otelcol_exporter_send_failed_log_records_total[10m])) > 0\nor sum by (exporter) (increase(otelcol_exporter_enqueue_failed_spans_total[10m])) > 0\nor sum by (exporter) (increase(otelcol_exporter_enqueue_failed_metric_points_total[10m])) > 0\nor sum by (exporter) (increase(otelcol_exporter_enqueue_failed_log_records_total[10m])) > 0",
            "The Collector cannot pass data on through {{ $labels.exporter }}",
            "todo-telemetry",
        ),
        ticket(
            "CollectorQueueFull",
            "max by (exporter) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity) > 0.8",
            "The Collector's queue of {{ $labels.exporter }} is {{ $value | humanizePercentage }} full",
            "todo-telemetry",
        ),
        ticket(
            "BackendDiscards",
            "sum by (reason) (increase(loki_discarded_samples_total[10m])) > 0\nor sum by (reason) (increase(tempo_discarded_spans_total[10m])) > 0\nor sum by (reason) (increase(tempo_metrics_generator_spans_discarded_total[10m])) > 0\nor sum by (reason) (increase(prometheus_api_otlp_translation_warnings_total[10m])) > 0",
            "A backend throws data away: {{ $labels.reason }}",
            "todo-telemetry",
        ),
        Alert {
            hold: Some("5m"),
            ..ticket(
                "StackDown",
                r#"(1 - up{job="stack"}) > 0"#,
                "{{ $labels.instance }} of the stack is down",
                "todo-infrastructure",
            )
        },
        ticket(
            "RulesFail",
            "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[10m])) > 0",
            "Prometheus cannot evaluate {{ $labels.rule_group }}",
            "todo-telemetry",
        ),
    ]
}
