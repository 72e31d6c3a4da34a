//! Names that leave the process, as data: OpenTelemetry's conventions and the runtime's own. A program keeps its own
//! names in a table of the same rows; checker, catalogue, dashboards and documentation read both.
//!
//! Own names of the runtime begin with the program's name: the rows have `{app}` there, [`Row::name_for`] fills it in.

/// One name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Key of an attribute, name of an instrument, an event or a span.
    pub name: &'static str,
    /// What it names.
    pub kind: Kind,
    /// UCUM unit of an instrument; empty otherwise.
    pub unit: &'static str,
    /// Type of an attribute's value or of an instrument's measurements; of no meaning for events and spans.
    pub value: Type,
    /// Bounds of a histogram; empty otherwise.
    pub bounds: &'static [f64],
    /// State in the conventions.
    pub stability: Stability,
    /// Keys of an instrument's, event's or span's attributes; `true` = required. A span may have others.
    pub attributes: &'static [(&'static str, bool)],
    /// Value of the log field `operation` inside spans of this name; empty = that of the nearest ancestor.
    pub operation: &'static str,
}

/// What a row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of the specification")]
pub enum Kind {
    Attribute,
    Resource,
    Span,
    Event,
    Counter,
    UpDownCounter,
    Histogram,
    Gauge,
    ObservableCounter,
    ObservableUpDownCounter,
    ObservableGauge,
}

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Type {
    Str,
    Int,
    Double,
    Bool,
    StrArray,
}

/// State of a name in the conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Will not change.
    Stable,
    /// About to become stable.
    ReleaseCandidate,
    /// May change.
    Development,
    /// No convention has it.
    Own,
}

use Stability::{Development, Own, ReleaseCandidate, Stable};
use Type::{Bool, Double, Int, Str, StrArray};

impl Row {
    const EMPTY: Row = Row {
        name: "",
        kind: Kind::Attribute,
        unit: "",
        value: Str,
        bounds: &[],
        stability: Own,
        attributes: &[],
        operation: "",
    };

    /// An attribute of spans, log records or data points.
    pub const fn attribute(name: &'static str, value: Type, stability: Stability) -> Row {
        Row { name, value, stability, ..Row::EMPTY }
    }

    /// An attribute of the resource.
    pub const fn resource(name: &'static str, value: Type, stability: Stability) -> Row {
        Row { name, kind: Kind::Resource, value, stability, ..Row::EMPTY }
    }

    /// A span; a name that ends in `*` covers a closed set.
    pub const fn span(name: &'static str, operation: &'static str) -> Row {
        Row { name, kind: Kind::Span, operation, ..Row::EMPTY }
    }

    /// The same row, of a span that always has these attributes.
    pub const fn requires(self, attributes: &'static [(&'static str, bool)]) -> Row {
        Row { attributes, ..self }
    }

    /// An event: a log record with a name.
    pub const fn event(name: &'static str, stability: Stability, attributes: &'static [(&'static str, bool)]) -> Row {
        Row { name, kind: Kind::Event, stability, attributes, ..Row::EMPTY }
    }

    /// An instrument that is no histogram.
    pub const fn instrument(
        name: &'static str,
        kind: Kind,
        value: Type,
        unit: &'static str,
        stability: Stability,
        attributes: &'static [(&'static str, bool)],
    ) -> Row {
        Row { name, kind, unit, value, stability, attributes, ..Row::EMPTY }
    }

    /// A histogram with its bounds.
    pub const fn histogram(
        name: &'static str,
        value: Type,
        unit: &'static str,
        bounds: &'static [f64],
        stability: Stability,
        attributes: &'static [(&'static str, bool)],
    ) -> Row {
        Row { name, kind: Kind::Histogram, unit, value, bounds, stability, attributes, ..Row::EMPTY }
    }

    /// The name in a program: `{app}` filled in.
    pub fn name_for(&self, app: &str) -> String {
        self.name.replace("{app}", app)
    }

    /// True for every kind of instrument.
    pub const fn is_instrument(&self) -> bool {
        !matches!(self.kind, Kind::Attribute | Kind::Resource | Kind::Span | Kind::Event)
    }

    /// Whether the row covers this name of a program: exactly, or by its `*` at the end.
    pub fn covers(&self, app: &str, name: &str) -> bool {
        let own = self.name_for(app);
        match own.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => own == name,
        }
    }
}

