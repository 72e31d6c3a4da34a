//! A failure as one log event with `exception.*` attributes. Who fails once, and where, is decided by the recorder.

use opentelemetry::logs::Severity;

use super::record::{Location, Record, Span};

/// Longest `exception.stacktrace` in bytes.
pub(crate) const STACKTRACE_BYTES: usize = 32 * 1024;

/// One failed operation.
#[derive(Clone, Debug)]
pub(crate) struct Failure<'a> {
    /// `exception`, or the event of the kind of operation, such as `db.client.operation.exception`.
    pub event: &'static str,
    /// WARN for a failed client call, ERROR for a failed root, FATAL when the process ends by it.
    pub severity: Severity,
    /// Module of the call site.
    pub target: &'static str,
    /// Type of the error, or `panic`.
    pub exception_type: &'a str,
    /// Text of the error; empty = none.
    pub message: &'a str,
    /// Source chain and backtrace, see [`source_chain`].
    pub stacktrace: Option<String>,
    /// `error.type` as on span and metric; empty = none.
    pub error_type: &'a str,
    /// Span of the failed call.
    pub span: Span,
    /// Call site.
    pub location: Location,
    /// The failure of a root or of the process: never rate-limited.
    pub root: bool,
}

impl Failure<'_> {
    /// The event's record.
    pub fn into_record(self) -> Record {
        let message = match (self.exception_type, self.message) {
            ("", "") => "failed".to_owned(),
            (kind, "") => format!("failed: {kind}"),
            (_, message) => message.to_owned(),
        };
        let mut record = Record::new(self.severity, self.target, message).event(self.event).span(self.span);
        record.location = self.location;
        record.always = self.root || self.severity >= Severity::Fatal;
        if !self.exception_type.is_empty() {
            record = record.attribute("exception.type", self.exception_type.to_owned());
        }
        if !self.message.is_empty() {
            record = record.attribute("exception.message", self.message.to_owned());
        }
        if let Some(stacktrace) = self.stacktrace.filter(|text| !text.is_empty()) {
            record = record.attribute("exception.stacktrace", stacktrace);
        }
        if !self.error_type.is_empty() {
            record = record.attribute("error.type", self.error_type.to_owned());
        }
        record
    }
}

/// The error and its sources, joined with `caused by:`, at most [`STACKTRACE_BYTES`]; cycles end at 64 sources.
pub(crate) fn source_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut out = super::limit::Bounded::new(STACKTRACE_BYTES);
    out.display(error);
    let mut next = error.source();
    for _ in 0..64 {
        let Some(source) = next else { break };
        out.display(&"\ncaused by: ");
        out.display(source);
        next = source.source();
    }
    out.into_string()
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fmt};

    use super::*;

    #[derive(Debug)]
    struct Outer(Inner);
    #[derive(Debug)]
    struct Inner;
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot save")
        }
    }
    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("disk full")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    impl Error for Inner {}

    #[test]
    fn the_chain_names_every_source() {
        assert_eq!(source_chain(&Outer(Inner)), "cannot save\ncaused by: disk full");
    }

    #[test]
    fn a_root_failure_is_never_limited_and_carries_the_conventional_attributes() {
        let record = Failure {
            event: "exception",
            severity: Severity::Error,
            target: "shop::pay",
            exception_type: "shop::Declined",
            message: "card declined",
            stacktrace: Some("card declined".into()),
            error_type: "declined",
            span: Span::None,
            location: Location::default(),
            root: true,
        }
        .into_record();
        assert!(record.always);
        let keys: Vec<_> = record.attributes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["exception.type", "exception.message", "exception.stacktrace", "error.type"]);
    }
}
