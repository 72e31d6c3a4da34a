//! The JSON form of a record: one line, fields in a fixed order, everything dangerous escaped.

use std::fmt::Write as _;

use opentelemetry::logs::AnyValue;

use super::{escape::json_string, pipeline::Shaped, record::severity_text, time::rfc3339_millis, vocabulary::Alias};

/// Appends the record and a newline.
pub(crate) fn write(out: &mut String, shaped: &Shaped<'_>) {
    let record = shaped.record;
    out.push('{');
    field(out, "timestamp", &rfc3339_millis(record.time));
    field(out, "level", severity_text(record.severity));
    field(out, "service", shaped.service);
    field(out, "version", shaped.version);
    if let Some(span) = shaped.correlation.span {
        field(out, "trace_id", &span.trace_id.to_string());
        field(out, "span_id", &span.span_id.to_string());
    }
    if let Some(operation) = shaped.correlation.operation {
        field(out, "operation", operation);
    }
    field(out, "user_context", shaped.user_context);
    field(out, "message", &record.message);
    out.push_str("\"attributes\":{");
    let mut names = Names::default();
    if let Some(event) = record.event_name {
        names.begin(out, "event", "event");
        json_string(out, event);
    }
    for (key, attribute) in &record.attributes {
        let alias = shaped.words.alias(key.as_str());
        if names.begin(out, alias.map_or(key.as_str(), |alias| alias.short), key.as_str()) {
            value(out, attribute, alias);
        }
    }
    if shaped.details {
        for (key, text) in [
            ("target", &*record.target),
            ("code.function.name", record.location.function),
            ("code.file.path", record.location.file),
        ] {
            if !text.is_empty() && names.begin(out, key, key) {
                json_string(out, text);
            }
        }
        if record.location.line > 0 && names.begin(out, "code.line.number", "code.line.number") {
            let _ = write!(out, "{}", record.location.line);
        }
    }
    out.push_str("}}\n");
}

/// Names already used in an object: a short name may clash with a key that an event brought itself.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    /// Writes the separator and the first of the two names that is free; false if neither is.
    fn begin(&mut self, out: &mut String, short: &'a str, key: &'a str) -> bool {
        let Some(name) = [short, key].into_iter().find(|name| !self.0.contains(name)) else { return false };
        if !self.0.is_empty() {
            out.push(',');
        }
        json_string(out, name);
        out.push(':');
        self.0.push(name);
        true
    }
}

fn field(out: &mut String, name: &str, text: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    json_string(out, text);
    out.push(',');
}

fn value(out: &mut String, value_: &AnyValue, alias: Option<&Alias>) {
    if let (Some(alias), AnyValue::Double(seconds)) = (alias, value_)
        && alias.milliseconds
        && seconds.is_finite()
    {
        let _ = write!(out, "{}", (seconds * 1000.0).round() as i64);
        return;
    }
    any(out, value_);
}

fn any(out: &mut String, value: &AnyValue) {
    match value {
        AnyValue::Int(int) => {
            let _ = write!(out, "{int}");
        }
        // `{:?}` keeps a decimal point or exponent, so that the type survives.
        AnyValue::Double(double) if double.is_finite() => {
            let _ = write!(out, "{double:?}");
        }
        AnyValue::Double(double) => json_string(out, &double.to_string()),
        AnyValue::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        AnyValue::String(text) => json_string(out, text.as_str()),
        AnyValue::Bytes(bytes) => {
            out.push('"');
            for byte in bytes.iter() {
                let _ = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        AnyValue::ListAny(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                any(out, item);
            }
            out.push(']');
        }
        AnyValue::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json_string(out, key.as_str());
                out.push(':');
                any(out, item);
            }
            out.push('}');
        }
        other => json_string(out, &format!("{other:?}")),
    }
}
