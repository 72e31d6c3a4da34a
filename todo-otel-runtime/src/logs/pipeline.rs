//! What happens to one record: correlation, sampling and rate limit, redaction and limits, then export and lines.

use std::{
    cell::Cell,
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

use opentelemetry::{
    Context, Key,
    logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    logs::{SdkLogger, SdkLoggerProvider},
};
use tracing_subscriber::{EnvFilter, filter::Targets};

use super::{
    correlate::{self, Correlation},
    forward, json,
    limit::Limits,
    names::Keys,
    queue::{self, Counts, Export, Queue},
    record::{Record, Span, level_of, severity_text},
    sample::Sampler,
    text,
    throttle::{Denied, Suppressed, Throttle},
    vocabulary::Words,
};
use crate::config::{Config, ExporterKind, LevelFilter, LogFormat, LogsConfig, Redactor};

/// Attributes that the pipeline adds: operation, user context, code location (3), uid, baggage (3).
const OWN_ATTRIBUTES: usize = 9;

/// Targets that never reach the exporter: they log on threads that suppression does not reach, while they export.
const REFUSED_TARGETS: [&str; 7] = ["opentelemetry", "hyper", "h2", "tonic", "tower", "reqwest", "rustls"];

/// Libraries below a program that tell more than anybody who looks at the program wants to know: shown from WARN on
/// unless a directive names them.
const TALKATIVE: [&str; 12] =
    ["diesel", "h2", "hyper", "mio", "opentelemetry", "reqwest", "rustls", "tokio", "tonic", "tower", "ureq", "want"];

/// The directives, with those for talkative libraries in front, where later ones for the same target win.
fn with_quiet_libraries(directives: &str) -> String {
    let default = directives.split(',').map(str::trim).find(|part| !part.contains(['=', '[']));
    if !matches!(default, Some("info" | "debug" | "trace")) {
        return directives.to_owned();
    }
    TALKATIVE.iter().map(|target| format!("{target}=warn,")).chain([directives.to_owned()]).collect()
}

/// A destination with its filter.
pub(crate) struct Gate {
    /// For `tracing` events.
    pub filter: EnvFilter,
    /// For the runtime's own records, which have no call site that a filter could look at.
    targets: Targets,
    /// Directives that look at spans make the filter see them.
    pub sees_spans: bool,
}

impl Gate {
    fn new(directives: &str) -> Self {
        let directives = &with_quiet_libraries(directives);
        let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
        let static_part: String =
            directives.split(',').filter(|directive| !directive.contains('[')).collect::<Vec<_>>().join(",");
        let targets =
            Targets::from_str(&static_part).unwrap_or_else(|_| Targets::new().with_default(tracing_core::Level::INFO));
        Self { filter, targets, sees_spans: directives.contains('[') }
    }

    fn admits(&self, record: &Record) -> bool {
        self.targets.would_enable(&record.target, &level_of(record.severity))
    }
}

/// Records to the SDK's logger.
pub(crate) struct Exported {
    pub gate: Gate,
    logger: SdkLogger,
    provider: SdkLoggerProvider,
    pub queue: Arc<Queue>,
}

/// Lines on standard error.
pub(crate) struct Console {
    pub gate: Gate,
    format: LogFormat,
    color: bool,
    details: bool,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub export: bool,
    pub console: bool,
    /// The current span, for milestones.
    pub span: bool,
}

/// A record ready to be written as a line.
pub(crate) struct Shaped<'a> {
    pub record: &'a Record,
    pub correlation: Correlation,
    pub service: &'a str,
    pub version: &'a str,
    pub user_context: &'a str,
    pub words: &'a Words,
    /// Target, location and span id as well.
    pub details: bool,
}

/// The settings that a pipeline needs.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Namespace of own attributes.
    pub app: String,
    pub logs: LogsConfig,
    pub self_log_level: LevelFilter,
    pub redactor: Redactor,
}

impl Setup {
    pub fn of(config: &Config) -> Self {
        Self {
            app: config.app.clone(),
            logs: config.logs.clone(),
            self_log_level: config.self_log_level,
            redactor: config.redactor(),
        }
    }
}

/// The destination of lines.
pub(crate) type Out = Box<dyn Fn(&str) + Send + Sync>;

