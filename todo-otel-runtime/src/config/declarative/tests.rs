//! The file and the environment are two ways to the same configuration.

use std::io::Write;

use super::*;
use crate::config::{Aggregation, ExporterKind, Flags, Role, SamplerConfig};

fn resolve(role: Role, yaml: &str, env: &[(&str, &str)], flags: Flags) -> Config {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a file");
    file.write_all(yaml.as_bytes()).expect("written");
    let path = file.path().to_str().expect("a path").to_owned();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::for_app("acme", role)
        .env(env.chain([("OTEL_CONFIG_FILE".to_owned(), path)]))
        .drainer(true)
        .flags(flags)
        .resolve()
}

fn problem(yaml: &str) -> String {
    let config = resolve(Role::Service, yaml, &[], Flags::default());
    config.errors.first().map(|error| error.problem.clone()).unwrap_or_default()
}

const EVERYTHING: &str = r#"
file_format: "1.0"
disabled: ${OTEL_SDK_DISABLED:-false}
log_level: ${OTEL_LOG_LEVEL}
resource:
  attributes:
    - name: service.name
      value: ${OTEL_SERVICE_NAME}
    - { name: service.version, value: "${OTEL_SERVICE_VERSION}" }
    - { name: deployment.environment.name, value: "${ENVIRONMENT}" }
  attributes_list: ${OTEL_RESOURCE_ATTRIBUTES}
attribute_limits:
  attribute_value_length_limit: ${OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT}
  attribute_count_limit: ${OTEL_ATTRIBUTE_COUNT_LIMIT}
propagator:
  composite_list: ${OTEL_PROPAGATORS}
tracer_provider:
  processors:
    - batch:
        schedule_delay: ${OTEL_BSP_SCHEDULE_DELAY}
        export_timeout: ${OTEL_BSP_EXPORT_TIMEOUT}
        max_queue_size: ${OTEL_BSP_MAX_QUEUE_SIZE}
        max_export_batch_size: ${OTEL_BSP_MAX_EXPORT_BATCH_SIZE}
        exporter:
          otlp_http:
            endpoint: ${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT}
            headers_list: ${OTEL_EXPORTER_OTLP_HEADERS}
            compression: ${OTEL_EXPORTER_OTLP_COMPRESSION}
            timeout: ${OTEL_EXPORTER_OTLP_TIMEOUT}
            encoding: protobuf
  limits:
    attribute_count_limit: ${OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT}
    attribute_value_length_limit: ${OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT}
    event_count_limit: ${OTEL_SPAN_EVENT_COUNT_LIMIT}
    link_count_limit: ${OTEL_SPAN_LINK_COUNT_LIMIT}
    event_attribute_count_limit: ${OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT}
    link_attribute_count_limit: ${OTEL_LINK_ATTRIBUTE_COUNT_LIMIT}
  sampler:
    parent_based:
      root:
        trace_id_ratio_based:
          ratio: ${OTEL_TRACES_SAMPLER_ARG}
meter_provider:
  readers:
    - periodic:
        interval: ${OTEL_METRIC_EXPORT_INTERVAL}
        timeout: ${OTEL_METRIC_EXPORT_TIMEOUT}
        exporter:
          otlp_http:
            endpoint: ${OTEL_EXPORTER_OTLP_METRICS_ENDPOINT}
            headers: [ { name: X-Tenant, value: "7" } ]
            headers_list: ${OTEL_EXPORTER_OTLP_HEADERS}
            compression: ${OTEL_EXPORTER_OTLP_COMPRESSION}
            timeout: ${OTEL_EXPORTER_OTLP_TIMEOUT}
            temporality_preference: ${OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE}
            default_histogram_aggregation: ${OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION}
    - pull:
        exporter:
          prometheus/development:
            host: ${OTEL_EXPORTER_PROMETHEUS_HOST}
            port: ${OTEL_EXPORTER_PROMETHEUS_PORT}
  exemplar_filter: ${OTEL_METRICS_EXEMPLAR_FILTER}
logger_provider:
  processors:
    - batch:
        schedule_delay: ${OTEL_BLRP_SCHEDULE_DELAY}
        export_timeout: ${OTEL_BLRP_EXPORT_TIMEOUT}
        max_queue_size: ${OTEL_BLRP_MAX_QUEUE_SIZE}
        max_export_batch_size: ${OTEL_BLRP_MAX_EXPORT_BATCH_SIZE}
        exporter:
          otlp_grpc:
            endpoint: ${OTEL_EXPORTER_OTLP_LOGS_ENDPOINT}
            headers_list: ${OTEL_EXPORTER_OTLP_HEADERS}
            compression: ${OTEL_EXPORTER_OTLP_COMPRESSION}
            timeout: ${OTEL_EXPORTER_OTLP_TIMEOUT}
  limits:
    attribute_count_limit: ${OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT}
    attribute_value_length_limit: ${OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT}
