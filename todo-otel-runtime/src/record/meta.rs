//! What a call site is: everything that is known when the program is compiled.
//!
//! No run-time state here (`callsite.rs`) and no metrics (`metrics/meta.rs`). All parts are const-constructible; absent
//! ones are left out with `..DEFAULT`.

use crate::metrics::MetricsMeta;

/// One annotated function.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Name of the span.
    pub name: &'static str,
    /// Kind of the span.
    pub kind: Kind,
    /// Full path of the function: `code.function.name`.
    pub function: &'static str,
    /// Module of the function: the target of its log events.
    pub module: &'static str,
    /// `code.file.path`.
    pub file: &'static str,
    /// `code.line.number`.
    pub line: u32,
    /// Name of the instrumentation scope.
    pub package: &'static str,
    /// Version of the instrumentation scope.
    pub version: &'static str,
    /// Keys of the attributes; the values come positionally.
    pub attributes: &'static [&'static str],
    /// Keys of the outputs; the values come by index.
    pub outputs: &'static [&'static str],
    /// False: only metrics and log events.
    pub span: bool,
    /// Metrics of the calls.
    pub metrics: Option<&'static MetricsMeta>,
    /// Service level objective of the calls.
    pub objective: Option<&'static Objective>,
    /// Log events around the call.
    pub log: Option<Log>,
    /// Tail rules of the local traces that begin here.
    pub keep: Keep,
    /// Head decision of this call site: share of calls that are recorded.
    pub sample: Option<f64>,
    /// A call that takes longer is reported while it is still running; 0 = no watch.
    pub slow_ns: u64,
    /// Begins a new trace, whatever is current.
    pub root: bool,
    /// Begins a new trace that is linked to the caller's span.
    pub detached: bool,
    /// Puts a real `opentelemetry::Context` in place for the time of the call.
    pub attach: bool,
}

impl Meta {
    /// An internal span without anything.
    pub const DEFAULT: Meta = Meta {
        name: "",
        kind: Kind::Internal,
        function: "",
        module: "",
        file: "",
        line: 0,
        package: "",
        version: "",
        attributes: &[],
        outputs: &[],
        span: true,
        metrics: None,
        objective: None,
        log: None,
        keep: Keep::DEFAULT,
        sample: None,
        slow_ns: 0,
        root: false,
        detached: false,
        attach: false,
    };

    /// An internal span of a function, and where that is.
    pub const fn at(
        name: &'static str,
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        package: &'static str,
        version: &'static str,
    ) -> Meta {
        Meta { name, function, module, file, line, package, version, ..Meta::DEFAULT }
    }
}

/// Kind of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inside the program.
    Internal,
    /// Asks somebody.
    Client,
    /// Answers somebody.
    Server,
    /// Hands work over.
    Producer,
    /// Takes work.
    Consumer,
}

/// Log events of a call site.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// Severity of both events.
    pub level: Level,
    /// One event when the call begins.
    pub enter: bool,
    /// One event when the call ends.
    pub exit: bool,
}

impl Log {
    /// Both events at INFO.
    pub const DEFAULT: Log = Log { level: Level::Info, enter: true, exit: true };
}

/// Severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// TRACE
    Trace,
    /// DEBUG
    Debug,
    /// INFO
    Info,
    /// WARN
    Warn,
    /// ERROR
    Error,
}

/// Tail rules: which local traces are kept although the head decision dropped them.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Traces that contain an error or a panic.
    pub error: bool,
    /// Traces whose local root took at least this long; 0 = no rule.
    pub slow_ns: u64,
}

impl Keep {
    /// No rule.
    pub const DEFAULT: Keep = Keep { error: false, slow_ns: 0 };
}

/// A service level objective over the calls of one call site.
#[derive(Debug)]
pub struct Objective {
    /// Share of calls that succeed, in percent; 0 = no such objective.
    pub success: f64,
    /// Longest duration of the share below; 0 = no such objective.
    pub latency_ns: u64,
    /// Share of calls within `latency_ns`, in percent.
    pub percentile: f64,
    /// Label values whose calls are left out of the latency objective.
    pub except: &'static [(&'static str, &'static str)],
}

impl Objective {
    /// No objective.
    pub const DEFAULT: Objective = Objective { success: 0.0, latency_ns: 0, percentile: 0.0, except: &[] };
}