/// Bounds of database durations, in seconds.
pub const DB_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Bounds of HTTP and messaging durations, in seconds.
pub const HTTP_BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Bounds of model calls, in seconds.
pub const GEN_AI_BOUNDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bounds of token counts.
pub const TOKEN_BOUNDS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0,
    67108864.0,
];
/// Bounds of row counts.
pub const ROW_BOUNDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0];

const fn attr(name: &'static str, value: Type, stability: Stability) -> Row {
    Row::attribute(name, value, stability)
}

const DB: &[(&str, bool)] = &[
    ("db.system.name", true),
    ("db.collection.name", false),
    ("db.namespace", false),
    ("db.operation.name", false),
    ("db.response.status_code", false),
    ("error.type", false),
    ("server.address", false),
    ("server.port", false),
    ("db.query.summary", false),
];
const GEN_AI: &[(&str, bool)] = &[
    ("gen_ai.operation.name", true),
    ("gen_ai.provider.name", true),
    ("gen_ai.request.model", false),
    ("gen_ai.response.model", false),
    ("server.address", false),
    ("server.port", false),
    ("error.type", false),
];
const TOKENS: &[(&str, bool)] = &[
    ("gen_ai.operation.name", true),
    ("gen_ai.provider.name", true),
    ("gen_ai.token.type", true),
    ("gen_ai.request.model", false),
    ("gen_ai.response.model", false),
    ("server.address", false),
    ("server.port", false),
];
const HTTP: &[(&str, bool)] = &[
    ("http.request.method", true),
    ("server.address", true),
    ("server.port", true),
    ("http.response.status_code", false),
    ("error.type", false),
    ("network.protocol.version", false),
];
const MESSAGING: &[(&str, bool)] = &[
    ("messaging.operation.name", true),
    ("messaging.system", true),
    ("messaging.destination.name", false),
    ("error.type", false),
];
const POOL: &[(&str, bool)] = &[("db.client.connection.pool.name", true)];
const POOL_STATE: &[(&str, bool)] = &[("db.client.connection.pool.name", true), ("db.client.connection.state", true)];
const EXCEPTION: &[(&str, bool)] =
    &[("exception.type", false), ("exception.message", false), ("exception.stacktrace", false), ("error.type", false)];
const COMPONENT: &[(&str, bool)] = &[("otel.component.type", false), ("otel.component.name", false)];
const COMPONENT_ERROR: &[(&str, bool)] =
    &[("otel.component.type", false), ("otel.component.name", false), ("error.type", false)];
const EXPORT: &[(&str, bool)] = &[
    ("otel.component.type", false),
    ("otel.component.name", false),
    ("error.type", false),
    ("http.response.status_code", false),
    ("server.address", false),
    ("server.port", false),
];
const DROPPED: &[(&str, bool)] = &[("{app}.telemetry.signal", true), ("{app}.telemetry.reason", true)];
const SIGNAL: &[(&str, bool)] = &[("{app}.telemetry.signal", true)];

