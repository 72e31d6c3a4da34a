//! Every setting as one row: names, key in the TOML file, default, meaning, and how its effective value is shown. The
//! lookup, the printed configuration and the tests read this table; how a value is parsed is not here.

use std::{fmt::Debug, path::PathBuf, time::Duration};

use super::{Config, ExporterKind, KeepConfig, Protocol, SamplerConfig, Signal, SiteMode};

/// One setting.
pub struct Variable {
    /// Variables by precedence; `{APP}` is the program's name in upper case, `*` is nothing or a signal with `_`.
    pub env: &'static [&'static str],
    /// Older or additional names; the ones above win.
    pub alias: &'static [&'static str],
    /// Key in the TOML file.
    pub file: Option<&'static str>,
    /// Default, for people.
    pub default: &'static str,
    /// What it does, for people.
    pub meaning: &'static str,
    pub(super) show: Show,
}

/// How the effective value is read back from the configuration.
pub(super) enum Show {
    One(fn(&Config) -> String),
    Each(fn(&Config, Signal) -> String),
    /// The value shows elsewhere; only the origin is of interest.
    Source,
}

impl Variable {
    /// The setting's name: its first variable, else its key.
    pub fn name(&self) -> &'static str {
        self.env.first().copied().or(self.file).unwrap_or_default()
    }

    /// Every name the environment may use for it.
    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.env.iter().chain(self.alias) {
            let name = name.replace("{APP}", prefix);
            if name.contains('*') {
                names.extend(Signal::ALL.map(|s| name.replace('*', &format!("{}_", s.as_str().to_ascii_uppercase()))));
            }
            names.push(name.replace('*', ""));
        }
        names
    }
}

/// All settings.
pub fn variables() -> &'static [Variable] {
    VARIABLES
}

pub(super) fn row(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|row| row.name() == name)
}

/// Name of a setting for one signal.
pub(super) fn signal_name(setting: &str, signal: Signal) -> String {
    setting.replace('*', &format!("{}_", signal.as_str().to_ascii_uppercase()))
}

use Show::{Each, One};