distribution:
  acme:
    cli_metrics: ${ACME_CLI_METRICS}
    keep: ${ACME_TRACE_KEEP}
    log_sample: ${ACME_LOG_SAMPLE_RATE}
    exit_budget_ms: ${ACME_EXIT_BUDGET_MS}
    capture_ai_content: ${ACME_CAPTURE_AI_CONTENT}
    log_level: ${LEVEL}
    sites: [ "acme::db::*=metrics", "acme::*=on" ]
    spool_max_bytes: 1 MiB
    durability: full
    n_plus_one: 7
  somebody_else: { anything: true }
"#;

const VARIABLES: &[(&str, &str)] = &[
    ("OTEL_LOG_LEVEL", "debug"),
    ("OTEL_SERVICE_NAME", "acme-api"),
    ("OTEL_SERVICE_VERSION", "2.0"),
    ("OTEL_ENVIRONMENT", "staging"),
    ("OTEL_RESOURCE_ATTRIBUTES", "team=core,service.name=other,note=a%20b"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1000"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "60"),
    ("OTEL_PROPAGATORS", "tracecontext"),
    ("OTEL_BSP_SCHEDULE_DELAY", "2000"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "4000"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/traces"),
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector:4318/metrics"),
    ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4317"),
    ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abcdefghij"),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=7,authorization=Bearer%20abcdefghij"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "61"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1001"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "62"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "63"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "64"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "65"),
    ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ("OTEL_METRICS_EXPORTER", "otlp,prometheus"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "3000"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "9999"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "always_on"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "300"),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "700"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "90"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "30"),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "66"),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1002"),
    ("ACME_CLI_METRICS", "off"),
    ("ACME_TRACE_KEEP", "slow:100"),
    ("ACME_LOG_SAMPLE_RATE", "0.5"),
    ("ACME_EXIT_BUDGET_MS", "123"),
    ("ACME_CAPTURE_AI_CONTENT", "true"),
    ("ACME_OTEL_SITES", "acme::db::*=metrics,acme::*=on"),
    ("ACME_SPOOL_MAX_BYTES", "1 MiB"),
    ("ACME_DURABILITY", "full"),
    ("ACME_N_PLUS_ONE", "7"),
    ("HOME", "/home/somebody"),
];

#[test]
fn the_file_and_the_environment_build_the_same_configuration() {
    for role in [Role::Cli, Role::Service] {
        let level = [("LEVEL", "warn"), ("ENVIRONMENT", "staging")];
        let file: Vec<_> = VARIABLES.iter().chain(&level).copied().collect();
        let from_file = resolve(role, EVERYTHING, &file, Flags::default());
        assert_eq!(from_file.errors, []);
        let env: Vec<_> = VARIABLES.iter().chain(&[("ACME_LOG_LEVEL", "warn")]).copied().collect();
        let from_env = Config::for_app("acme", role).env(env).drainer(true).no_file().resolve();
        assert_eq!(from_env.errors, []);
        assert_eq!(from_env.warnings, Vec::<String>::new());
        assert_eq!(from_file.traces, from_env.traces);
        assert_eq!(from_file.metrics, from_env.metrics);
        assert_eq!(from_file.logs, from_env.logs);
        assert_eq!(from_file.otlp, from_env.otlp);
        assert_eq!(from_file.delivery, from_env.delivery);
        assert_eq!(from_file.propagation, from_env.propagation);
        assert_eq!(from_file.enabled, from_env.enabled);
        assert_eq!(from_file.self_log_level, from_env.self_log_level);
        assert_eq!(from_file.capture_ai_content, from_env.capture_ai_content);
        let sorted = |config: &Config| {
            let mut attributes = config.resource.attributes.clone();
            attributes.sort_by(|a, b| a.0.cmp(&b.0));
            attributes
        };
        assert_eq!(sorted(&from_file), sorted(&from_env));
    }
}

#[test]
fn the_variables_that_do_not_count_are_named_once() {
    let yaml = "file_format: '1.0'";
    let env = [
        ("OTEL_TRACES_EXPORTER", "console"),
        ("ACME_TRACE_KEEP", "none"),
        ("ACME_LOG_LEVEL", "warn"),
        ("PATH", "/bin"),
    ];
    let config = resolve(Role::Service, yaml, &env, Flags::default());
    assert_eq!(config.warnings, ["OTEL_CONFIG_FILE is set: ACME_TRACE_KEEP, OTEL_TRACES_EXPORTER ignored"]);
    assert_eq!(config.logs.console_filter, "warn");
    assert_eq!(config.logs.filter, "info");
}

