//! Every variable has a row here that sets it and looks at the parsed value; then the rules between them.

use std::{collections::BTreeSet, time::Duration};

use super::*;

fn resolve(role: Role, env: &[(&str, &str)]) -> Config {
    Config::for_app("acme", role).env(env.iter().copied()).no_file().drainer(true).resolve()
}

fn service(env: &[(&str, &str)]) -> Config {
    resolve(Role::Service, env)
}

fn attribute(config: &Config, key: &str) -> Option<String> {
    config.resource.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.to_string())
}

struct Case {
    /// The variable under test comes first; others only make it count.
    env: &'static [(&'static str, &'static str)],
    holds: fn(&Config) -> bool,
}

macro_rules! cases {
    ($([$($name:literal = $value:literal),+] => $holds:expr;)*) => {
        &[$(Case { env: &[$(($name, $value)),+], holds: $holds }),*]
    };
}

const MS: fn(u64) -> Duration = Duration::from_millis;

const CASES: &[Case] = cases! {
    ["OTEL_SDK_DISABLED" = "TRUE"] => |c| !c.enabled;
    ["OTEL_ENABLED" = "false"] => |c| !c.enabled;
    ["ACME_STRICT" = "true"] => |c| c.strict;
    ["OTEL_SERVICE_NAME" = "api", "OTEL_RESOURCE_ATTRIBUTES" = "service.name=other"]
        => |c| attribute(c, "service.name").as_deref() == Some("api");
    ["OTEL_SERVICE_VERSION" = "9"] => |c| attribute(c, "service.version").as_deref() == Some("9");
    ["OTEL_ENVIRONMENT" = "prod"] => |c| attribute(c, "deployment.environment.name").as_deref() == Some("production");
    ["OTEL_RESOURCE_ATTRIBUTES" = "team%20name=a%2Cb, k = v"]
        => |c| attribute(c, "team name").as_deref() == Some("a,b") && attribute(c, "k").as_deref() == Some("v");
    ["OTEL_ENTITIES" = "service{service.name=x}"] => |c| c.warnings.is_empty();
    ["ACME_DETECTORS" = "os,host"] => |c| c.resource.detectors == ["os", "host"];
    ["OTEL_LOG_LEVEL" = "Debug"] => |c| c.self_log_level == LevelFilter::Debug;
    ["OTEL_PROPAGATORS" = "baggage"] => |c| c.propagation.baggage && !c.propagation.trace_context;
    ["ACME_JOB_CONTEXT" = "parent"] => |c| c.propagation.job_context == JobContext::Parent;
    ["ACME_SESSION_ID" = "s-1"] => |c| c.propagation.session_id.as_deref() == Some("s-1");
    ["OTEL_TRACES_EXPORTER" = "otlp, console"]
        => |c| c.traces.exporters == [ExporterKind::Otlp, ExporterKind::Console]
            && c.otlp[0].endpoint.as_deref() == Some("http://localhost:4318/v1/traces");
    ["OTEL_EXPORTER_OTLP_TRACES_EXPORTER" = "console"] => |c| c.traces.exporters == [ExporterKind::Console];
    ["OTEL_METRICS_EXPORTER" = "prometheus"] => |c| c.metrics.exporters == [ExporterKind::Prometheus];
    ["OTEL_EXPORTER_OTLP_METRICS_EXPORTER" = "console"] => |c| c.metrics.exporters == [ExporterKind::Console];
    ["OTEL_LOGS_EXPORTER" = "otlp/stdout"] => |c| c.logs.exporters == [ExporterKind::OtlpStdout];
    ["OTEL_EXPORTER_OTLP_LOGS_EXPORTER" = "none", "OTEL_EXPORTER_OTLP_ENDPOINT" = "http://c:4318"]
        => |c| c.logs.exporters.is_empty() && !c.traces.exporters.is_empty();
    ["ACME_ENABLE_TRACES" = "false"] => |c| !c.traces.enabled;
    ["OTEL_ENABLE_TRACES" = "false"] => |c| !c.traces.enabled;
    ["ACME_ENABLE_METRICS" = "false"] => |c| !c.metrics.enabled;
    ["OTEL_ENABLE_METRICS" = "false"] => |c| !c.metrics.enabled;
    ["ACME_ENABLE_LOGS" = "false"] => |c| !c.logs.enabled;
    ["OTEL_ENABLE_LOGS" = "false"] => |c| !c.logs.enabled;
    ["ACME_TRACE_SAMPLE_RATE" = "0.1", "OTEL_TRACES_SAMPLER" = "always_off"]
        => |c| c.traces.sampler == SamplerConfig::ParentBased(Box::new(SamplerConfig::Ratio(0.1)));
    ["OTEL_TRACES_SAMPLER" = "PARENTBASED_ALWAYS_OFF"]
        => |c| c.traces.sampler == SamplerConfig::ParentBased(Box::new(SamplerConfig::AlwaysOff));
    ["OTEL_TRACES_SAMPLER_ARG" = "0.5", "OTEL_TRACES_SAMPLER" = "traceidratio"]
        => |c| c.traces.sampler == SamplerConfig::Ratio(0.5);
    ["ACME_TRACE_KEEP" = "slow:250"] => |c| c.traces.keep == KeepConfig { errors: false, slow: Some(MS(250)) };
    ["ACME_TRACES_PER_SECOND" = "20"] => |c| c.traces.traces_per_second == 20;
    ["ACME_ADAPTIVE" = "true"] => |c| c.traces.adaptive;
    ["ACME_OTEL_SITES" = "acme::db::*=metrics, *=off"]
        => |c| c.traces.sites == [("acme::db::*".into(), SiteMode::Metrics), ("*".into(), SiteMode::Off)];
    ["ACME_N_PLUS_ONE" = "0"] => |c| c.traces.n_plus_one == 0;
    ["OTEL_BSP_SCHEDULE_DELAY" = "0"] => |c| c.traces.schedule_delay.is_zero();
    ["OTEL_BSP_MAX_QUEUE_SIZE" = "7"] => |c| c.traces.max_queue_size == 7 && c.traces.max_export_batch_size == 7;
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE" = "9"] => |c| c.traces.max_export_batch_size == 9;
    ["OTEL_BSP_EXPORT_TIMEOUT" = "400"] => |c| c.otlp[0].time_limit() == Some(MS(400));
    ["OTEL_BLRP_SCHEDULE_DELAY" = "3"] => |c| c.logs.schedule_delay == MS(3);
    ["OTEL_BLRP_MAX_QUEUE_SIZE" = "8"] => |c| c.logs.max_queue_size == 8;
    ["OTEL_BLRP_MAX_EXPORT_BATCH_SIZE" = "4"] => |c| c.logs.max_export_batch_size == 4;
    ["OTEL_BLRP_EXPORT_TIMEOUT" = "401"] => |c| c.otlp[2].time_limit() == Some(MS(401));
    ["OTEL_METRIC_EXPORT_INTERVAL" = "1000"] => |c| c.metrics.interval == MS(1000);
    ["OTEL_METRIC_EXPORT_TIMEOUT" = "402"] => |c| c.otlp[1].time_limit() == Some(MS(402));
    ["OTEL_ATTRIBUTE_COUNT_LIMIT" = "10"] => |c| c.traces.limits.attributes == 10 && c.logs.attributes == 10;
    ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "11"]
        => |c| c.traces.limits.value_length == 11 && c.logs.value_length == 11 && c.logs.value_length_set;
    ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" = "12", "OTEL_ATTRIBUTE_COUNT_LIMIT" = "10"]
        => |c| c.traces.limits.attributes == 12 && c.logs.attributes == 10;
    ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "13"]
        => |c| c.traces.limits.value_length == 13 && c.logs.value_length == 4096;
    ["OTEL_SPAN_EVENT_COUNT_LIMIT" = "14"] => |c| c.traces.limits.events == 14;
    ["OTEL_SPAN_LINK_COUNT_LIMIT" = "15"] => |c| c.traces.limits.links == 15;
    ["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT" = "16"] => |c| c.traces.limits.attributes_per_event == 16;
    ["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT" = "17"] => |c| c.traces.limits.attributes_per_link == 17;
    ["OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT" = "18"] => |c| c.logs.attributes == 18;
    ["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "19"] => |c| c.logs.value_length == 19;
    ["OTEL_METRICS_EXEMPLAR_FILTER" = "always_off"] => |c| c.metrics.exemplar_filter == ExemplarFilter::AlwaysOff;
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" = "LowMemory"]
        => |c| c.metrics.temporality == Temporality::LowMemory;
    ["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION" = "base2_exponential_bucket_histogram"]
        => |c| c.metrics.exponential_histograms;
    ["OTEL_EXPORTER_PROMETHEUS_HOST" = "0.0.0.0"] => |c| c.metrics.prometheus_host == "0.0.0.0";
    ["OTEL_EXPORTER_PROMETHEUS_PORT" = "9464"] => |c| c.metrics.prometheus_port == 9464;
    ["ACME_CLI_METRICS" = "delta"] => |c| c.metrics.cli_metrics == CliMetrics::Delta;
    ["ACME_LOG_LEVEL" = "WARN"] => |c| c.logs.filter == "warn";
    ["ACME_LOG_SAMPLE_RATE" = "0.2"] => |c| c.logs.sample == 0.2;
    ["OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN" = "logs/dup"] => |c| c.logs.exceptions_as_span_events;
    ["OTEL_SEMCONV_STABILITY_OPT_IN" = "http/dup"] => |c| c.warnings.is_empty();
    ["OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS" = "GET,BREW"] => |c| c.known_http_methods == ["GET", "BREW"];
    ["OTEL_EXPORTER_OTLP_ENDPOINT" = "https://h/otlp/"]
        => |c| c.otlp[2].endpoint.as_deref() == Some("https://h/otlp/v1/logs") && c.delivery.keep_last == 50;
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" = "http://t:1/x", "OTEL_EXPORTER_OTLP_ENDPOINT" = "http://h:2"]
        => |c| c.otlp[0].endpoint.as_deref() == Some("http://t:1/x")
            && c.otlp[1].endpoint.as_deref() == Some("http://h:2/v1/metrics");
    ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" = "http://m:1"]
        => |c| c.otlp[1].endpoint.as_deref() == Some("http://m:1/") && c.traces.exporters.is_empty();
    ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT" = "http://l:1/v1/logs"]
        => |c| c.otlp[2].endpoint.as_deref() == Some("http://l:1/v1/logs");
    ["OTEL_EXPORTER_OTLP_PROTOCOL" = "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT" = "http://h:9"]
        => |c| c.otlp[0].protocol == Protocol::Grpc && c.otlp[0].endpoint.as_deref() == Some("http://h:9");
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" = "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL" = "grpc"]
        => |c| c.otlp[0].protocol == Protocol::HttpProtobuf && c.otlp[1].protocol == Protocol::Grpc;
    ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL" = "grpc"] => |c| c.otlp[1].protocol == Protocol::Grpc;
    ["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL" = "grpc"] => |c| c.otlp[2].protocol == Protocol::Grpc;
    ["OTEL_EXPORTER_OTLP_HEADERS" = "A=b%20c"]
        => |c| c.otlp[0].headers == [("a".into(), "b c".into())];
    ["OTEL_EXPORTER_OTLP_TRACES_HEADERS" = "x=1", "OTEL_EXPORTER_OTLP_HEADERS" = "y=2"]
        => |c| c.otlp[0].headers == [("x".into(), "1".into())] && c.otlp[1].headers == [("y".into(), "2".into())];
    ["OTEL_EXPORTER_OTLP_METRICS_HEADERS" = "x=1"] => |c| c.otlp[1].headers.len() == 1 && c.otlp[0].headers.is_empty();
    ["OTEL_EXPORTER_OTLP_LOGS_HEADERS" = "", "OTEL_EXPORTER_OTLP_HEADERS" = "y=2"] => |c| c.otlp[2].headers.len() == 1;
    ["OTEL_EXPORTER_OTLP_TIMEOUT" = "0", "OTEL_BSP_EXPORT_TIMEOUT" = "0"] => |c| c.otlp[0].time_limit().is_none();
    ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" = "5"] => |c| c.otlp[0].timeout == Some(MS(5));
    ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT" = "6"] => |c| c.otlp[1].timeout == Some(MS(6));
    ["OTEL_EXPORTER_OTLP_LOGS_TIMEOUT" = "7"] => |c| c.otlp[2].timeout == Some(MS(7));
    ["OTEL_EXPORTER_OTLP_COMPRESSION" = "none"] => |c| c.otlp[0].compression == Compression::None;
    ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION" = "none"]
        => |c| c.otlp[0].compression == Compression::None && c.otlp[1].compression == Compression::Gzip;
    ["OTEL_EXPORTER_OTLP_METRICS_COMPRESSION" = "none"] => |c| c.otlp[1].compression == Compression::None;
    ["OTEL_EXPORTER_OTLP_LOGS_COMPRESSION" = "NONE"] => |c| c.otlp[2].compression == Compression::None;
    ["OTEL_EXPORTER_OTLP_INSECURE" = "true", "OTEL_EXPORTER_OTLP_ENDPOINT" = "h:4317"]
        => |c| c.otlp[0].endpoint.as_deref() == Some("http://h:4317");
    ["OTEL_EXPORTER_OTLP_TRACES_INSECURE" = "true", "OTEL_EXPORTER_OTLP_ENDPOINT" = "h:4317"]
        => |c| c.otlp[0].endpoint.as_deref() == Some("http://h:4317")
            && c.otlp[1].endpoint.as_deref() == Some("https://h:4317");
    ["OTEL_EXPORTER_OTLP_METRICS_INSECURE" = "true", "OTEL_EXPORTER_OTLP_ENDPOINT" = "h:4317"]
        => |c| c.otlp[1].endpoint.as_deref() == Some("http://h:4317");
    ["OTEL_EXPORTER_OTLP_LOGS_INSECURE" = "true", "OTEL_EXPORTER_OTLP_ENDPOINT" = "https://h:4317"]
        => |c| c.otlp[2].endpoint.as_deref() == Some("https://h:4317");
    ["OTEL_EXPORTER_OTLP_CERTIFICATE" = "/dev/null"] => |c| c.otlp.iter().all(|o| o.ca_file.is_some());
    ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE" = "/dev/null"] => |c| c.otlp[0].ca_file.is_some();
    ["OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE" = "/dev/null"] => |c| c.otlp[1].ca_file.is_some();
    ["OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE" = "/dev/null"] => |c| c.otlp[2].ca_file.is_some();
    ["OTEL_EXPORTER_OTLP_CLIENT_KEY" = "/dev/null", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" = "/dev/null"]
        => |c| c.otlp[0].client_key.is_some() && c.errors.is_empty();
    ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY" = "/dev/null"] => |c| c.otlp[0].client_key.is_some() && c.errors.len() == 1;
    ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY" = "/dev/null"] => |c| c.otlp[1].client_key.is_some();
    ["OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY" = "/dev/null"] => |c| c.otlp[2].client_key.is_some();
    ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" = "/dev/null"]
        => |c| c.otlp[0].client_certificate.is_some() && !c.errors.is_empty();
    ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE" = "/dev/null"] => |c| c.otlp[0].client_certificate.is_some();
    ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE" = "/dev/null"] => |c| c.otlp[1].client_certificate.is_some();
    ["OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE" = "/dev/null"] => |c| c.otlp[2].client_certificate.is_some();
    ["ACME_DURABILITY" = "Full"] => |c| c.delivery.durability == Durability::Full;
    ["ACME_SPOOL_MAX_BYTES" = "2MiB"] => |c| c.delivery.spool_max_bytes == 2 << 20;
    ["ACME_SPOOL_MAX_AGE" = "1h"] => |c| c.delivery.spool_max_age == Duration::from_secs(3600);
    ["ACME_DETACHED_FLUSH" = "false"] => |c| !c.delivery.detached_flush;
    ["ACME_EXIT_FLUSH_MS" = "33"] => |c| c.delivery.exit_flush == MS(33);
    ["ACME_EXIT_BUDGET_MS" = "44"] => |c| c.delivery.exit_budget == MS(44);
    ["ACME_DESTINATION_ID" = "blue"] => |c| c.delivery.destination_id.as_deref() == Some("blue");
    ["ACME_KEEP_LAST" = "3"] => |c| c.delivery.keep_last == 3;
    ["ACME_CAPTURE_AI_CONTENT" = "true"] => |c| c.capture_ai_content;
};

#[test]
fn every_variable_changes_the_configuration() {
    let mut set = BTreeSet::new();
    for case in CASES {
        let config = service(case.env);
        assert!((case.holds)(&config), "{:?}\n{config:#?}", case.env);
        assert!(!(case.holds)(&service(&[])) || config.warnings.is_empty(), "{:?} holds without it", case.env);
        set.insert(case.env[0].0.to_owned());
    }
    // The declarative file has its own tests.
    set.extend(["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"].map(str::to_owned));
    let all: BTreeSet<String> = variables().iter().flat_map(|row| row.names("ACME")).collect();
    let all: BTreeSet<String> = all.into_iter().filter(|name| !name.ends_with("_METRICS_METRICS")).collect();
    let missing: Vec<_> = all.difference(&set).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    let unknown: Vec<_> = set.difference(&all).collect();
    assert!(unknown.is_empty(), "cases for names that are not in the table: {unknown:?}");
}

#[test]
fn refused_values_are_named_once_with_what_holds_instead() {
    for (name, value, fallback) in [
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "using parentbased_always_on"),
        ("OTEL_PROPAGATORS", "b3", "ignored"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "using 2048"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9999", "using 512"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "using 5000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "using 60000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "ok=1,broken", "ignored"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "using none (service gzip)"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "using http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "ignored"),
        ("OTEL_LOG_LEVEL", "loud", "using info"),
        ("ACME_LOG_LEVEL", "verbose", "using INFO"),
        ("ACME_TRACE_SAMPLE_RATE", "1.5", "using 1.0"),
        ("ACME_TRACE_KEEP", "some", "using errors,slow:5000"),
        ("OTEL_SDK_DISABLED", "1", "using false"),
        ("OTEL_ENABLED", "yes", "counts as false"),
        ("ACME_ENABLE_LOGS", "1", "counts as false"),
    ] {
        let config = service(&[(name, value)]);
        assert_eq!(config.warnings.len(), 1, "{name}: {:?}", config.warnings);
        let warning = &config.warnings[0];
        assert!(warning.starts_with(name) && warning.contains(value) && warning.contains(fallback), "{warning}");
    }
    assert!(!service(&[("OTEL_ENABLED", "yes")]).enabled, "the private side");
    assert!(service(&[("OTEL_SDK_DISABLED", "1")]).enabled, "only true is true");
}