const VARIABLES: &[Variable] = &[
    Variable {
        env: &["OTEL_SDK_DISABLED"],
        alias: &[],
        file: None,
        default: "false",
        meaning: "no telemetry at all; nothing undoes it",
        show: One(|c| (!c.enabled).to_string()),
    },
    Variable {
        env: &["OTEL_ENABLED"],
        alias: &[],
        file: Some("observability.enabled"),
        default: "true",
        meaning: "false = OTEL_SDK_DISABLED=true",
        show: One(|c| c.enabled.to_string()),
    },
    Variable {
        env: &["{APP}_STRICT"],
        alias: &[],
        file: Some("observability.strict"),
        default: "false",
        meaning: "a refused setting ends the start",
        show: One(|c| c.strict.to_string()),
    },
    Variable {
        env: &["OTEL_CONFIG_FILE"],
        alias: &["OTEL_EXPERIMENTAL_CONFIG_FILE"],
        file: None,
        default: "",
        meaning: "declarative file that replaces every other telemetry setting",
        show: Show::Source,
    },
    Variable {
        env: &["OTEL_SERVICE_NAME"],
        alias: &[],
        file: None,
        default: "",
        meaning: "service.name",
        show: One(|c| attribute(c, "service.name")),
    },
    Variable {
        env: &["OTEL_SERVICE_VERSION"],
        alias: &[],
        file: None,
        default: "",
        meaning: "service.version",
        show: One(|c| attribute(c, "service.version")),
    },
    Variable {
        env: &["OTEL_ENVIRONMENT"],
        alias: &[],
        file: Some("observability.environment"),
        default: "",
        meaning: "deployment.environment.name",
        show: One(|c| attribute(c, "deployment.environment.name")),
    },
    Variable {
        env: &["OTEL_RESOURCE_ATTRIBUTES"],
        alias: &[],
        file: None,
        default: "",
        meaning: "k=v,k2=v2, percent-encoded",
        show: One(all_attributes),
    },
    Variable {
        env: &["OTEL_ENTITIES"],
        alias: &[],
        file: None,
        default: "",
        meaning: "accepted, without effect",
        show: Show::Source,
    },
    Variable {
        env: &["{APP}_DETECTORS"],
        alias: &[],
        file: Some("observability.detectors"),
        default: "service,process,os,host,container,k8s,cloud",
        meaning: "detectors of the resource; none",
        show: One(|c| or_none(&c.resource.detectors.join(","))),
    },
    Variable {
        env: &["OTEL_LOG_LEVEL"],
        alias: &[],
        file: None,
        default: "info",
        meaning: "the runtime's own diagnostics on standard error",
        show: One(|c| lower(c.self_log_level)),
    },
    Variable {
        env: &["OTEL_PROPAGATORS"],
        alias: &[],
        file: None,
        default: "tracecontext,baggage",
        meaning: "tracecontext, baggage or none",
        show: One(propagators),
    },
    Variable {
        env: &[],
        alias: &[],
        file: Some("observability.propagate_to"),
        default: "loopback",
        meaning: "hosts that get context headers",
        show: One(|c| or_none(&c.propagation.propagate_to.join(","))),
    },
    Variable {
        env: &["{APP}_SESSION_ID"],
        alias: &[],
        file: None,
        default: "made from the terminal session",
        meaning: "session.id of a command's spans and records",
        show: One(|c| or_none(c.propagation.session_id.as_deref().unwrap_or(""))),
    },
    Variable {
        env: &["{APP}_JOB_CONTEXT"],
        alias: &[],
        file: Some("observability.job_context"),
        default: "link",
        meaning: "link or parent",
        show: One(|c| lower(c.propagation.job_context)),
    },
    Variable {
        env: &["OTEL_TRACES_EXPORTER"],
        alias: &["OTEL_EXPORTER_OTLP_TRACES_EXPORTER"],
        file: None,
        default: "otlp once an endpoint is set, else none",
        meaning: "otlp, console, otlp/stdout, none",
        show: One(|c| exporters(&c.traces.exporters)),
    },
    Variable {
        env: &["OTEL_METRICS_EXPORTER"],
        alias: &["OTEL_EXPORTER_OTLP_METRICS_EXPORTER"],
        file: None,
        default: "otlp once an endpoint is set, else none",
        meaning: "otlp, console, prometheus, otlp/stdout, none",
        show: One(|c| exporters(&c.metrics.exporters)),
    },
    Variable {
        env: &["OTEL_LOGS_EXPORTER"],
        alias: &["OTEL_EXPORTER_OTLP_LOGS_EXPORTER"],
        file: None,
        default: "otlp once an endpoint is set, else none",
        meaning: "otlp, console, otlp/stdout, none",
        show: One(|c| exporters(&c.logs.exporters)),
    },
    Variable {
        env: &["{APP}_ENABLE_TRACES"],
        alias: &["OTEL_ENABLE_TRACES"],
        file: Some("observability.export_traces"),
        default: "true",
        meaning: "false: no spans",
        show: One(|c| c.traces.enabled.to_string()),
    },
    Variable {
        env: &["{APP}_ENABLE_METRICS"],
        alias: &["OTEL_ENABLE_METRICS"],
        file: Some("observability.export_metrics"),
        default: "true",
        meaning: "false: no metrics",
        show: One(|c| c.metrics.enabled.to_string()),
    },
    Variable {
        env: &["{APP}_ENABLE_LOGS"],
        alias: &["OTEL_ENABLE_LOGS"],
        file: Some("observability.export_logs"),
        default: "true",
        meaning: "false: no log records",
        show: One(|c| c.logs.enabled.to_string()),
    },
    Variable {
        env: &["{APP}_TRACE_SAMPLE_RATE"],
        alias: &[],
        file: Some("observability.sample_rate"),
        default: "1.0",
        meaning: "share of root spans, 0 to 1",
        show: One(|c| rate(&c.traces.sampler)),
    },
    Variable {
        env: &["OTEL_TRACES_SAMPLER"],
        alias: &[],
        file: None,
        default: "parentbased_always_on",
        meaning: "head sampler",
        show: One(|c| sampler(&c.traces.sampler)),
    },
    Variable {
        env: &["OTEL_TRACES_SAMPLER_ARG"],
        alias: &[],
        file: None,
        default: "1.0",
        meaning: "ratio of a ratio sampler",
        show: One(|c| rate(&c.traces.sampler)),
    },
    Variable {
        env: &["{APP}_TRACE_KEEP"],
        alias: &[],
        file: Some("observability.keep"),
        default: "errors,slow:5000",
        meaning: "traces kept although sampled out; none",
        show: One(|c| keep(&c.traces.keep)),
    },
    Variable {
        env: &["{APP}_TRACES_PER_SECOND"],
        alias: &[],
        file: Some("observability.traces_per_second"),
        default: "0",
        meaning: "cap of the adaptive sampler; 0 = no cap",
        show: One(|c| c.traces.traces_per_second.to_string()),
    },
    Variable {
        env: &["{APP}_ADAPTIVE"],
        alias: &[],
        file: Some("observability.adaptive"),
        default: "false",
        meaning: "raise the rate when errors rise",
        show: One(|c| c.traces.adaptive.to_string()),
    },
    Variable {
        env: &["{APP}_OTEL_SITES"],
        alias: &[],
        file: Some("observability.sites"),
        default: "",
        meaning: "pattern=on, metrics or off; first match wins",
        show: One(sites),
    },
    Variable {
        env: &["{APP}_N_PLUS_ONE"],
        alias: &[],
        file: Some("observability.n_plus_one"),
        default: "5",
        meaning: "same statement more often inside one span = warning; 0 = off",
        show: One(|c| c.traces.n_plus_one.to_string()),
    },
    Variable {
        env: &["OTEL_BSP_SCHEDULE_DELAY"],
        alias: &[],
        file: None,
        default: "5000",
        meaning: "ms between two exports of spans",
        show: One(|c| ms(c.traces.schedule_delay)),
    },
    Variable {
        env: &["OTEL_BSP_MAX_QUEUE_SIZE"],
        alias: &[],
        file: None,
        default: "2048",
        meaning: "spans waiting",
        show: One(|c| c.traces.max_queue_size.to_string()),
    },
    Variable {
        env: &["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
        alias: &[],
        file: None,
        default: "512",
        meaning: "spans in one export",
        show: One(|c| c.traces.max_export_batch_size.to_string()),
    },
    Variable {
        env: &["OTEL_BSP_EXPORT_TIMEOUT"],
        alias: &[],
        file: None,
        default: "30000",
        meaning: "ms for one export of spans; 0 = no limit",
        show: One(|c| limit(c.otlp[0].export_timeout)),
    },
    Variable {
        env: &["OTEL_BLRP_SCHEDULE_DELAY"],
        alias: &[],
        file: None,
        default: "1000",
        meaning: "ms between two exports of log records",
        show: One(|c| ms(c.logs.schedule_delay)),
    },
    Variable {
        env: &["OTEL_BLRP_MAX_QUEUE_SIZE"],
        alias: &[],
        file: None,
        default: "2048",
        meaning: "log records waiting",
        show: One(|c| c.logs.max_queue_size.to_string()),
    },
    Variable {
        env: &["OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"],
        alias: &[],
        file: None,
        default: "512",
        meaning: "log records in one export",
        show: One(|c| c.logs.max_export_batch_size.to_string()),
    },
    Variable {
        env: &["OTEL_BLRP_EXPORT_TIMEOUT"],
        alias: &[],
        file: None,
        default: "30000",
        meaning: "ms for one export of log records; 0 = no limit",
        show: One(|c| limit(c.otlp[2].export_timeout)),
    },
    Variable {
        env: &["OTEL_METRIC_EXPORT_INTERVAL"],
        alias: &[],
        file: None,
        default: "60000",
        meaning: "ms between two exports of metrics",
        show: One(|c| ms(c.metrics.interval)),
    },
    Variable {
        env: &["OTEL_METRIC_EXPORT_TIMEOUT"],
        alias: &[],
        file: None,
        default: "30000",
        meaning: "ms for one export of metrics; 0 = no limit",
        show: One(|c| limit(c.otlp[1].export_timeout)),
    },
    Variable {
        env: &["OTEL_ATTRIBUTE_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "attributes of a span or log record",
        show: Show::Source,
    },
    Variable {
        env: &["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        alias: &[],
        file: None,
        default: "4096",
        meaning: "characters of a string value",
        show: Show::Source,
    },
    Variable {
        env: &["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "attributes of a span",
        show: One(|c| c.traces.limits.attributes.to_string()),
    },
    Variable {
        env: &["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        alias: &[],
        file: None,
        default: "4096",
        meaning: "characters of a value of a span",
        show: One(|c| c.traces.limits.value_length.to_string()),
    },
    Variable {
        env: &["OTEL_SPAN_EVENT_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "events of a span",
        show: One(|c| c.traces.limits.events.to_string()),
    },
    Variable {
        env: &["OTEL_SPAN_LINK_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "links of a span",
        show: One(|c| c.traces.limits.links.to_string()),
    },
    Variable {
        env: &["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "attributes of an event",
        show: One(|c| c.traces.limits.attributes_per_event.to_string()),
    },
    Variable {
        env: &["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "attributes of a link",
        show: One(|c| c.traces.limits.attributes_per_link.to_string()),
    },
    Variable {
        env: &["OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"],
        alias: &[],
        file: None,
        default: "128",
        meaning: "attributes of a log record",
        show: One(|c| c.logs.attributes.to_string()),
    },
    Variable {
        env: &["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        alias: &[],
        file: None,
        default: "4096",
        meaning: "characters of a value of a log record",
        show: One(|c| c.logs.value_length.to_string()),
    },
    Variable {
        env: &["OTEL_METRICS_EXEMPLAR_FILTER"],
        alias: &[],
        file: None,
        default: "trace_based",
        meaning: "always_on, always_off, trace_based",
        show: One(|c| snake(c.metrics.exemplar_filter)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
        alias: &[],
        file: None,
        default: "cumulative",
        meaning: "cumulative, delta, lowmemory",
        show: One(|c| lower(c.metrics.temporality)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"],
        alias: &[],
        file: None,
        default: "explicit_bucket_histogram",
        meaning: "or base2_exponential_bucket_histogram",
        show: One(histograms),
    },
    Variable {
        env: &["OTEL_EXPORTER_PROMETHEUS_HOST"],
        alias: &[],
        file: None,
        default: "localhost",
        meaning: "host of the scrape endpoint",
        show: One(|c| c.metrics.prometheus_host.clone()),
    },
    Variable {
        env: &["OTEL_EXPORTER_PROMETHEUS_PORT"],
        alias: &[],
        file: None,
        default: "8000",
        meaning: "port of the scrape endpoint",
        show: One(|c| c.metrics.prometheus_port.to_string()),
    },
    Variable {
        env: &["{APP}_CLI_METRICS"],
        alias: &[],
        file: Some("observability.cli_metrics"),
        default: "ledger",
        meaning: "ledger, delta, off",
        show: One(|c| lower(c.metrics.cli_metrics)),
    },
    Variable {
        env: &["{APP}_LOG_LEVEL"],
        alias: &[],
        file: Some("observability.log_level"),
        default: "INFO",
        meaning: "level or EnvFilter directives of exported records",
        show: One(|c| c.logs.filter.clone()),
    },
    Variable {
        env: &["{APP}_LOG_SAMPLE_RATE"],
        alias: &[],
        file: Some("observability.log_sample"),
        default: "1.0",
        meaning: "share of records below WARN that is exported",
        show: One(|c| c.logs.sample.to_string()),
    },
    Variable {
        env: &["OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"],
        alias: &[],
        file: None,
        default: "logs",
        meaning: "logs or logs/dup",
        show: One(exceptions),
    },
    Variable {
        env: &["OTEL_SEMCONV_STABILITY_OPT_IN"],
        alias: &[],
        file: None,
        default: "",
        meaning: "accepted, without effect: only current names are emitted",
        show: Show::Source,
    },
    Variable {
        env: &["OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"],
        alias: &[],
        file: None,
        default: "GET,HEAD,POST,PUT,DELETE,CONNECT,OPTIONS,TRACE,PATCH,QUERY",
        meaning: "methods recorded under their own name",
        show: One(|c| c.known_http_methods.join(",")),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*ENDPOINT"],
        alias: &[],
        file: Some("grafana.endpoint"),
        default: "",
        meaning: "where OTLP is sent",
        show: Each(endpoint),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*PROTOCOL"],
        alias: &[],
        file: None,
        default: "http/protobuf, or what the port says",
        meaning: "grpc, http/protobuf",
        show: Each(protocol),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*HEADERS"],
        alias: &[],
        file: None,
        default: "",
        meaning: "k=v,k2=v2; values are secrets",
        show: Each(header_names),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*TIMEOUT"],
        alias: &[],
        file: None,
        default: "10000 (cli 1000)",
        meaning: "ms for one request with its retries; 0 = no limit",
        show: Each(|c, s| limit(c.otlp[s as usize].timeout)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*COMPRESSION"],
        alias: &[],
        file: None,
        default: "none (service gzip)",
        meaning: "gzip or none",
        show: Each(|c, s| lower(c.otlp[s as usize].compression)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*INSECURE"],
        alias: &[],
        file: None,
        default: "false",
        meaning: "gRPC endpoint without scheme: no TLS",
        show: Show::Source,
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*CERTIFICATE"],
        alias: &[],
        file: None,
        default: "",
        meaning: "PEM file of the authorities to trust",
        show: Each(|c, s| path(&c.otlp[s as usize].ca_file)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*CLIENT_KEY"],
        alias: &[],
        file: None,
        default: "",
        meaning: "PEM file of the client's key",
        show: Each(|c, s| path(&c.otlp[s as usize].client_key)),
    },
    Variable {
        env: &["OTEL_EXPORTER_OTLP_*CLIENT_CERTIFICATE"],
        alias: &[],
        file: None,
        default: "",
        meaning: "PEM file of the client's certificate",
        show: Each(|c, s| path(&c.otlp[s as usize].client_certificate)),
    },
    Variable {
        env: &["{APP}_DURABILITY"],
        alias: &[],
        file: Some("observability.durability"),
        default: "process (service file)",
        meaning: "process, file, full",
        show: One(|c| lower(c.delivery.durability)),
    },
    Variable {
        env: &["{APP}_SPOOL_MAX_BYTES"],
        alias: &[],
        file: Some("observability.spool_max_bytes"),
        default: "64 MiB (service 256 MiB)",
        meaning: "most bytes in the spool; 0 = no spool",
        show: One(|c| c.delivery.spool_max_bytes.to_string()),
    },
    Variable {
        env: &["{APP}_SPOOL_MAX_AGE"],
        alias: &[],
        file: Some("observability.spool_max_age"),
        default: "72h",
        meaning: "oldest age in the spool; 0 = no spool",
        show: One(|c| format!("{}s", c.delivery.spool_max_age.as_secs_f64())),
    },
    Variable {
        env: &["{APP}_DETACHED_FLUSH"],
        alias: &[],
        file: Some("observability.detached_flush"),
        default: "true",
        meaning: "a command leaves the sending to a detached child",
        show: One(|c| c.delivery.detached_flush.to_string()),
    },
    Variable {
        env: &["{APP}_EXIT_FLUSH_MS"],
        alias: &[],
        file: Some("observability.exit_flush_ms"),
        default: "0 (200 where no child can send)",
        meaning: "ms a command may spend on sending",
        show: One(|c| ms(c.delivery.exit_flush)),
    },
    Variable {
        env: &["{APP}_EXIT_BUDGET_MS"],
        alias: &[],
        file: Some("observability.exit_budget_ms"),
        default: "250 (service 5000)",
        meaning: "most ms that telemetry adds at exit",
        show: One(|c| ms(c.delivery.exit_budget)),
    },
    Variable {
        env: &["{APP}_DESTINATION_ID"],
        alias: &[],
        file: Some("observability.destination_id"),
        default: "",
        meaning: "part of the spool's folder name",
        show: One(|c| or_none(c.delivery.destination_id.as_deref().unwrap_or(""))),
    },
    Variable {
        env: &["{APP}_KEEP_LAST"],
        alias: &[],
        file: Some("observability.keep_last"),
        default: "50 once an endpoint is set, else 0",
        meaning: "traces kept for a look at the last runs",
        show: One(|c| c.delivery.keep_last.to_string()),
    },
    Variable {
        env: &["{APP}_CAPTURE_AI_CONTENT"],
        alias: &[],
        file: Some("observability.capture_ai_content"),
        default: "false",
        meaning: "record prompts and replies",
        show: One(|c| c.capture_ai_content.to_string()),
    },
    Variable {
        env: &[],
        alias: &[],
        file: Some("grafana.api_key"),
        default: "",
        meaning: "credential of [grafana] endpoint",
        show: Show::Source,
    },
    Variable {
        env: &[],
        alias: &[],
        file: Some("grafana.api_key_file"),
        default: "",
        meaning: "file that holds it",
        show: Show::Source,
    },
];

fn attribute(config: &Config, key: &str) -> String {
    let found = config.resource.attributes.iter().find(|(known, _)| known == key);
    found.map_or_else(|| "-".to_owned(), |(_, value)| value.to_string())
}

fn all_attributes(config: &Config) -> String {
    let pairs: Vec<String> = config.resource.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    or_none(&pairs.join(","))
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn lower(value: impl Debug) -> String {
    format!("{value:?}").to_ascii_lowercase()
}

fn snake(value: impl Debug) -> String {
    let mut out = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn limit(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "0".to_owned(), ms)
}

fn path(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string())
}

fn propagators(config: &Config) -> String {
    match (config.propagation.trace_context, config.propagation.baggage) {
        (true, true) => "tracecontext,baggage",
        (true, false) => "tracecontext",
        (false, true) => "baggage",
        (false, false) => "none",
    }
    .to_owned()
}

fn exporters(exporters: &[ExporterKind]) -> String {
    let names: Vec<&str> = exporters
        .iter()
        .map(|kind| match kind {
            ExporterKind::Otlp => "otlp",
            ExporterKind::Console => "console",
            ExporterKind::OtlpStdout => "otlp/stdout",
            ExporterKind::Prometheus => "prometheus",
        })
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

fn sampler(sampler: &SamplerConfig) -> String {
    match sampler {
        SamplerConfig::AlwaysOn => "always_on".to_owned(),
        SamplerConfig::AlwaysOff => "always_off".to_owned(),
        SamplerConfig::Ratio(_) => "traceidratio".to_owned(),
        SamplerConfig::Probability(_) => "probability/development".to_owned(),
        SamplerConfig::ParentBased(root) => format!("parentbased_{}", self::sampler(root)),
    }
}

fn rate(sampler: &SamplerConfig) -> String {
    match sampler {
        SamplerConfig::AlwaysOn => "1".to_owned(),
        SamplerConfig::AlwaysOff => "0".to_owned(),
        SamplerConfig::Ratio(ratio) | SamplerConfig::Probability(ratio) => ratio.to_string(),
        SamplerConfig::ParentBased(root) => rate(root),
    }
}

fn keep(keep: &KeepConfig) -> String {
    let mut rules = Vec::new();
    if keep.errors {
        rules.push("errors".to_owned());
    }
    if let Some(slow) = keep.slow {
        rules.push(format!("slow:{}", slow.as_millis()));
    }
    if rules.is_empty() { "none".to_owned() } else { rules.join(",") }
}

fn sites(config: &Config) -> String {
    let rules: Vec<String> = config
        .traces
        .sites
        .iter()
        .map(|(pattern, mode)| {
            let mode = match mode {
                SiteMode::On => "on",
                SiteMode::Metrics => "metrics",
                SiteMode::Off => "off",
            };
            format!("{pattern}={mode}")
        })
        .collect();
    or_none(&rules.join(","))
}

fn histograms(config: &Config) -> String {
    if config.metrics.exponential_histograms {
        "base2_exponential_bucket_histogram"
    } else {
        "explicit_bucket_histogram"
    }
    .to_owned()
}

fn exceptions(config: &Config) -> String {
    if config.logs.exceptions_as_span_events { "logs/dup" } else { "logs" }.to_owned()
}

fn endpoint(config: &Config, signal: Signal) -> String {
    config.otlp[signal as usize].endpoint.as_deref().map_or_else(|| "-".to_owned(), super::redact::url_credentials)
}

fn protocol(config: &Config, signal: Signal) -> String {
    match config.otlp[signal as usize].protocol {
        Protocol::HttpProtobuf => "http/protobuf",
        Protocol::Grpc => "grpc",
    }
    .to_owned()
}

fn header_names(config: &Config, signal: Signal) -> String {
    let names: Vec<String> =
        config.otlp[signal as usize].headers.iter().map(|(name, _)| format!("{name}=[redacted]")).collect();
    or_none(&names.join(","))
}
