//! One log record on its way through the pipeline: from a `tracing` event, or from the runtime itself.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Key,
    logs::{AnyValue, Severity},
};

use super::correlate::SpanRef;

/// Where a record was written: of the event's own call site, or of the function that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Location {
    /// `crate::module::Type::function`, or the module where the function is not known; empty = unknown.
    pub function: &'static str,
    /// Relative path; empty = unknown.
    pub file: &'static str,
    /// Line; 0 = unknown.
    pub line: u32,
}

/// The span a record belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Span {
    /// The one that is current when the record is emitted.
    #[default]
    Current,
    /// None, whatever is current.
    None,
    /// This one; it may have ended.
    Of(SpanRef),
}

/// A log record before redaction and limits.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub severity: Severity,
    /// Becomes the instrumentation scope's name.
    pub target: Cow<'static, str>,
    /// Only for real events.
    pub event_name: Option<&'static str>,
    pub message: String,
    pub attributes: Vec<(Key, AnyValue)>,
    pub span: Span,
    /// Name of that span where it is not the current one any more; empty = look at the current one.
    pub span_name: &'static str,
    pub time: SystemTime,
    pub location: Location,
    /// Never rate-limited, never sampled away.
    pub always: bool,
    /// For lines on standard error only.
    pub local: bool,
    /// Distinguishes call sites that share a line.
    pub site: usize,
}

impl Record {
    /// A record of the current span, now.
    pub fn new(severity: Severity, target: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            severity,
            target: target.into(),
            event_name: None,
            message: message.into(),
            attributes: Vec::new(),
            span: Span::Current,
            span_name: "",
            time: SystemTime::now(),
            location: Location::default(),
            always: false,
            local: false,
            site: 0,
        }
    }

    /// Makes it an event of this name.
    pub fn event(mut self, name: &'static str) -> Self {
        self.event_name = Some(name);
        self
    }

    /// Adds an attribute; the last one of a key counts.
    pub fn attribute(mut self, key: &'static str, value: impl Into<AnyValue>) -> Self {
        self.attributes.push((Key::from_static_str(key), value.into()));
        self
    }

    /// Says which span it belongs to.
    pub fn span(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Says what that span is called, for the kind of operation.
    pub fn within(mut self, span_name: &'static str) -> Self {
        self.span_name = span_name;
        self
    }

    /// Says when it happened, if not just now.
    pub fn at_time(mut self, time: SystemTime) -> Self {
        self.time = time;
        self
    }

    /// Says where it was written.
    pub fn at(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// True for the events of failures.
    pub fn is_failure(&self) -> bool {
        self.event_name.is_some_and(|name| name == "exception" || name.ends_with(".exception"))
    }

    /// Keeps it from being exported.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Exempts it from rate limit and sampling.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

/// `TRACE` to `FATAL`.
pub(crate) fn severity_text(severity: Severity) -> &'static str {
    match severity as i32 {
        ..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        _ => "FATAL",
    }
}

/// Severity of a `tracing` level; FATAL exists only for the runtime's own records.
pub(crate) fn severity_of(level: &tracing_core::Level) -> Severity {
    match *level {
        tracing_core::Level::TRACE => Severity::Trace,
        tracing_core::Level::DEBUG => Severity::Debug,
        tracing_core::Level::INFO => Severity::Info,
        tracing_core::Level::WARN => Severity::Warn,
        tracing_core::Level::ERROR => Severity::Error,
    }
}

/// The `tracing` level that a severity is filtered as.
pub(crate) fn level_of(severity: Severity) -> tracing_core::Level {
    match severity as i32 {
        ..=4 => tracing_core::Level::TRACE,
        5..=8 => tracing_core::Level::DEBUG,
        9..=12 => tracing_core::Level::INFO,
        13..=16 => tracing_core::Level::WARN,
        _ => tracing_core::Level::ERROR,
    }
}
