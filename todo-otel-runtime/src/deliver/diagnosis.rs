//! What delivery says to people: at most one line per process, on standard error, and only what they must repair.

use super::operate::Closed;
use opentelemetry::logs::Severity;
use std::sync::atomic::{AtomicBool, Ordering};

static SAID: AtomicBool = AtomicBool::new(false);
static QUIET: AtomicBool = AtomicBool::new(false);

/// No line from this process: the detached drainer has nobody to talk to.
pub(crate) fn keep_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Trust that the user must repair.
pub(crate) fn tls(problem: &str) {
    say(&format!("telemetry is kept on disk: TLS to the OTLP endpoint failed: {problem}"));
}

/// A spool that is not used.
pub(crate) fn spool(problem: &str) {
    say(&format!("telemetry is not kept on disk: {problem}"));
}

/// Signals that a receiver does not take, for a user who asked for log lines.
pub(crate) fn closed(app: &str, closed: &[Closed]) {
    let Some(longest) = closed.iter().map(|closed| closed.waiting).max() else { return };
    let signals: Vec<String> =
        closed.iter().map(|closed| format!("{} ({})", closed.signal.as_str(), closed.problem)).collect();
    let detail = format!(
        "{}; kept on disk, next try in {} s at the latest; see `{app} telemetry status`",
        signals.join(", "),
        longest.as_secs()
    );
    crate::logs::say(Severity::Warn, "telemetry is not taken by its receiver", &clean(&detail));
}

fn say(line: &str) {
    if QUIET.load(Ordering::Relaxed) || SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", clean(line));
}

/// Text from a peer or a path: nothing in it may steer a terminal or begin a second line.
fn clean(line: &str) -> String {
    line.chars().map(|c| if c.is_control() || is_steering(c) { '\u{fffd}' } else { c }).take(400).collect()
}

fn is_steering(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