/// OpenTelemetry's names as far as they are used, and the runtime's own.
pub const ROWS: &[Row] = &[
    // Resource.
    Row::resource("service.name", Str, Stable),
    Row::resource("service.version", Str, Stable),
    Row::resource("service.namespace", Str, Stable),
    Row::resource("service.instance.id", Str, Stable),
    Row::resource("deployment.environment.name", Str, Stable),
    Row::resource("telemetry.sdk.name", Str, Stable),
    Row::resource("telemetry.sdk.language", Str, Stable),
    Row::resource("telemetry.sdk.version", Str, Stable),
    Row::resource("telemetry.distro.name", Str, Stable),
    Row::resource("telemetry.distro.version", Str, Stable),
    Row::resource("process.pid", Int, Development),
    Row::resource("process.executable.name", Str, Development),
    Row::resource("process.runtime.name", Str, Development),
    Row::resource("process.runtime.version", Str, Development),
    Row::resource("os.type", Str, Development),
    Row::resource("host.arch", Str, Development),
    Row::resource("host.name", Str, Development),
    Row::resource("host.id", Str, Development),
    Row::resource("container.id", Str, Development),
    Row::resource("k8s.namespace.name", Str, Development),
    Row::resource("k8s.pod.name", Str, Development),
    Row::resource("k8s.pod.uid", Str, Development),
    Row::resource("k8s.node.name", Str, Development),
    Row::resource("k8s.container.name", Str, Development),
    Row::resource("cloud.provider", Str, Development),
    Row::resource("cloud.platform", Str, Development),
    Row::resource("cloud.region", Str, Development),
    Row::resource("cloud.account.id", Str, Development),
    // General.
    attr("error.type", Str, Stable),
    attr("exception.type", Str, Stable),
    attr("exception.message", Str, Stable),
    attr("exception.stacktrace", Str, Stable),
    attr("code.function.name", Str, Stable),
    attr("code.file.path", Str, Stable),
    attr("code.line.number", Int, Stable),
    attr("server.address", Str, Stable),
    attr("server.port", Int, Stable),
    attr("url.full", Str, Stable),
    attr("url.template", Str, Development),
    attr("network.peer.address", Str, Stable),
    attr("network.peer.port", Int, Stable),
    attr("network.protocol.name", Str, Stable),
    attr("network.protocol.version", Str, Stable),
    attr("session.id", Str, Development),
    attr("enduser.pseudo.id", Str, Development),
    attr("event.name", Str, Development),
    attr("log.record.uid", Str, Development),
    attr("otel.metric.overflow", Bool, Stable),
    // Command line.
    attr("process.exit.code", Int, Development),
    attr("process.executable.path", Str, Development),
    attr("process.command_args", StrArray, Development),
    // Database.
    attr("db.system.name", Str, Stable),
    attr("db.namespace", Str, Stable),
    attr("db.collection.name", Str, Stable),
    attr("db.operation.name", Str, Stable),
    attr("db.operation.batch.size", Int, Stable),
    attr("db.query.summary", Str, Stable),
    attr("db.query.text", Str, Stable),
    attr("db.response.status_code", Str, Stable),
    attr("db.response.returned_rows", Int, Development),
    attr("db.client.connection.pool.name", Str, Development),
    attr("db.client.connection.state", Str, Development),
    // HTTP client.
    attr("http.request.method", Str, Stable),
    attr("http.request.method_original", Str, Stable),
    attr("http.request.resend_count", Int, Stable),
    attr("http.response.status_code", Int, Stable),
    // Model calls.
    attr("gen_ai.operation.name", Str, Development),
    attr("gen_ai.provider.name", Str, Development),
    attr("gen_ai.request.model", Str, Development),
    attr("gen_ai.request.choice.count", Int, Development),
    attr("gen_ai.request.seed", Int, Development),
    attr("gen_ai.request.stream", Bool, Development),
    attr("gen_ai.request.max_tokens", Int, Development),
    attr("gen_ai.request.temperature", Double, Development),
    attr("gen_ai.request.top_p", Double, Development),
    attr("gen_ai.request.top_k", Double, Development),
    attr("gen_ai.request.frequency_penalty", Double, Development),
    attr("gen_ai.request.presence_penalty", Double, Development),
    attr("gen_ai.request.stop_sequences", StrArray, Development),
    attr("gen_ai.output.type", Str, Development),
    attr("gen_ai.response.id", Str, Development),
    attr("gen_ai.response.model", Str, Development),
    attr("gen_ai.response.finish_reasons", StrArray, Development),
    attr("gen_ai.response.time_to_first_chunk", Double, Development),
    attr("gen_ai.usage.input_tokens", Int, Development),
    attr("gen_ai.usage.output_tokens", Int, Development),
    attr("gen_ai.usage.cache_read.input_tokens", Int, Development),
    attr("gen_ai.usage.cache_creation.input_tokens", Int, Development),
    attr("gen_ai.usage.reasoning.output_tokens", Int, Development),
    attr("gen_ai.token.type", Str, Development),
    attr("gen_ai.system_instructions", Str, Development),
    attr("gen_ai.input.messages", Str, Development),
    attr("gen_ai.output.messages", Str, Development),
    attr("gen_ai.tool.definitions", Str, Development),
    attr("openai.api.type", Str, Development),
    attr("openai.response.service_tier", Str, Development),
    attr("openai.response.system_fingerprint", Str, Development),
    // Messaging.
    attr("messaging.system", Str, Development),
    attr("messaging.operation.name", Str, Development),
    attr("messaging.operation.type", Str, Development),
    attr("messaging.destination.name", Str, Development),
    attr("messaging.message.id", Str, Development),
    attr("messaging.client.id", Str, Development),
    attr("messaging.batch.message_count", Int, Development),
    // Process.
    attr("cpu.mode", Str, ReleaseCandidate),
    attr("process.context_switch.type", Str, Development),
    attr("system.paging.fault.type", Str, Development),
    attr("disk.io.direction", Str, Development),
    // The SDK about itself.
    attr("otel.component.type", Str, Development),
    attr("otel.component.name", Str, Development),
    attr("otel.span.parent.origin", Str, Development),
    attr("otel.span.sampling_result", Str, Development),
    // The runtime's own.
    attr("outcome", Str, Own),
    attr("{app}.operation", Str, Own),
    attr("{app}.user_context", Str, Own),
    attr("{app}.duration", Double, Own),
    attr("{app}.db.statements", Int, Own),
    attr("{app}.link.type", Str, Own),
    attr("{app}.sampling.reason", Str, Own),
    attr("busy_ns", Int, Own),
    attr("idle_ns", Int, Own),
    attr("polls", Int, Own),
    attr("slow", Bool, Own),
    attr("unfinished", Bool, Own),
    attr("{app}.suppressed.count", Int, Own),
    attr("{app}.suppressed.sampled", Int, Own),
    attr("{app}.telemetry.signal", Str, Own),
    attr("{app}.telemetry.reason", Str, Own),
    attr("{app}.telemetry.items", Int, Own),
    // Events.
    Row::event("exception", Stable, EXCEPTION),
    Row::event("db.client.operation.exception", Development, EXCEPTION),
    Row::event("http.client.request.exception", Development, EXCEPTION),
    Row::event("gen_ai.client.operation.exception", Development, EXCEPTION),
    Row::event("messaging.process.exception", Development, EXCEPTION),
    Row::event(
        "telemetry.suppressed",
        Own,
        &[
            ("{app}.suppressed.count", true),
            ("{app}.suppressed.sampled", false),
            ("code.function.name", false),
            ("code.line.number", false),
        ],
    ),
    Row::event(
        "telemetry.dropped",
        Own,
        &[("{app}.telemetry.signal", true), ("{app}.telemetry.reason", true), ("{app}.telemetry.items", true)],
    ),
    Row::event("telemetry.recovered", Own, SIGNAL),
    // Instruments of the conventions.
    Row::histogram("db.client.operation.duration", Double, "s", DB_BOUNDS, Stable, DB),
    Row::histogram("db.client.response.returned_rows", Int, "{row}", ROW_BOUNDS, Development, DB),
    Row::instrument("db.client.connection.count", Kind::UpDownCounter, Int, "{connection}", Development, POOL_STATE),
    Row::instrument("db.client.connection.idle.max", Kind::UpDownCounter, Int, "{connection}", Development, POOL),
    Row::instrument("db.client.connection.idle.min", Kind::UpDownCounter, Int, "{connection}", Development, POOL),
    Row::instrument("db.client.connection.max", Kind::UpDownCounter, Int, "{connection}", Development, POOL),
    Row::instrument("db.client.connection.pending_requests", Kind::UpDownCounter, Int, "{request}", Development, POOL),
    Row::instrument("db.client.connection.timeouts", Kind::Counter, Int, "{timeout}", Development, POOL),
    Row::histogram("db.client.connection.create_time", Double, "s", DB_BOUNDS, Development, POOL),
    Row::histogram("db.client.connection.wait_time", Double, "s", DB_BOUNDS, Development, POOL),
    Row::histogram("db.client.connection.use_time", Double, "s", DB_BOUNDS, Development, POOL),
    Row::histogram("gen_ai.client.operation.duration", Double, "s", GEN_AI_BOUNDS, Development, GEN_AI),
    Row::histogram("gen_ai.client.token.usage", Int, "{token}", TOKEN_BOUNDS, Development, TOKENS),
    Row::histogram("gen_ai.client.operation.time_to_first_chunk", Double, "s", GEN_AI_BOUNDS, Development, GEN_AI),
    Row::histogram("gen_ai.client.operation.time_per_output_chunk", Double, "s", GEN_AI_BOUNDS, Development, GEN_AI),
    Row::histogram("http.client.request.duration", Double, "s", HTTP_BOUNDS, Stable, HTTP),
    Row::instrument("messaging.client.sent.messages", Kind::Counter, Int, "{message}", Development, MESSAGING),
    Row::instrument("messaging.client.consumed.messages", Kind::Counter, Int, "{message}", Development, MESSAGING),
    Row::histogram("messaging.client.operation.duration", Double, "s", HTTP_BOUNDS, Development, MESSAGING),
    Row::histogram("messaging.process.duration", Double, "s", HTTP_BOUNDS, Development, MESSAGING),
    Row::instrument("process.cpu.time", Kind::ObservableCounter, Double, "s", ReleaseCandidate, &[("cpu.mode", true)]),
    Row::instrument("process.memory.usage", Kind::ObservableUpDownCounter, Int, "By", ReleaseCandidate, &[]),
    Row::instrument("process.memory.virtual", Kind::ObservableUpDownCounter, Int, "By", ReleaseCandidate, &[]),
    Row::instrument("process.thread.count", Kind::ObservableUpDownCounter, Int, "{thread}", ReleaseCandidate, &[]),
    Row::instrument(
        "process.unix.file_descriptor.count",
        Kind::ObservableUpDownCounter,
        Int,
        "{file_descriptor}",
        ReleaseCandidate,
        &[],
    ),
    Row::instrument(
        "process.context_switches",
        Kind::ObservableCounter,
        Int,
        "{context_switch}",
        ReleaseCandidate,
        &[("process.context_switch.type", true)],
    ),
    Row::instrument(
        "process.paging.faults",
        Kind::ObservableCounter,
        Int,
        "{fault}",
        ReleaseCandidate,
        &[("system.paging.fault.type", true)],
    ),
    Row::instrument(
        "process.disk.io",
        Kind::ObservableCounter,
        Int,
        "By",
        ReleaseCandidate,
        &[("disk.io.direction", true)],
    ),
    Row::instrument("process.uptime", Kind::ObservableGauge, Double, "s", ReleaseCandidate, &[]),
    // The SDK about itself.
    Row::instrument(
        "otel.sdk.span.started",
        Kind::Counter,
        Int,
        "{span}",
        Development,
        &[("otel.span.parent.origin", false), ("otel.span.sampling_result", false)],
    ),
    Row::instrument(
        "otel.sdk.span.live",
        Kind::UpDownCounter,
        Int,
        "{span}",
        Development,
        &[("otel.span.sampling_result", false)],
    ),
    Row::instrument("otel.sdk.log.created", Kind::Counter, Int, "{log_record}", Development, &[]),
    Row::instrument("otel.sdk.processor.span.processed", Kind::Counter, Int, "{span}", Development, COMPONENT_ERROR),
    Row::instrument(
        "otel.sdk.processor.log.processed",
        Kind::Counter,
        Int,
        "{log_record}",
        Development,
        COMPONENT_ERROR,
    ),
    Row::instrument("otel.sdk.processor.span.queue.size", Kind::UpDownCounter, Int, "{span}", Development, COMPONENT),
    Row::instrument(
        "otel.sdk.processor.span.queue.capacity",
        Kind::UpDownCounter,
        Int,
        "{span}",
        Development,
        COMPONENT,
    ),
    Row::instrument(
        "otel.sdk.processor.log.queue.size",
        Kind::UpDownCounter,
        Int,
        "{log_record}",
        Development,
        COMPONENT,
    ),
    Row::instrument(
        "otel.sdk.processor.log.queue.capacity",
        Kind::UpDownCounter,
        Int,
        "{log_record}",
        Development,
        COMPONENT,
    ),
    Row::instrument("otel.sdk.exporter.span.exported", Kind::Counter, Int, "{span}", Development, EXPORT),
    Row::instrument("otel.sdk.exporter.log.exported", Kind::Counter, Int, "{log_record}", Development, EXPORT),
    Row::instrument(
        "otel.sdk.exporter.metric_data_point.exported",
        Kind::Counter,
        Int,
        "{data_point}",
        Development,
        EXPORT,
    ),
    Row::instrument("otel.sdk.exporter.span.inflight", Kind::UpDownCounter, Int, "{span}", Development, EXPORT),
    Row::instrument("otel.sdk.exporter.log.inflight", Kind::UpDownCounter, Int, "{log_record}", Development, EXPORT),
    Row::instrument(
        "otel.sdk.exporter.metric_data_point.inflight",
        Kind::UpDownCounter,
        Int,
        "{data_point}",
        Development,
        EXPORT,
    ),
    Row::histogram("otel.sdk.exporter.operation.duration", Double, "s", HTTP_BOUNDS, Development, EXPORT),
    Row::histogram(
        "otel.sdk.metric_reader.collection.duration",
        Double,
        "s",
        HTTP_BOUNDS,
        Development,
        COMPONENT_ERROR,
    ),
    // The runtime's own.
    Row::instrument("{app}.telemetry.dropped", Kind::Counter, Int, "{item}", Own, DROPPED),
    Row::instrument("{app}.telemetry.delivered", Kind::Counter, Int, "{item}", Own, SIGNAL),
    Row::instrument("{app}.telemetry.spool.size", Kind::Gauge, Int, "By", Own, &[]),
    Row::instrument("{app}.telemetry.export.age", Kind::Gauge, Double, "s", Own, &[]),
    Row::instrument("{app}.telemetry.last_success.time", Kind::Gauge, Double, "s", Own, &[]),
    Row::instrument("{app}.telemetry.breaker.open", Kind::Gauge, Int, "{destination}", Own, &[]),
    Row::instrument("{app}.telemetry.runs.unclean", Kind::Counter, Int, "{run}", Own, &[]),
];

