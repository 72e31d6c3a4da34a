//! Limits before copying: text is cut while it is written, redacted, and cut again, so that a secret across the cut is
//! still seen; a record keeps at most so many attributes and bytes, the last of a key counts.
//!
//! Not here: what is secret (`redact`), how often a call site may write (`throttle`).

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use opentelemetry::{Key, StringValue, logs::AnyValue};

use super::{failure::STACKTRACE_BYTES, record::Record, redact};
use crate::config::{LogsConfig, Redactor};

/// Copied beyond a limit before redaction.
const SLACK: usize = 512;
/// Shown at the end of a value that was cut.
const CUT_MARK: char = '…';
/// Characters of a message; Loki refuses lines over 256 KB.
const MESSAGE_CHARS: usize = 60_000;
/// Bytes of keys and values of one record; Loki refuses 64 KB of metadata on a line.
const RECORD_BYTES: usize = 56 * 1024;

/// A string that stops growing at a size in bytes; what formats into it is told to stop.
pub(crate) struct Bounded {
    text: String,
    max: usize,
}

impl Bounded {
    pub fn new(max: usize) -> Self {
        Self { text: String::new(), max }
    }

    /// Appends as much as fits.
    pub fn display(&mut self, value: &(impl fmt::Display + ?Sized)) {
        let _ = write!(self, "{value}");
    }

    /// Appends as much as fits.
    pub fn debug(&mut self, value: &(impl fmt::Debug + ?Sized)) {
        let _ = write!(self, "{value:?}");
    }

    pub fn into_string(self) -> String {
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.max - self.text.len();
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&text[..end]);
        self.max = self.text.len();
        Err(fmt::Error)
    }
}

/// Limits of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Attributes.
    pub attributes: usize,
    /// Characters of a string value.
    pub value_chars: usize,
    /// Characters of `exception.stacktrace`.
    pub stacktrace_chars: usize,
    /// Levels of nested lists and maps.
    pub depth: usize,
}

impl Limits {
    /// The stack trace has a larger limit of its own unless the user set one for all values.
    pub fn new(logs: &LogsConfig) -> Self {
        let value_chars = logs.value_length as usize;
        let stacktrace_chars = if logs.value_length_set { value_chars } else { STACKTRACE_BYTES };
        Self { attributes: logs.attributes as usize, value_chars, stacktrace_chars, depth: logs.value_depth as usize }
    }

    /// Bytes worth copying of the value of `key`: four per character, and some to find a secret across the cut.
    pub fn copy_bytes(&self, key: &str) -> usize {
        self.chars_of(key).saturating_mul(4).saturating_add(SLACK)
    }

    /// Bytes worth copying of a message.
    pub fn message_bytes(&self) -> usize {
        MESSAGE_CHARS * 4 + SLACK
    }

    fn chars_of(&self, key: &str) -> usize {
        if key == "exception.stacktrace" { self.stacktrace_chars } else { self.value_chars }
    }

    /// Redacts and cuts everything in `record`; `reserved` attributes are added later. Returns how many were dropped.
    pub fn apply(&self, record: &mut Record, redactor: &Redactor, reserved: usize) -> u32 {
        if let Cow::Owned(redacted) = redactor.redact(&record.message) {
            record.message = redacted;
        }
        cut(&mut record.message, MESSAGE_CHARS);
        keep_last_of_key(&mut record.attributes);
        let before = record.attributes.len();
        record.attributes.truncate(self.attributes.saturating_sub(reserved));
        let mut bytes = 0;
        record.attributes.retain_mut(|(key, value)| {
            self.shape(key.as_str(), value, redactor, 0);
            let size = key.as_str().len() + size_of_value(value);
            let fits = bytes + size <= RECORD_BYTES;
            if fits {
                bytes += size;
            }
            fits
        });
        (before - record.attributes.len()) as u32
    }

    fn shape(&self, key: &str, value: &mut AnyValue, redactor: &Redactor, depth: usize) {
        match value {
            AnyValue::String(text) => {
                if let Some(shaped) = self.shape_text(key, text.as_str(), redactor) {
                    *text = shaped;
                }
            }
            AnyValue::Bytes(bytes) => bytes.truncate(self.value_chars),
            AnyValue::ListAny(_) | AnyValue::Map(_) if depth >= self.depth => *value = AnyValue::from("…"),
            AnyValue::ListAny(items) => items.iter_mut().for_each(|item| self.shape(key, item, redactor, depth + 1)),
            AnyValue::Map(entries) => {
                entries.iter_mut().for_each(|(inner, item)| self.shape(inner.as_str(), item, redactor, depth + 1));
            }
            _ => {}
        }
    }

