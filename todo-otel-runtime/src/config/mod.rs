//! What a user can set, resolved once at start into one typed value; no other module reads the environment.
//!
//! Order of precedence per setting: value set in code or by a flag, environment, file, default.

use std::{path::PathBuf, time::Duration};

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

/// Every setting of the runtime, resolved.
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
    /// What was refused on the way here: one line each, never a secret.
    pub warnings: Vec<String>,
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
#[derive(Clone, Debug, Default)]
pub struct ResourceConfig {
    /// Attributes by decreasing precedence of their source, already merged: no key twice.
    pub attributes: Vec<(String, String)>,
    /// Detectors to run: `service`, `process`, `os`, `host`, `container`, `k8s`, `cloud`.
    pub detectors: Vec<String>,
    /// Schema URL of the resource; the runtime's own when unset.
    pub schema_url: Option<String>,
}

/// Spans.
#[derive(Clone, Debug)]
pub struct TracesConfig {
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
        }
    }
}

/// Metrics.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
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
    /// Series an instrument may have before further ones fold into `otel.metric.overflow`.
    pub cardinality_limit: usize,
    /// What a command does with its increments.
    pub cli_metrics: CliMetrics,
    /// Scrape endpoint.
    pub prometheus_host: String,
    /// Port of the scrape endpoint.
    pub prometheus_port: u16,
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
#[derive(Clone, Debug)]
pub struct LogsConfig {
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
    /// Form of the lines on standard error; `None` = no lines.
    pub console: Option<LogFormat>,
    /// `EnvFilter` directives for the lines on standard error.
    pub console_filter: String,
    /// Lines on standard error show ids, targets, opened and closed spans.
    pub span_events: bool,
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
#[derive(Clone)]
pub struct OtlpConfig {
    /// Full URL: with the signal's path for HTTP, scheme and authority for gRPC. `None` = no endpoint configured.
    pub endpoint: Option<String>,
    /// Wire protocol.
    pub protocol: Protocol,
    /// Headers or gRPC metadata; values are secrets.
    pub headers: Vec<(String, String)>,
    /// Limit of one request with its retries; `None` = no limit.
    pub timeout: Option<Duration>,
    /// Compression of bodies.
    pub compression: Compression,
    /// PEM file with the authorities to trust; the platform's when unset.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the client's key.
    pub client_key: Option<PathBuf>,
}

impl std::fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint)
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
#[derive(Clone, Debug)]
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
}

/// What crosses process boundaries.
#[derive(Clone, Debug, Default)]
pub struct PropagationConfig {
    /// Read and write `traceparent` and `tracestate`.
    pub trace_context: bool,
    /// Read and write `baggage`.
    pub baggage: bool,
    /// Hosts that get context headers.
    pub propagate_to: Vec<String>,
}
