//! What a failed call says in words: the status of the span and one log event per failure.
//!
//! An error that climbs the stack is reported once, by the innermost annotated function it passes. The events themselves
//! are written by `logs`.

use std::{
    cell::RefCell,
    hash::{DefaultHasher, Hash, Hasher},
    panic::PanicHookInfo,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use opentelemetry::logs::Severity;

use super::{
    clock,
    id::mix,
    meta::{Kind, Level, Meta},
    outcome::{Fault, Outcome},
    root,
    span::{LOCAL_ROOT, LOGGED, SpanState},
};
use crate::{
    collect::lane::{self, Note},
    logs::{self, Failure, Location, Record, Span, SpanRef},
};

/// Hashes of (trace, failure) that were reported, direct-mapped: an old entry may be forgotten, none is invented.
static REPORTED: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];

fn slot(trace: u128, words: &str) -> (&'static AtomicU64, u64) {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    let key = mix(hasher.finish() ^ trace as u64).max(1);
    (&REPORTED[key as usize % REPORTED.len()], key)
}

/// Was this failure, or what caused it, reported in this trace? Remembers it.
///
/// What was told quietly does not keep a louder event from being told: an error that is expected, or tried again, where it
/// arises may still end the operation around it.
fn is_repeated(trace: u128, fault: &Fault, loudness: Loudness) -> bool {
    let known = |text: &str, loudness: Loudness| {
        let (cell, key) = slot(trace ^ loudness as u128, text);
        cell.load(Relaxed) == key
    };
    let own = if fault.message.is_empty() { fault.type_name } else { &fault.message };
    let texts = || std::iter::once(own).chain(fault.sources.iter().map(String::as_str));
    if texts().any(|text| known(text, Loudness::Loud) || (loudness == Loudness::Quiet && known(text, loudness))) {
        return true;
    }
    let (cell, key) = slot(trace ^ loudness as u128, own);
    cell.store(key, Relaxed);
    false
}

/// Whether anybody has to hear of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loudness {
    /// WARN and above.
    Loud,
    /// DEBUG: expected, or one attempt of several.
    Quiet,
}

fn loudness(state: &SpanState, outcome: Outcome, fault: &Fault) -> Loudness {
    let one_attempt = fault.retryable && event_name(state.meta()) == "http.client.request.exception";
    if outcome == Outcome::Expected || (one_attempt && !state.has(LOCAL_ROOT)) {
        Loudness::Quiet
    } else {
        Loudness::Loud
    }
}

/// Says what a call that did not simply succeed has to say.
pub(crate) fn report(state: &SpanState, outcome: Outcome, fault: Option<&Fault>, end: u64) {
    let panic = if outcome == Outcome::Panic { last_panic() } else { None };
    if state.is_recorded() {
        let message = match outcome {
            Outcome::Panic => panic.clone(),
            Outcome::Error => fault.map(|fault| fault.message.clone()),
            _ => None,
        };
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            lane::send(state.id(), Note::Message(message));
        }
    }
    if let Some(fault) = fault
        && matches!(outcome, Outcome::Error | Outcome::Expected)
        && is_told_here(state, outcome)
        && !is_answer(state.meta(), fault)
    {
        let loudness = loudness(state, outcome, fault);
        if !is_repeated(state.trace(), fault, loudness) {
            logs::emit(failed(state, outcome, fault, loudness).at_time(end_time(state, end)));
        }
    }
    if outcome == Outcome::Cancelled {
        logs::emit(about(state, Severity::Debug, "cancelled").at_time(end_time(state, end)));
    }
    if state.has(LOGGED)
        && let Some(log) = state.meta().log
        && log.exit
    {
        let mut record = about(state, severity(log.level), "end").attribute("outcome", outcome.as_str());
        let class = if outcome == Outcome::Panic { Some("panic") } else { fault.map(|fault| fault.class) };
        if let Some(class) = class {
            record = record.attribute("error.type", class);
        }
        logs::emit(record.at_time(end_time(state, end)));
    }
    if state.has(LOGGED) && logs::writes_span_lines() {
        let ms = end.saturating_sub(state.start.get()) as f64 / clock::ticks_per_ns() / 1e6;
        let mut line = line(state, "closed").attribute("duration_ms", (ms * 1e3).round() / 1e3);
        if outcome != Outcome::Ok {
            line = line.attribute("outcome", outcome.as_str());
        }
        if let Some(fault) = fault {
            line = line.attribute("error.type", fault.class);
        }
        logs::emit(line);
    }
}

/// Failures of functions inside of the program are told by the client call that they come from, or else by the root.
fn is_told_here(state: &SpanState, outcome: Outcome) -> bool {
    outcome == Outcome::Expected || state.meta().kind != Kind::Internal || state.id() == 0 || state.has(LOCAL_ROOT)
}