    /// `None`: the text may stay as it is.
    fn shape_text(&self, key: &str, text: &str, redactor: &Redactor) -> Option<StringValue> {
        if redact::is_secret_key(key) {
            return Some(StringValue::from(redact::REDACTED));
        }
        let redacted = redactor.redact(text);
        let max = self.chars_of(key);
        if redacted.len() <= max || redacted.chars().nth(max).is_none() {
            return match redacted {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text.into()),
            };
        }
        let mut owned = redacted.into_owned();
        cut(&mut owned, max);
        Some(owned.into())
    }
}

/// Cuts at a character so that text and mark have at most `max` characters.
fn cut(text: &mut String, max: usize) {
    if text.len() <= max {
        return;
    }
    let Some((too_much, _)) = text.char_indices().nth(max) else { return };
    let end = text[..too_much].char_indices().next_back().map_or(0, |(index, _)| index);
    text.truncate(end);
    if max > 0 {
        text.push(CUT_MARK);
    }
}

/// Exporters send a key as often as it is given; backends keep any one of them.
fn keep_last_of_key(attributes: &mut Vec<(Key, AnyValue)>) {
    let mut index = 0;
    while index < attributes.len() {
        let again = attributes[index + 1..].iter().any(|(key, _)| *key == attributes[index].0);
        if again {
            attributes.remove(index);
        } else {
            index += 1;
        }
    }
}

/// Roughly the bytes of a value when encoded.
pub(crate) fn size_of_value(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => text.as_str().len(),
        AnyValue::Bytes(bytes) => bytes.len(),
        AnyValue::ListAny(items) => items.iter().map(size_of_value).sum(),
        AnyValue::Map(entries) => entries.iter().map(|(key, item)| key.as_str().len() + size_of_value(item)).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::logs::Severity;

    use super::*;

    fn limits(attributes: usize, value_chars: usize) -> Limits {
        Limits { attributes, value_chars, stacktrace_chars: STACKTRACE_BYTES, depth: 64 }
    }

    fn apply(limits: Limits, record: &mut Record) -> u32 {
        limits.apply(record, &Redactor::default(), 0)
    }

    fn text(record: &Record, key: &str) -> String {
        match record.attributes.iter().find(|(k, _)| k.as_str() == key) {
            Some((_, AnyValue::String(text))) => text.as_str().to_owned(),
            other => panic!("{key}: {other:?}"),
        }
    }

    #[test]
    fn values_are_cut_at_a_character_and_marked() {
        let mut record = Record::new(Severity::Info, "t", "m").attribute("a", "ä".repeat(20)).attribute("b", "short");
        apply(limits(10, 8), &mut record);
        assert_eq!(text(&record, "a"), format!("{}…", "ä".repeat(7)));
        assert_eq!(text(&record, "b"), "short");
    }

    #[test]
    fn the_last_value_of_a_key_counts_and_the_rest_is_counted_as_dropped() {
        let mut record = Record::new(Severity::Info, "t", "m");
        for i in 0..10_i64 {
            record = record.attribute("same", i).attribute(["k0", "k1", "k2", "k3"][i as usize % 4], i);
        }
        let dropped = apply(limits(3, 4096), &mut record);
        assert_eq!((record.attributes.len(), dropped), (3, 2));
        let mut record = Record::new(Severity::Info, "t", "m").attribute("k", 1_i64).attribute("k", 2_i64);
        apply(limits(3, 4096), &mut record);
        assert_eq!(record.attributes, [(Key::from_static_str("k"), AnyValue::Int(2))]);
    }

    #[test]
    fn a_record_stays_below_what_a_line_of_metadata_may_hold() {
        let mut record = Record::new(Severity::Info, "t", "x".repeat(200_000));
        for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"] {
            record = record.attribute(key, "v".repeat(10_000));
        }
        let dropped = apply(limits(128, 4096), &mut record);
        let bytes: usize = record.attributes.iter().map(|(k, v)| k.as_str().len() + size_of_value(v)).sum();
        assert!(bytes <= RECORD_BYTES && dropped > 0, "{bytes} bytes, {dropped} dropped");
        assert_eq!(record.message.chars().count(), MESSAGE_CHARS);
    }

    #[test]
    fn a_stack_trace_has_a_limit_of_its_own() {
        let long = "s".repeat(10_000);
        let mut record = Record::new(Severity::Error, "t", "m").attribute("exception.stacktrace", long.clone());
        apply(limits(128, 4096), &mut record);
        assert_eq!(text(&record, "exception.stacktrace"), long);
        apply(Limits { stacktrace_chars: 100, ..limits(128, 100) }, &mut record);
        assert_eq!(text(&record, "exception.stacktrace").chars().count(), 100);
    }

    #[test]
    fn formatting_stops_at_the_bound() {
        struct Endless;
        impl fmt::Debug for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("äöü")?;
                }
            }
        }
        let mut out = Bounded::new(1001);
        out.debug(&Endless);
        assert_eq!(out.into_string().len(), 1000);
    }
}
