//! The resolved settings as plain data: every value with its unit. How they are found is not here.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use opentelemetry::Value;

use super::{redact::Secrets, source::Source};

/// What kind of process this is; decides defaults, threads and how data leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One short process per command: starts no telemetry thread, writes to the spool at exit.
    Cli,
    /// A long-running process: one collector thread, one sender thread.
    Service,
}

/// One of the three OpenTelemetry signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All signals, in the order of their declaration.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// `traces`, `metrics` or `logs`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// Every setting of the runtime, resolved. Built by [`Config::for_app`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the program: prefix of its variables (upper case), namespace of its own names, name of its directories.
    pub app: String,
    /// Kind of process.
    pub role: Role,
    /// False: nothing is recorded, no thread, no file, no connection. Propagators still work.
    pub enabled: bool,
    /// Attributes of the resource.
    pub resource: ResourceConfig,
    /// Spans.
    pub traces: TracesConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// Logs.
    pub logs: LogsConfig,
    /// Where and how OTLP is sent, per signal, indexed by `Signal as usize`.
    pub otlp: [OtlpConfig; 3],
    /// What happens to encoded data on their way out.
    pub delivery: DeliveryConfig,
    /// What crosses process boundaries.
    pub propagation: PropagationConfig,
    /// Level of the runtime's own diagnostics on standard error.
    pub self_log_level: LevelFilter,
    /// Prompts and replies of models may be recorded. Default false.
    pub capture_ai_content: bool,
    /// HTTP methods that are recorded under their own name; others become `_OTHER`.
    pub known_http_methods: Vec<String>,
    /// A refused setting ends the start. Default false: it is a warning.
    pub strict: bool,
    /// What was refused or adjusted on the way here: one entry each, never a secret.
    pub warnings: Vec<String>,
    /// Settings that telemetry cannot start with; `init` returns the first one.
    pub errors: Vec<Refusal>,
    /// Credentials found in the settings, for the redactor.
    pub(crate) secrets: Secrets,
    /// Where each value that is not a default came from, by the setting's name.
    pub(crate) origins: BTreeMap<String, Source>,
    /// True when `strict` has to end the start.
    pub(crate) refused_in_strict: bool,
}

/// A setting that telemetry cannot start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Variable, key or flag.
    pub setting: String,
    /// Found and expected, without secrets.
    pub problem: String,
    /// What to change.
    pub hint: String,
}

/// Verbosity, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum LevelFilter {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Where a signal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExporterKind {
    /// OTLP to the endpoint of the signal.
    Otlp,
    /// Human-readable, on standard error.
    Console,
    /// One OTLP JSON object per line on standard output.
    OtlpStdout,
    /// Scrape endpoint (metrics of a service only).
    Prometheus,
}

/// Resource attributes and how they are found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceConfig {
    /// Attributes by decreasing precedence of their source, already merged: no key twice. Detectors and the runtime's own
    /// defaults are not among them.
    pub attributes: Vec<(String, Value)>,
    /// Detectors to run: `service`, `process`, `os`, `host`, `container`, `k8s`, `cloud`.
    pub detectors: Vec<String>,
    /// Schema URL of the resource; the runtime's own when unset.
    pub schema_url: Option<String>,
    /// Variables that platforms set and detectors look at.
    pub environment: BTreeMap<String, String>,
}

/// Spans.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesConfig {
    /// False: no spans at all; trace context still propagates.
    pub enabled: bool,
    /// Empty: spans are not exported.
    pub exporters: Vec<ExporterKind>,
    /// Head decision.
    pub sampler: SamplerConfig,
    /// Traces kept by the in-process tail decision although the head decision dropped them.
    pub keep: KeepConfig,
    /// Upper bound of traces per second of the adaptive sampler; 0 = no cap.
    pub traces_per_second: u32,
    /// Raise the ratio when the share of errors rises.
    pub adaptive: bool,
    /// Limits of a span.
    pub limits: SpanLimits,
    /// Longest time between the end of a span and its export.
    pub schedule_delay: Duration,
    /// Most spans waiting for export.
    pub max_queue_size: usize,
    /// Most spans in one export.
    pub max_export_batch_size: usize,
    /// Per-call-site switches, first match wins: pattern and mode.
    pub sites: Vec<(String, SiteMode)>,
    /// The same statement more often than this inside one span is warned about; 0 = never.
    pub n_plus_one: u32,
}

/// What a call site does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteMode {
    /// Span, metrics and log events.
    On,
    /// Metrics only.
    Metrics,
    /// Nothing.
    Off,
}

/// Head samplers.
#[derive(Clone, Debug, PartialEq)]
pub enum SamplerConfig {
    /// Every root.
    AlwaysOn,
    /// No root.
    AlwaysOff,
    /// `TraceIdRatioBased` with this ratio.
    Ratio(f64),
    /// Consistent probability sampling (Development specification), `ot=th` in the tracestate.
    Probability(f64),
    /// The parent's decision; the inner sampler for roots.
    ParentBased(Box<SamplerConfig>),
}