#[test]
fn a_bad_value_gives_way_to_the_next_name_and_a_conflict_is_told() {
    let config = service(&[("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "70")]);
    assert_eq!(config.otlp[0].timeout, Some(MS(70)));
    assert!(config.warnings[0].contains("using OTEL_EXPORTER_OTLP_TIMEOUT"), "{:?}", config.warnings);
    let config = service(&[("OTEL_TRACES_EXPORTER", "console"), ("OTEL_EXPORTER_OTLP_TRACES_EXPORTER", "none")]);
    assert_eq!(config.traces.exporters, [ExporterKind::Console]);
    assert_eq!(
        config.warnings,
        ["OTEL_EXPORTER_OTLP_TRACES_EXPORTER and OTEL_TRACES_EXPORTER differ: OTEL_TRACES_EXPORTER holds"]
    );
}

#[test]
fn a_header_value_is_never_in_a_message_or_a_print() {
    let config = service(&[
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cr3tvalue,bad name=s3cr3tvalue,x=%zzs3cr3tvalue"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:s3cr3tvalue@h:4318"),
        ("OTEL_TRACES_SAMPLER", "s3cr3tvalue-token=s3cr3tvalue"),
    ]);
    assert_eq!(config.otlp[0].headers, [("authorization".to_owned(), "Bearer s3cr3tvalue".to_owned())]);
    let printed = format!("{config:?}");
    assert!(!printed.contains("s3cr3tvalue"), "{printed}");
    for setting in explain(&config) {
        assert!(!setting.value.contains("s3cr3tvalue"), "{setting:?}");
    }
    assert_eq!(config.redactor().redact("sent Bearer s3cr3tvalue there"), "sent [redacted] there");
}

#[test]
fn nothing_is_sent_unless_asked() {
    let config = service(&[]);
    assert!(
        config.traces.exporters.is_empty() && config.metrics.exporters.is_empty() && config.logs.exporters.is_empty()
    );
    let config = service(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:4318/v1/traces")]);
    assert_eq!((config.traces.exporters.len(), config.logs.exporters.len()), (1, 0));
    let config = service(&[("OTEL_TRACES_EXPORTER", "none,otlp"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318")]);
    assert!(config.traces.exporters.is_empty() && config.warnings.len() == 1);
}

#[test]
fn the_port_says_the_protocol_when_nothing_else_does() {
    for (endpoint, protocol, url) in [
        ("http://h:4317", Protocol::Grpc, "http://h:4317"),
        ("http://h:4318", Protocol::HttpProtobuf, "http://h:4318/v1/traces"),
        ("http://h:80", Protocol::HttpProtobuf, "http://h:80/v1/traces"),
    ] {
        let config = service(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        assert_eq!((config.otlp[0].protocol, config.otlp[0].endpoint.as_deref()), (protocol, Some(url)));
    }
    let config =
        service(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
    assert_eq!(config.otlp[0].protocol, Protocol::HttpProtobuf, "what is said counts");
}

#[test]
fn what_telemetry_cannot_start_with_is_an_error() {
    for env in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_CONFIG_FILE", "/nowhere/otel.yaml"),
    ] {
        let config = service(&[env]);
        let error = config.errors.first().unwrap_or_else(|| panic!("{env:?}"));
        assert!(error.setting.starts_with(&env.0[..15]) && !error.hint.is_empty(), "{error:?}");
        assert!(config.check().is_err());
    }
    assert!(service(&[("ACME_STRICT", "true"), ("OTEL_LOG_LEVEL", "loud")]).check().is_err());
    assert!(service(&[("OTEL_LOG_LEVEL", "loud")]).check().is_ok());
}

#[test]
fn flags_stand_above_the_environment() {
    let with = |flags| {
        Config::for_app("acme", Role::Cli)
            .env([("ACME_LOG_LEVEL", "error"), ("OTEL_TRACES_EXPORTER", "none")])
            .no_file()
            .flags(flags)
            .resolve()
    };
    let config = with(Flags { verbose: true, ..Flags::default() });
    assert_eq!((config.logs.console, config.logs.console_filter.as_str()), (Some(LogFormat::Console), "debug"));
    let config = with(Flags { debug: true, ..Flags::default() });
    assert_eq!((config.logs.console, config.logs.span_events), (Some(LogFormat::Json), true));
    let config = with(Flags { debug: true, log_format: Some(LogFormat::Console), ..Flags::default() });
    assert_eq!(config.logs.console, Some(LogFormat::Console));
    let config = with(Flags { trace: true, ..Flags::default() });
    assert_eq!(config.traces.exporters, [ExporterKind::Console]);
    let config = with(Flags { trace: true, no_telemetry: true, ..Flags::default() });
    assert!(!config.enabled && config.warnings == ["--trace shows nothing while telemetry is off"]);
    assert_eq!(with(Flags::default()).logs.console, None);
}

const FILE: &str = r#"
[observability]
sample_rate = 0.5
environment = "stage"
propagate_to = ["api.acme.org"]
sites = "a=off"
log_level = "${LEVEL:-warn}"
nonsense = 1
destination_id = "${UNDEFINED}"
[grafana]
endpoint = "https://otlp-gateway-x.grafana.net/otlp"
api_key = "1234:glc_abcdefgh"
[ai]
provider = "local"
"#;

#[test]
fn the_file_stands_below_the_environment() {
    let builder = || Config::for_app("acme", Role::Service).file_contents(FILE);
    let config = builder().env([("HOME", "/h")]).resolve();
    assert_eq!(config.traces.sampler, SamplerConfig::ParentBased(Box::new(SamplerConfig::Ratio(0.5))));
    assert_eq!(attribute(&config, "deployment.environment.name").as_deref(), Some("staging"));
    assert_eq!(config.propagation.propagate_to, ["api.acme.org"]);
    assert_eq!(config.logs.filter, "warn");
    assert_eq!(config.otlp[0].endpoint.as_deref(), Some("https://otlp-gateway-x.grafana.net/otlp/v1/traces"));
    assert_eq!(config.otlp[0].headers, [("authorization".to_owned(), "Basic MTIzNDpnbGNfYWJjZGVmZ2g=".to_owned())]);
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings.iter().any(|w| w.contains("observability.nonsense")));
    assert!(config.warnings.iter().any(|w| w.contains("${UNDEFINED} is not set")));

    let config = builder()
        .env([("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_EXPORTER_OTLP_HEADERS", "x=y"), ("LEVEL", "debug")])
        .resolve();
    assert_eq!(config.traces.sampler, SamplerConfig::AlwaysOn);
    assert_eq!(config.otlp[0].headers, [("x".to_owned(), "y".to_owned())], "header variables replace the key whole");
    assert_eq!(config.logs.filter, "debug");
    let config = builder().env([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318")]).resolve();
    assert!(config.otlp[0].headers.is_empty(), "the key is for its own endpoint");
}

#[cfg(unix)]
#[test]
fn a_literal_key_needs_a_file_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("acme/config.toml");
    std::fs::create_dir(dir.path().join("acme")).expect("made");
    std::fs::write(&path, FILE).expect("written");
    let resolve = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        let home = dir.path().to_str().expect("a path");
        Config::for_app("acme", Role::Cli).env([("XDG_CONFIG_HOME", home)]).resolve()
    };
    assert_eq!(resolve(0o600).otlp[0].headers.len(), 1);
    let shared = resolve(0o644);
    assert!(shared.otlp[0].headers.is_empty());
    assert!(shared.warnings.iter().any(|w| w.contains("grafana.api_key") && w.contains("chmod 600")));
    assert!(shared.traces.sampler != SamplerConfig::ParentBased(Box::new(SamplerConfig::AlwaysOn)), "the rest counts");
    let open = resolve(0o666);
    assert!(open.warnings.iter().any(|w| w.contains("written by everybody")), "{:?}", open.warnings);
    assert_eq!(open.otlp[0].endpoint, None);
}

#[test]
fn a_file_that_is_no_toml_is_told_by_line_and_never_quoted() {
    let config =
        Config::for_app("acme", Role::Cli).env([("A", "b")]).file_contents("[grafana]\napi_key = s3cr3t\n").resolve();
    assert_eq!(config.warnings, ["configuration file: line 2 is not valid TOML; file ignored"]);
}

#[test]
fn what_differs_between_the_roles() {
    let (cli, service) = (resolve(Role::Cli, &[("HOME", "/h")]), resolve(Role::Service, &[("HOME", "/h")]));
    assert_eq!((cli.otlp[0].timeout, service.otlp[0].timeout), (Some(MS(1000)), Some(MS(10_000))));
    assert_eq!((cli.delivery.exit_budget, service.delivery.exit_budget), (MS(250), MS(5000)));
    assert_eq!((cli.delivery.durability, service.delivery.durability), (Durability::Process, Durability::File));
    assert_eq!((cli.self_log_level, service.self_log_level), (LevelFilter::Warn, LevelFilter::Info));
    assert_eq!((cli.logs.user_context.as_str(), service.logs.user_context.as_str()), ("cli_user", "worker"));
    assert_eq!(cli.delivery.state_dir.as_deref(), Some(std::path::Path::new("/h/.local/state/acme/telemetry")));
}

#[test]
fn where_no_child_can_send_the_command_does() {
    let resolve = |env: &[(&str, &str)], drainer| {
        Config::for_app("acme", Role::Cli).env(env.iter().copied()).no_file().drainer(drainer).resolve().delivery
    };
    let home = ("HOME", "/h");
    assert_eq!(resolve(&[home], true).exit_flush, Duration::ZERO);
    for (env, drainer) in [
        (vec![home, ("CI", "true")], true),
        (vec![home, ("INVOCATION_ID", "x")], true),
        (vec![home, ("ACME_DETACHED_FLUSH", "false")], true),
        (vec![home, ("ACME_SPOOL_MAX_BYTES", "0")], true),
        (vec![], true),
        (vec![("HOME", "relative")], true),
        (vec![home], false),
    ] {
        assert_eq!(resolve(&env, drainer).exit_flush, MS(200), "{env:?} {drainer}");
    }
    assert_eq!(resolve(&[home, ("CI", "true"), ("ACME_EXIT_FLUSH_MS", "0")], true).exit_flush, Duration::ZERO);
}

#[test]
fn everything_is_explained_with_its_origin() {
    let flags = Flags { verbose: true, ..Flags::default() };
    let config = Config::for_app("acme", Role::Cli)
        .env([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4317"), ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "5")])
        .file_contents(FILE)
        .flags(flags)
        .resolve();
    let settings = explain(&config);
    let find = |name: &str| {
        let found = settings.iter().find(|setting| setting.name == name).unwrap_or_else(|| panic!("{name}"));
        (found.value.as_str(), found.source.as_str())
    };
    let endpoint = "environment OTEL_EXPORTER_OTLP_ENDPOINT";
    assert_eq!(find("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), ("grpc", endpoint));
    assert_eq!(find("OTEL_LOGS_EXPORTER"), ("otlp", endpoint));
    assert_eq!(
        find("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ("http://h:4317", "environment OTEL_EXPORTER_OTLP_ENDPOINT")
    );
    assert_eq!(find("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT"), ("5", "environment OTEL_EXPORTER_OTLP_LOGS_TIMEOUT"));
    assert_eq!(find("ACME_TRACE_SAMPLE_RATE"), ("0.5", "file [observability.sample_rate]"));
    assert_eq!(find("ACME_LOG_LEVEL"), ("debug", "--verbose"));
    assert_eq!(find("OTEL_BSP_SCHEDULE_DELAY"), ("5000", "default"));
    assert_eq!(find("OTEL_TRACES_EXPORTER").0, "otlp");
    let rows: usize = variables()
        .iter()
        .map(|row| {
            if row.env.first().is_some_and(|e| e.contains('*')) && matches!(row.show, table::Show::Each(_)) {
                3
            } else {
                1
            }
        })
        .sum();
    assert_eq!(settings.len(), rows);
}

#[test]
fn another_program_has_its_own_names() {
    let config =
        Config::for_app("my-tool", Role::Cli).env([("MY_TOOL_LOG_LEVEL", "trace"), ("HOME", "/h")]).no_file().resolve();
    assert_eq!(config.logs.filter, "trace");
    assert!(config.delivery.state_dir.is_some_and(|dir| dir.ends_with("my-tool/telemetry")));
    let runtime = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/table.rs");
    assert!(!std::fs::read_to_string(runtime).expect("read").contains("\"TODO_"));
}

#[test]
fn a_way_from_this_machine_to_itself_needs_no_scheme() {
    for (endpoint, insecure, url) in [
        ("127.0.0.1:4317", None, "http://127.0.0.1:4317"),
        ("localhost:4317", None, "http://localhost:4317"),
        ("[::1]:4317", None, "http://[::1]:4317"),
        ("127.0.0.1:4317", Some("false"), "https://127.0.0.1:4317"),
        ("collector:4317", None, "https://collector:4317"),
        ("collector:4317", Some("true"), "http://collector:4317"),
    ] {
        let mut variables = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)];
        variables.extend(insecure.map(|insecure| ("OTEL_EXPORTER_OTLP_INSECURE", insecure)));
        let config = resolve(Role::Cli, &variables);
        assert_eq!(config.otlp[0].endpoint.as_deref(), Some(url), "{endpoint} {insecure:?}");
        assert_eq!(config.otlp[0].protocol, Protocol::Grpc, "{endpoint}: port 4317 is that of gRPC");
    }
}
