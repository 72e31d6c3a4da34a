//! Everything that reads what others wrote, as functions of any bytes: for cargo-fuzz (`../fuzz`) and for the tests.

use crate::{Config, Role, config, logs::escape, propagation::RemoteContext};

#[cfg(feature = "otlp")]
pub use crate::deliver::fuzz::{breaker_state, reply, retry_after_values as retry_after, segment, spool_name};

/// `traceparent`, and on further lines `tracestate` and baggage.
pub fn traceparent(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let Some(context) = RemoteContext::parse(lines.next().unwrap_or_default(), lines.next(), lines.next()) else {
        return;
    };
    let written = context.traceparent().unwrap_or_default();
    assert_eq!(written.len(), 55, "{written}");
    assert!(context.span_context().is_valid());
    assert!(context.tracestate().is_none_or(|state| state.len() <= 8192 && state.split(',').count() <= 32));
}

/// The baggage header.
pub fn baggage(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    if let Some(context) = RemoteContext::parse(valid, None, Some(&text)) {
        let bytes: usize = context.baggage().iter().map(|(key, value)| key.len() + value.len()).sum();
        assert!(context.baggage().iter().count() <= 16 && bytes <= 2048, "{bytes}");
    }
}

/// Variables, one a line; after a NUL the text of a declarative file.
pub fn runtime_config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let config = match text.strip_prefix('\0') {
        Some(file) => Config::for_app("acme", Role::Service).file_contents(file).resolve(),
        None => {
            let variables = text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.is_empty());
            Config::for_app("acme", Role::Cli).env(variables.take(64)).no_file().resolve()
        }
    };
    let _ = config::explain(&config);
    let _ = format!("{config:?}");
}

/// Text in which a configured secret may stand.
pub fn redactor(input: &[u8]) {
    const SECRET: &str = "hunter2-canary";
    let text = String::from_utf8_lossy(input);
    let redactor = config::Redactor::new([SECRET]);
    let clean = redactor.redact(&text);
    assert!(!clean.contains(SECRET), "{clean}");
    let around = format!("{text}{SECRET}{text}");
    assert!(!redactor.redact(&around).contains(SECRET));
}

/// Text for a terminal.
pub fn terminal(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // Written out rather than taken from the table under test.
    let steers = |c: char| {
        matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    assert!(!escape::line(&text).contains(steers));
    assert!(!escape::block(&text).contains(|c| steers(c) && c != '\n' && c != '\t'));
}

#[cfg(test)]
mod tests {
    use otlp_test_support::fuzz::drive;

    #[test]
    fn headers_settings_and_text_are_read_without_harm() {
        drive("traceparent", super::traceparent);
        drive("baggage", super::baggage);
        drive("runtime_config", super::runtime_config);
        drive("redactor", super::redactor);
        drive("terminal", super::terminal);
    }
}