/// Tail rules of a local trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepConfig {
    /// Keep local traces that contain an error or a panic.
    pub errors: bool,
    /// Keep local traces whose root took longer.
    pub slow: Option<Duration>,
}

/// Limits of the OpenTelemetry specification; what is cut is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
    /// Attributes of a span.
    pub attributes: u32,
    /// Characters of a string value.
    pub value_length: u32,
    /// Events of a span.
    pub events: u32,
    /// Links of a span.
    pub links: u32,
    /// Attributes of an event.
    pub attributes_per_event: u32,
    /// Attributes of a link.
    pub attributes_per_link: u32,
    /// True when the user set `value_length`: it then holds for every key, `exception.stacktrace` included.
    pub value_length_set: bool,
}

impl Default for SpanLimits {
    fn default() -> Self {
        Self {
            attributes: 128,
            value_length: 4096,
            events: 128,
            links: 128,
            attributes_per_event: 128,
            attributes_per_link: 128,
            value_length_set: false,
        }
    }
}

/// Metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsConfig {
    /// False: no metrics at all.
    pub enabled: bool,
    /// Empty: metrics are not exported.
    pub exporters: Vec<ExporterKind>,
    /// Time between two exports of a service.
    pub interval: Duration,
    /// Which measurements may become exemplars.
    pub exemplar_filter: ExemplarFilter,
    /// Temporality of exported sums and histograms.
    pub temporality: Temporality,
    /// Base-2 exponential histograms instead of explicit bounds.
    pub exponential_histograms: bool,
    /// Series an instrument may have before further ones fold into `otel.metric.overflow`; 100 where failures are told apart
    /// by `error.type`, unless somebody set it.
    pub cardinality_limit: usize,
    /// What a command does with its increments.
    pub cli_metrics: CliMetrics,
    /// Scrape endpoint.
    pub prometheus_host: String,
    /// Port of the scrape endpoint.
    pub prometheus_port: u16,
    /// Changes of the declarative file to streams; the first view that selects an instrument decides.
    pub views: Vec<ViewConfig>,
}

/// Which instruments a view selects and what it makes of them. Every part that is `None` selects or keeps everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewConfig {
    /// Name, `*` and `?` are wildcards.
    pub instrument_name: Option<String>,
    /// `counter`, `histogram`, `gauge`, `up_down_counter`, or one of these with the prefix `observable_`.
    pub instrument_type: Option<String>,
    /// Exact unit.
    pub unit: Option<String>,
    /// Exact name of the instrumentation scope.
    pub meter_name: Option<String>,
    /// Exact version of the instrumentation scope.
    pub meter_version: Option<String>,
    /// Exact schema URL of the instrumentation scope.
    pub meter_schema_url: Option<String>,
    /// New name of the stream.
    pub name: Option<String>,
    /// New description of the stream.
    pub description: Option<String>,
    /// How measurements are aggregated.
    pub aggregation: Option<Aggregation>,
    /// Series before further ones fold into `otel.metric.overflow`.
    pub cardinality_limit: Option<usize>,
    /// Keep only these attributes.
    pub included: Option<Vec<String>>,
    /// Remove these attributes.
    pub excluded: Vec<String>,
}

/// How a view aggregates.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregation {
    /// What the kind of the instrument says.
    Default,
    /// The stream is dropped.
    Drop,
    /// Histogram with these bounds; `None` = those of the instrument.
    ExplicitBuckets(Option<Vec<f64>>),
    /// Base-2 exponential histogram.
    Exponential {
        /// Most buckets of each sign.
        max_size: u32,
        /// Highest scale.
        max_scale: i8,
    },
    /// Last value.
    LastValue,
    /// Sum.
    Sum,
}

/// Which measurements may become exemplars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of the specification")]
pub enum ExemplarFilter {
    AlwaysOn,
    AlwaysOff,
    TraceBased,
}

/// Aggregation temporality preference of OTLP metric exporters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of the specification")]
pub enum Temporality {
    Cumulative,
    Delta,
    LowMemory,
}

/// What a command does with its metric increments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CliMetrics {
    /// Added to a ledger on disk, exported as cumulative totals by one writer at a time.
    Ledger,
    /// Sent as delta points by the command itself.
    Delta,
    /// Not recorded.
    Off,
}

/// Logs.
#[derive(Clone, Debug, PartialEq)]
pub struct LogsConfig {
    /// False: no log records leave; lines on standard error may still be written.
    pub enabled: bool,
    /// Empty: log records are not exported.
    pub exporters: Vec<ExporterKind>,
    /// `EnvFilter` directives for exported records.
    pub filter: String,
    /// Share of records below WARN that is exported.
    pub sample: f64,
    /// Attributes of a record.
    pub attributes: u32,
    /// Characters of a string value.
    pub value_length: u32,
    /// True when the user set `value_length`: it then holds for every key, `exception.stacktrace` included.
    pub value_length_set: bool,
    /// Levels of lists and maps inside of a value; what lies deeper is cut off. Values of spans have one level.
    pub value_depth: u32,
    /// Who caused the records: `cli_user`, `worker` or `ci`; never an identity.
    pub user_context: String,
    /// Milestone events also become events of the current span.
    pub events_to_span_events: bool,
    /// Form of the lines on standard error; `None` = no lines.
    pub console: Option<LogFormat>,
    /// `EnvFilter` directives for the lines on standard error.
    pub console_filter: String,
    /// Lines on standard error show ids, targets, opened and closed spans.
    pub span_events: bool,
    /// What is written on standard error may be coloured: it is a terminal and `NO_COLOR` is unset.
    pub color: bool,
    /// The program's own names on its log lines.
    pub vocabulary: crate::logs::Vocabulary,
    /// Exceptions also as span events (`OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup`).
    pub exceptions_as_span_events: bool,
    /// Longest time between a record and its export.
    pub schedule_delay: Duration,
    /// Most records waiting for export.
    pub max_queue_size: usize,
    /// Most records in one export.
    pub max_export_batch_size: usize,
}