/// Everything between a record and its destinations.
pub(crate) struct Pipeline {
    keys: Keys,
    words: Words,
    service: String,
    version: String,
    user_context: String,
    pub limits: Limits,
    redactor: Redactor,
    sampler: Sampler,
    throttle: Throttle,
    suppressed: AtomicU64,
    sampled: AtomicU64,
    events_on_spans: bool,
    exceptions_on_spans: bool,
    pub export: Option<Exported>,
    pub console: Option<Console>,
    pub self_log_level: LevelFilter,
    out: Out,
    started: Instant,
    run: String,
    sequence: AtomicU64,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("export", &self.export.is_some())
            .field("console", &self.console.is_some())
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// Set while this thread works on a record: what formatting or redaction logs in turn is left out.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

thread_local! {
    /// 0 = not asked yet, 1 = alive, 2 = its thread-locals are being destroyed.
    static STAGE: Cell<u8> = const { Cell::new(0) };
    static LAST_WORDS: LastWords = const { LastWords };
}

struct LastWords;

impl Drop for LastWords {
    fn drop(&mut self) {
        STAGE.with(|stage| stage.set(2));
    }
}

/// False while the thread-locals of this thread are destroyed: the context, which every record asks for, panics then.
fn thread_is_alive() -> bool {
    match STAGE.with(Cell::get) {
        1 => return true,
        2 => return false,
        _ => {}
    }
    // The context first: thread-locals are destroyed in the reverse order of their first use, so ours goes before it.
    let alive =
        std::panic::catch_unwind(|| Context::map_current(|_| ())).is_ok() && LAST_WORDS.try_with(|_| ()).is_ok();
    STAGE.with(|stage| stage.set(if alive { 1 } else { 2 }));
    alive
}

struct Busy;

impl Busy {
    fn enter() -> Option<Busy> {
        BUSY.try_with(|busy| (!busy.replace(true)).then_some(Busy)).ok().flatten()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = BUSY.try_with(|busy| busy.set(false));
    }
}

impl Pipeline {
    pub fn new(setup: &Setup, resource: &Resource, exporter: Option<Box<dyn Export>>, out: Out) -> Self {
        let logs = &setup.logs;
        let export = exporter.map(|exporter| {
            let queue = Queue::new(exporter, logs.max_queue_size, logs.max_export_batch_size);
            let provider = queue::provider(&queue, resource);
            Exported { gate: Gate::new(&logs.filter), logger: provider.logger(""), provider, queue }
        });
        let as_exporter = logs.exporters.contains(&ExporterKind::Console).then_some(LogFormat::Console);
        let console = logs.console.or(as_exporter).map(|format| Console {
            gate: Gate::new(if logs.console.is_some() { &logs.console_filter } else { &logs.filter }),
            format,
            color: logs.color && format == LogFormat::Console,
            details: logs.span_events,
        });
        let text =
            |key: &'static str| resource.get(&Key::from_static_str(key)).map_or(String::new(), |v| v.to_string());
        Self {
            keys: Keys::of(&setup.app),
            words: Words::new(&setup.app, &logs.vocabulary),
            service: text("service.name"),
            version: text("service.version"),
            user_context: logs.user_context.clone(),
            limits: Limits::new(logs),
            redactor: setup.redactor.clone(),
            sampler: Sampler::new(logs.sample),
            throttle: Throttle::default(),
            suppressed: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            events_on_spans: logs.events_to_span_events,
            // Without an exporter for logs the span is the only place that keeps them.
            exceptions_on_spans: logs.exceptions_as_span_events || export.is_none(),
            export,
            console,
            self_log_level: setup.self_log_level,
            out,
            started: Instant::now(),
            run: uuid::Uuid::new_v4().simple().to_string(),
            sequence: AtomicU64::new(0),
        }
    }

    /// Destinations that the filters leave to one of the runtime's own records.
    pub fn wanted(&self, record: &Record) -> Wanted {
        Wanted {
            export: !record.local && self.export.as_ref().is_some_and(|export| export.gate.admits(record)),
            console: self.console.as_ref().is_some_and(|console| console.gate.admits(record)),
            span: match record.event_name {
                Some(_) if record.is_failure() => self.exceptions_on_spans,
                Some(name) => self.goes_on_spans(name),
                None => false,
            },
        }
    }