#[test]
fn what_is_absent_is_off_and_nothing_undoes_the_off_switch() {
    let config = resolve(Role::Service, "file_format: '1.0'", &[], Flags::default());
    assert!(config.enabled && !config.traces.enabled && !config.metrics.enabled && !config.logs.enabled);
    assert!(!config.propagation.trace_context && !config.propagation.baggage);
    let traced = Flags { trace: true, ..Flags::default() };
    let config = resolve(Role::Cli, "file_format: '1.0'", &[], traced);
    assert_eq!(config.traces.exporters, [ExporterKind::Console]);
    assert!(!resolve(Role::Cli, "file_format: '1.0'\ndisabled: true", &[], traced).enabled);
    assert!(!resolve(Role::Cli, "file_format: '1.0'", &[("OTEL_SDK_DISABLED", "true")], traced).enabled);
}

#[test]
fn null_selects_a_component_with_its_defaults() {
    let yaml = "file_format: '1.1'\ntracer_provider:\n  processors:\n    - simple:\n        exporter:\n          otlp_http:\n  sampler:\n    always_on:\n";
    let config = resolve(Role::Service, yaml, &[], Flags::default());
    assert_eq!(config.errors, []);
    assert_eq!(config.otlp[0].endpoint.as_deref(), Some("http://localhost:4318/v1/traces"));
    assert_eq!(config.traces.sampler, SamplerConfig::AlwaysOn);
    assert_eq!(config.traces.limits.value_length, u32::MAX);
}

#[test]
fn views_are_read() {
    let yaml = "file_format: '1.0'\nmeter_provider:\n  readers:\n    - periodic: {exporter: {console: }}\n  views:\n    - selector: {instrument_name: 'http.*', instrument_type: histogram}\n      stream:\n        name: h\n        aggregation: {explicit_bucket_histogram: {boundaries: [1, 2.5]}}\n        attribute_keys: {included: [a], excluded: [b]}\n";
    let config = resolve(Role::Service, yaml, &[], Flags::default());
    assert_eq!(config.errors, []);
    let view = &config.metrics.views[0];
    assert_eq!(view.aggregation, Some(Aggregation::ExplicitBuckets(Some(vec![1.0, 2.5]))));
    assert_eq!(
        (view.included.as_deref(), view.excluded.as_slice()),
        (Some(["a".to_owned()].as_slice()), ["b".to_owned()].as_slice())
    );
}

#[test]
fn whatever_is_not_understood_is_named() {
    let tracer = |inner: &str| format!("file_format: '1.0'\ntracer_provider:\n  processors:\n    - {inner}\n");
    for (yaml, expected) in [
        ("disabled: true".to_owned(), "file_format: is missing"),
        ("file_format: '0.4'".to_owned(), "file_format"),
        ("file_format: '1.0'\nunknown: 1".to_owned(), "unknown: unknown key"),
        ("file_format: '1.0'\ninstrumentation/development: {}".to_owned(), "instrumentation/development"),
        ("file_format: '1.0'\ntracer_provider: {}".to_owned(), "tracer_provider.processors"),
        (tracer("batch: {}"), "tracer_provider.processors[0].batch.exporter: is missing"),
        (tracer("batch: {exporter: {zipkin: }}"), "unknown exporter"),
        (tracer("batch: {exporter: {console: }, max_queue_size: 0}"), "must be at least 1"),
        (tracer("batch: {exporter: {console: }, max_queue_size: 5, max_export_batch_size: 6}"), "must not be larger"),
        (tracer("batch: {exporter: {console: }, schedule_delay: soon}"), "expected an integer, found a text"),
        (tracer("batch: {exporter: {otlp_http: {encoding: json}}}"), "encoding: expected one of protobuf"),
        (tracer("batch: {exporter: {otlp_http: {endpoint: nowhere}}}"), "endpoint"),
        (tracer("magic: {exporter: {console: }}"), "unknown span processor"),
        ("file_format: '1.0'\npropagator: {composite: [b3: ]}".to_owned(), "`b3` is not supported"),
        ("file_format: '1.0'\ndistribution: {acme: {nonsense: 1}}".to_owned(), "distribution.acme.nonsense"),
        ("file_format: '1.0'\nlog_level: ${1A}".to_owned(), "line 2: a reference"),
        ("file_format: [".to_owned(), "not valid YAML"),
    ] {
        let found = problem(&yaml);
        assert!(found.contains(expected), "{yaml}\n{found}");
    }
    let sampler = "file_format: '1.0'\ntracer_provider:\n  processors: [{simple: {exporter: {console: }}}]\n  sampler: {trace_id_ratio_based: {ratio: 1.5}}";
    assert!(problem(sampler).contains("must be from 0 to 1"));
}