/// Form of log lines on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Console,
    /// One JSON object per line.
    Json,
}

/// OTLP wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Binary protobuf over HTTP/1.1.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// Compression of request bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// gzip, for bodies over 1 kB.
    Gzip,
}

/// Where and how one signal is sent.
#[derive(Clone, PartialEq)]
pub struct OtlpConfig {
    /// Full URL: with the signal's path for HTTP, scheme and authority for gRPC. `None` = no endpoint configured.
    pub endpoint: Option<String>,
    /// Wire protocol.
    pub protocol: Protocol,
    /// Headers or gRPC metadata; values are secrets.
    pub headers: Vec<(String, String)>,
    /// Limit of one request with its retries; `None` = no limit.
    pub timeout: Option<Duration>,
    /// Limit of one export call of the pipeline before it (`OTEL_BSP_EXPORT_TIMEOUT` and its like); `None` = no limit.
    /// What holds is the smaller one, see [`OtlpConfig::time_limit`].
    pub export_timeout: Option<Duration>,
    /// Compression of bodies.
    pub compression: Compression,
    /// PEM file with the authorities to trust; the platform's when unset.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the client's key.
    pub client_key: Option<PathBuf>,
    /// Largest request body in bytes.
    pub max_request_size: usize,
    /// Largest reply in bytes.
    pub max_response_size: usize,
}

impl OtlpConfig {
    /// Limit of one request with its retries: the smaller one of `timeout` and `export_timeout`.
    pub fn time_limit(&self) -> Option<Duration> {
        match (self.timeout, self.export_timeout) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl Default for OtlpConfig {
    /// HTTP without endpoint, the timeouts of the specification.
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: Protocol::HttpProtobuf,
            headers: Vec::new(),
            timeout: Some(Duration::from_secs(10)),
            export_timeout: Some(Duration::from_secs(30)),
            compression: Compression::None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            max_request_size: 64 * 1024 * 1024,
            max_response_size: 4 * 1024 * 1024,
        }
    }
}

impl std::fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint.as_deref().map(super::redact::url_credentials))
            .field("protocol", &self.protocol)
            .field("headers", &self.headers.iter().map(|(name, _)| format!("{name}=[redacted]")).collect::<Vec<_>>())
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// How far a record has got when it counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Renamed in the spool: survives the end of the process, not a power cut.
    Process,
    /// Contents synced before the rename.
    File,
    /// Contents and directory synced.
    Full,
}

/// What happens to encoded data on their way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// `$XDG_STATE_HOME/<app>/telemetry`; `None` = no usable state directory, memory only.
    pub state_dir: Option<PathBuf>,
    /// When a record counts as safe.
    pub durability: Durability,
    /// Most bytes in the spool; 0 = no spool.
    pub spool_max_bytes: u64,
    /// Oldest age of a segment; zero = no spool.
    pub spool_max_age: Duration,
    /// A command leaves the sending to a detached child.
    pub detached_flush: bool,
    /// Time a command may spend on sending at its end.
    pub exit_flush: Duration,
    /// Most time that telemetry may add at exit.
    pub exit_budget: Duration,
    /// Part of the name of the spool's folder.
    pub destination_id: Option<String>,
    /// Traces kept on disk for a look at the last runs; 0 = none.
    pub keep_last: u32,
}

/// What crosses process boundaries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PropagationConfig {
    /// Read and write `traceparent` and `tracestate`.
    pub trace_context: bool,
    /// Read and write `baggage`.
    pub baggage: bool,
    /// Hosts that get context headers; `*.example.org` covers subdomains. Loopback always does.
    pub propagate_to: Vec<String>,
    /// How the trace of a job relates to that of the command that enqueued it.
    pub job_context: JobContext,
    /// `<APP>_SESSION_ID`: names the terminal session instead of the runtime.
    pub session_id: Option<String>,
    /// Context that the starter of this process left in the environment, as it was found.
    pub incoming: Incoming,
}

/// How the trace of a job relates to that of the command that enqueued it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobContext {
    /// A trace of its own with a link.
    #[default]
    Link,
    /// The same trace.
    Parent,
}

/// `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` as they were found; not validated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// `TRACEPARENT`.
    pub traceparent: Option<String>,
    /// `TRACESTATE`.
    pub tracestate: Option<String>,
    /// `BAGGAGE`.
    pub baggage: Option<String>,
}