    /// Is an event of this name put on the span it happened in, whatever filters say?
    pub fn goes_on_spans(&self, event: &str) -> bool {
        self.events_on_spans && self.words.is_milestone(event)
    }

    /// Lowest level of milestones.
    pub fn milestones_level(&self) -> tracing_core::LevelFilter {
        match self.events_on_spans && self.words.has_milestones() {
            true => tracing_core::LevelFilter::INFO,
            false => tracing_core::LevelFilter::OFF,
        }
    }

    /// Makes a record on this thread and takes it to its destinations, unless that is what this thread is doing.
    pub fn submit(&self, wanted: Wanted, make: impl FnOnce() -> Record) {
        if !thread_is_alive() {
            return;
        }
        let wanted = Wanted { export: wanted.export && !Context::is_current_telemetry_suppressed(), ..wanted };
        if !wanted.export && !wanted.console && !wanted.span {
            return;
        }
        let Some(_busy) = Busy::enter() else { return };
        self.process(make(), wanted);
    }

    fn process(&self, record: Record, mut wanted: Wanted) {
        wanted.export &= !is_refused(&record.target);
        let correlation = match record.span {
            Span::Current => correlate::current(&self.words),
            Span::None => Correlation::default(),
            Span::Of(span) => Correlation {
                span: Some(span),
                operation: self.words.operation(record.span_name).or_else(|| correlate::operation_of(&self.words)),
            },
        };
        if !record.always {
            let sampled_out = wanted.export && self.sampler.drops(record.severity, correlation.span.as_ref());
            let (verdict, report) = self.throttle.admit(&record, sampled_out, self.started.elapsed());
            if let Some(report) = report {
                self.report(report);
            }
            match verdict {
                Ok(()) => {}
                Err(Denied::Rate) => {
                    self.suppressed.fetch_add(1, Relaxed);
                    return;
                }
                Err(Denied::Sampling) => {
                    self.sampled.fetch_add(1, Relaxed);
                    wanted.export = false;
                }
            }
        }
        self.write(record, correlation, wanted);
    }

    /// Past all decisions.
    fn write(&self, mut record: Record, correlation: Correlation, wanted: Wanted) {
        self.limits.apply(&mut record, &self.redactor, OWN_ATTRIBUTES);
        if wanted.span {
            self.put_on_span(&record);
        }
        if wanted.console
            && let Some(console) = &self.console
        {
            let shaped = self.shaped(&record, correlation, console);
            let mut line = String::with_capacity(256);
            match console.format {
                LogFormat::Json => json::write(&mut line, &shaped),
                LogFormat::Console => text::write(&mut line, &shaped, console.color),
            }
            (self.out)(&line);
        }
        if wanted.export
            && let Some(export) = &self.export
        {
            self.export(export, record, correlation);
        }
    }

    fn shaped<'a>(&'a self, record: &'a Record, correlation: Correlation, console: &Console) -> Shaped<'a> {
        Shaped {
            record,
            correlation,
            service: &self.service,
            version: &self.version,
            user_context: &self.user_context,
            words: &self.words,
            details: console.details,
        }
    }

    fn export(&self, export: &Exported, record: Record, correlation: Correlation) {
        let mut out = export.logger.create_log_record();
        out.set_timestamp(record.time);
        out.set_observed_timestamp(SystemTime::now());
        out.set_severity_number(record.severity);
        out.set_severity_text(severity_text(record.severity));
        out.set_body(AnyValue::from(record.message));
        out.set_target(record.target);
        if let Some(name) = record.event_name {
            out.set_event_name(name);
            // Loki does not keep the field.
            out.add_attribute("event.name", name);
        }
        if let Some(span) = correlation.span {
            out.set_trace_context(span.trace_id, span.span_id, Some(span.flags));
        }
        out.add_attributes(record.attributes);
        if let Some(operation) = correlation.operation {
            out.add_attribute(self.keys.operation, operation);
        }
        if !self.user_context.is_empty() {
            out.add_attribute(self.keys.user_context, self.user_context.clone());
        }
        if !record.location.function.is_empty() {
            out.add_attribute("code.function.name", record.location.function);
        }
        if !record.location.file.is_empty() {
            out.add_attribute("code.file.path", record.location.file);
        }
        if record.location.line > 0 {
            out.add_attribute("code.line.number", i64::from(record.location.line));
        }
        correlate::baggage(&self.keys.baggage, |key, value| out.add_attribute(key, value));
        let sequence = self.sequence.fetch_add(1, Relaxed);
        out.add_attribute("log.record.uid", format!("{}-{sequence}", self.run));
        export.logger.emit(out);
    }

