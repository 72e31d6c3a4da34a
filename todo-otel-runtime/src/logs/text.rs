//! The form of a record for people: time, level, message, attributes, ids; one line each.

use std::fmt::Write as _;

use opentelemetry::logs::{AnyValue, Severity};

use super::{
    escape,
    pipeline::Shaped,
    record::{Record, severity_text},
    time::clock_millis,
};

const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// Appends the record and a newline. Colours are ours alone; what comes from data is escaped.
pub(crate) fn write(out: &mut String, shaped: &Shaped<'_>, color: bool) {
    let record = shaped.record;
    let (dim, reset) = if color { (DIM, RESET) } else { ("", "") };
    let level_color = if color { color_of(record.severity) } else { "" };
    let level = severity_text(record.severity);
    let _ = write!(out, "{dim}{}{reset} {level_color}{level:<5}{reset} ", clock_millis(record.time));
    if shaped.details {
        let _ = write!(out, "{dim}{}:{reset} ", escape::line(&record.target));
    }
    out.push_str(&escape::line(&record.message));
    if let Some(event) = record.event_name {
        pair(out, dim, reset, "event", event);
    }
    for (key, attribute) in &record.attributes {
        let alias = shaped.words.alias(key.as_str());
        let name = alias.map_or(key.as_str(), |alias| alias.short);
        match attribute {
            AnyValue::Double(seconds) if alias.is_some_and(|alias| alias.milliseconds) && seconds.is_finite() => {
                pair(out, dim, reset, name, &format!("{}", (seconds * 1000.0).round() as i64));
            }
            AnyValue::String(text) => pair(out, dim, reset, name, text.as_str()),
            AnyValue::Int(int) => pair(out, dim, reset, name, &int.to_string()),
            AnyValue::Double(double) => pair(out, dim, reset, name, &short(*double)),
            AnyValue::Boolean(flag) => pair(out, dim, reset, name, if *flag { "true" } else { "false" }),
            other => pair(out, dim, reset, name, &format!("{other:?}")),
        }
    }
    if let Some(operation) = shaped.correlation.operation.filter(|_| shaped.details) {
        pair(out, dim, reset, "operation", operation);
    }
    if let Some(span) = shaped.correlation.span {
        pair(out, dim, reset, "trace_id", &span.trace_id.to_string());
        if shaped.details {
            pair(out, dim, reset, "span_id", &span.span_id.to_string());
        }
    }
    out.push('\n');
}

/// Appends message and attributes without time, level and ids, and a newline.
pub(crate) fn plain(out: &mut String, record: &Record) {
    let message = if record.message.is_empty() { record.event_name.unwrap_or_default() } else { &record.message };
    out.push_str(&escape::line(message));
    for (key, attribute) in &record.attributes {
        match attribute {
            // The SDK repeats an event's name as an attribute.
            AnyValue::String(text) if key.as_str() == "name" && record.event_name == Some(text.as_str()) => {}
            AnyValue::String(text) => pair(out, "", "", key.as_str(), text.as_str()),
            other => pair(out, "", "", key.as_str(), &format!("{other:?}")),
        }
    }
    out.push('\n');
}

/// Six decimals are enough for people; what is too small or too large for that stays as it is.
fn short(double: f64) -> String {
    let rounded = (double * 1e6).round() / 1e6;
    let keeps_its_size = rounded != 0.0 && double.abs() < 1e9;
    if keeps_its_size { rounded.to_string() } else { double.to_string() }
}

fn pair(out: &mut String, dim: &str, reset: &str, key: &str, value: &str) {
    let _ = write!(out, " {dim}{}={reset}", escape::line(key));
    let shown = escape::line(value);
    let bare = !shown.is_empty() && !shown.contains([' ', '"', '=']);
    if bare {
        out.push_str(&shown);
    } else {
        let _ = write!(out, "\"{}\"", shown.replace('"', "\\\""));
    }
}

fn color_of(severity: Severity) -> &'static str {
    match severity as i32 {
        ..=8 => "\u{1b}[2m",
        9..=12 => "\u{1b}[32m",
        13..=16 => "\u{1b}[33m",
        _ => "\u{1b}[31m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_no_more_digits_than_they_can_use() {
        for (double, shown) in [
            (0.663_999_999_999_999_9, "0.664"),
            (0.1 + 0.2, "0.3"),
            (0.0, "0"),
            (-2.5, "-2.5"),
            (1e-9, "0.000000001"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(short(double), shown);
        }
    }
}