/// For people who watch spans open and close; never exported.
fn line(state: &SpanState, what: &str) -> Record {
    about(state, Severity::Debug, what).local().always()
}

/// The event of the entry.
#[cold]
#[inline(never)]
pub(crate) fn entered(state: &SpanState) {
    if let Some(log) = state.meta().log
        && log.enter
    {
        logs::emit(about(state, severity(log.level), "begin"));
    }
    if logs::writes_span_lines() {
        logs::emit(line(state, "opened"));
    }
}

/// The one event of a failure.
fn failed(state: &SpanState, outcome: Outcome, fault: &Fault, loudness: Loudness) -> Record {
    let meta = state.meta();
    let root = state.has(LOCAL_ROOT);
    let event = if outcome == Outcome::Expected { "exception" } else { event_name(meta) };
    let severity = match loudness {
        Loudness::Quiet => Severity::Debug,
        Loudness::Loud if root || meta.kind == Kind::Consumer => Severity::Error,
        Loudness::Loud => Severity::Warn,
    };
    let stacktrace = std::iter::once(&fault.message).chain(&fault.sources).map(String::as_str);
    let stacktrace = stacktrace.collect::<Vec<_>>().join("\ncaused by: ");
    Failure {
        event,
        severity,
        target: meta.module,
        exception_type: fault.type_name,
        message: &fault.message,
        stacktrace: (!fault.sources.is_empty()).then_some(stacktrace),
        error_type: fault.class,
        span: span_of(state),
        location: location(meta),
        root,
    }
    .into_record()
    .within(meta.name)
}

/// When the call ended, as the collector will say it of the span: an event of the call is never later than its span.
fn end_time(state: &SpanState, end: u64) -> SystemTime {
    let start = state.start.get();
    if start == 0 { SystemTime::now() } else { clock::anchor().interval(start, end).1 }
}

/// An HTTP status is an answer of the other side: the span says so, but nothing exceptional happened.
fn is_answer(meta: &Meta, fault: &Fault) -> bool {
    let is_status = fault.class.len() == 3 && fault.class.bytes().all(|byte| byte.is_ascii_digit());
    is_status && event_name(meta) == "http.client.request.exception"
}

/// Named by the kind of operation, as the conventions do.
fn event_name(meta: &Meta) -> &'static str {
    let has = |prefix: &str| meta.attributes.iter().any(|key| key.starts_with(prefix));
    match meta.kind {
        Kind::Client if has("db.") => "db.client.operation.exception",
        Kind::Client if has("gen_ai.") => "gen_ai.client.operation.exception",
        Kind::Client if has("http.") => "http.client.request.exception",
        Kind::Consumer => "messaging.process.exception",
        _ => "exception",
    }
}

fn about(state: &SpanState, severity: Severity, what: &str) -> Record {
    let meta = state.meta();
    Record::new(severity, meta.module, format!("{} {what}", meta.name))
        .span(span_of(state))
        .within(meta.name)
        .at(location(meta))
}

fn location(meta: &Meta) -> Location {
    Location { function: meta.function, file: meta.file, line: meta.line }
}

fn span_of(state: &SpanState) -> Span {
    if state.id() == 0 {
        return Span::Current;
    }
    let span = root::span_context(state, false);
    Span::Of(SpanRef { trace_id: span.trace_id(), span_id: span.span_id(), flags: span.trace_flags() })
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Trace => Severity::Trace,
        Level::Debug => Severity::Debug,
        Level::Info => Severity::Info,
        Level::Warn => Severity::Warn,
        Level::Error => Severity::Error,
    }
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the words of a panic for the spans that it ends; the panic hook calls this.
pub(crate) fn note_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.map(str::to_owned);
    _ = PANIC.try_with(|last| last.try_borrow_mut().map(|mut last| *last = text));
}

fn last_panic() -> Option<String> {
    PANIC.try_with(|last| last.try_borrow().ok().and_then(|last| last.clone())).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_quietly_keeps_no_loud_report_back() {
        let fault = Fault { message: "no such todo".into(), ..Fault::default() };
        for loudness in [Loudness::Quiet, Loudness::Loud] {
            assert!(!is_repeated(7, &fault, loudness), "{loudness:?}");
            assert!(is_repeated(7, &fault, loudness), "{loudness:?}");
        }
        let outer = Fault { message: "cannot save".into(), sources: vec!["no such todo".into()], ..Fault::default() };
        assert!(is_repeated(7, &outer, Loudness::Loud), "its cause was told");
        assert!(!is_repeated(8, &outer, Loudness::Loud), "another trace");
    }
}