    /// Milestones, and exceptions if asked for, are events of the current span too.
    fn put_on_span(&self, record: &Record) {
        let Some(name) = record.event_name else { return };
        let name = if record.is_failure() { "exception" } else { name };
        match record.span {
            Span::Current => correlate::add_event(name, &record.attributes),
            Span::Of(span) => correlate::add_event_to(span, name, record.time, &record.attributes),
            Span::None => {}
        }
    }

    /// Shows a failure to `tracing` subscribers that are not ours, redacted like everything.
    pub fn show_to_others(&self, record: &Record) {
        let Some(_busy) = Busy::enter() else { return };
        let mut record = record.clone();
        self.limits.apply(&mut record, &self.redactor, 0);
        forward::show(&record);
    }

    fn report(&self, report: Suppressed) {
        let mut record = Record::new(report.severity, report.target, format!("suppressed {}", report.count))
            .event("telemetry.suppressed")
            .span(Span::None)
            .at(report.location)
            .always();
        record.attributes = vec![
            (Key::from_static_str(self.keys.suppressed_count), AnyValue::Int(report.count as i64)),
            (Key::from_static_str(self.keys.suppressed_sampled), AnyValue::Int(report.sampled as i64)),
        ];
        let wanted = self.wanted(&record);
        let wanted = Wanted { export: wanted.export && !is_refused(&record.target), span: false, ..wanted };
        self.write(record, Correlation::default(), wanted);
    }

    /// Writes the counts of what call sites were denied: those that are due, or at the end all.
    pub fn report_suppressed(&self, all: bool) {
        let Some(_busy) = Busy::enter() else { return };
        for report in self.throttle.reports(self.started.elapsed(), all) {
            self.report(report);
        }
    }

    /// One line of the SDK's or the runtime's own diagnostics on standard error.
    pub fn self_log(&self, make: impl FnOnce() -> Record) {
        let Some(_busy) = Busy::enter() else { return };
        let mut record = make();
        if self.throttle.admit(&record, false, self.started.elapsed()).0.is_err() {
            return;
        }
        self.limits.apply(&mut record, &self.redactor, 0);
        let mut line = String::new();
        match self.console.as_ref().filter(|console| console.format == LogFormat::Json) {
            // Whoever reads objects gets objects.
            Some(console) => json::write(&mut line, &self.shaped(&record, Correlation::default(), console)),
            None => {
                line.push_str(&format!("telemetry: {}: ", severity_text(record.severity).to_ascii_lowercase()));
                text::plain(&mut line, &record);
            }
        }
        (self.out)(&line);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            suppressed: self.suppressed.load(Relaxed),
            sampled: self.sampled.load(Relaxed),
            ..self.export.as_ref().map(|export| export.queue.counts()).unwrap_or_default()
        }
    }

    pub fn flush(&self, deadline: Option<Instant>) {
        self.report_suppressed(false);
        if let Some(export) = &self.export {
            export.queue.flush(deadline);
        }
    }

    pub fn shutdown(&self, deadline: Option<Instant>) {
        self.report_suppressed(true);
        if let Some(export) = &self.export {
            export.queue.shutdown(deadline);
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            let _ = export.provider.shutdown_with_timeout(
                deadline.map_or(std::time::Duration::ZERO, |d| d.saturating_duration_since(Instant::now())),
            );
        }
    }
}

/// True for targets of the transport below the exporter.
pub(crate) fn is_refused(target: &str) -> bool {
    REFUSED_TARGETS.iter().any(|name| match target.strip_prefix(name) {
        Some(rest) => !rest.starts_with(|c: char| c.is_ascii_alphanumeric()),
        None => false,
    })
}

/// True for the SDK's own diagnostics.
pub(crate) fn is_self_log(target: &str) -> bool {
    target.starts_with("opentelemetry")
}