/// The row of a name among the runtime's and the program's; of several the first.
pub fn find<'a>(app: &str, own: &'a [Row], name: &str) -> Option<&'a Row> {
    own.iter().chain(ROWS).find(|row| row.covers(app, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_stands_twice_for_the_same_kind_of_thing() {
        let mut seen = BTreeSet::new();
        for row in ROWS {
            let class = match row.kind {
                Kind::Attribute | Kind::Resource => 0,
                Kind::Span => 1,
                Kind::Event => 2,
                _ => 3,
            };
            assert!(seen.insert((class, row.name)), "{}", row.name);
        }
    }

    #[test]
    fn instruments_have_a_unit_known_attributes_and_bounds_that_rise() {
        for row in ROWS.iter().filter(|row| row.is_instrument()) {
            assert!(!row.unit.is_empty(), "{}", row.name);
            assert_eq!(row.kind == Kind::Histogram, !row.bounds.is_empty(), "{}", row.name);
            assert!(row.bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", row.name);
            for (key, _) in row.attributes {
                assert!(ROWS.iter().any(|r| r.kind == Kind::Attribute && r.name == *key), "{}: {key}", row.name);
            }
        }
    }

    #[test]
    fn own_names_begin_with_the_program_and_old_names_are_absent() {
        let row = find("acme", &[], "acme.telemetry.dropped").expect("known");
        assert_eq!(row.name_for("acme"), "acme.telemetry.dropped");
        for old in [
            "code.function",
            "code.lineno",
            "code.filepath",
            "db.system",
            "db.statement",
            "gen_ai.system",
            "deployment.environment",
            "http.method",
        ] {
            assert!(find("acme", &[], old).is_none(), "{old}");
        }
    }

    #[test]
    fn a_star_covers_a_closed_set() {
        let own = [Row::span("acme.command.*", "cli.command")];
        assert_eq!(find("acme", &own, "acme.command.add").map(|row| row.operation), Some("cli.command"));
        assert!(find("acme", &own, "acme.other").is_none());
    }
}
