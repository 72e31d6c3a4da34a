//! Fields of a `tracing` event as attributes, copied no further than the limits allow.

use std::{borrow::Cow, error::Error, fmt};

use opentelemetry::{Key, logs::AnyValue};
use tracing_core::{
    Event,
    field::{Field, Visit},
};

use super::{
    failure::{STACKTRACE_BYTES, source_chain},
    limit::{Bounded, Limits},
    record::{Location, Record, severity_of},
};

/// The event as a record of the current span.
pub(crate) fn record_of(event: &Event<'_>, limits: &Limits) -> Record {
    let metadata = event.metadata();
    let mut fields = Fields { limits, message: None, target: None, attributes: Vec::new() };
    event.record(&mut fields);
    let Fields { message, target, attributes, .. } = fields;
    let target = target.map_or(Cow::Borrowed(metadata.target()), Cow::Owned);
    let mut record = Record::new(severity_of(metadata.level()), target, message.unwrap_or_default());
    record.event_name = event_name(metadata.name());
    record.attributes = attributes;
    record.site = std::ptr::from_ref(metadata).addr();
    record.location = location(metadata);
    record
}

/// `tracing` names an event `event file:line` unless its author named it.
fn event_name(name: &'static str) -> Option<&'static str> {
    (!name.is_empty() && !name.starts_with("event ") && name != "log event").then_some(name)
}

fn location(metadata: &'static tracing_core::Metadata<'static>) -> Location {
    Location {
        function: metadata.module_path().unwrap_or_default(),
        file: metadata.file().map_or("", within_package),
        line: metadata.line().unwrap_or_default(),
    }
}

/// The path from the package's folder on: code of other packages is compiled from somewhere in the builder's home.
fn within_package(file: &'static str) -> &'static str {
    if !file.starts_with('/') && !file.contains(":\\") {
        return file;
    }
    let file_name = || file.rsplit(['/', '\\']).next().unwrap_or_default();
    let Some(source) = file.rfind("/src/") else { return file_name() };
    let package = file[..source].rfind('/').map_or(0, |slash| slash + 1);
    &file[package..]
}

struct Fields<'a> {
    limits: &'a Limits,
    message: Option<String>,
    /// Of an event that came through the `log` crate.
    target: Option<String>,
    attributes: Vec<(Key, AnyValue)>,
}

impl Fields<'_> {
    fn put(&mut self, key: &'static str, value: impl Into<AnyValue>) {
        // Beyond a multiple of the limit even the last value of a key no longer matters.
        if self.attributes.len() < self.limits.attributes.saturating_mul(2) {
            self.attributes.push((Key::from_static_str(key), value.into()));
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded)) {
        let bytes = match field.name() {
            "message" => self.limits.message_bytes(),
            name => self.limits.copy_bytes(name),
        };
        let mut out = Bounded::new(bytes);
        write(&mut out);
        let text = out.into_string();
        match field.name() {
            "message" => self.message = Some(text),
            "log.target" => self.target = Some(text),
            "log.module_path" | "log.file" => {}
            name => self.put(name, text),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |out| out.debug(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |out| out.display(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(_) if field.name() == "log.line" => {}
            Ok(int) => self.put(field.name(), int),
            Err(_) => self.put(field.name(), value.to_string()),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(int) => self.put(field.name(), int),
            Err(_) => self.put(field.name(), value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(int) => self.put(field.name(), int),
            Err(_) => self.put(field.name(), value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let length = value.len().min(self.limits.value_chars);
        self.put(field.name(), AnyValue::Bytes(Box::new(value[..length].to_vec())));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut message = Bounded::new(self.limits.copy_bytes(field.name()));
        message.display(value);
        if self.attributes.iter().any(|(key, _)| key.as_str() == "exception.message") {
            self.put(field.name(), message.into_string());
            return;
        }
        self.put("exception.message", message.into_string());
        if value.source().is_some() && self.limits.stacktrace_chars.min(STACKTRACE_BYTES) > 0 {
            self.put("exception.stacktrace", source_chain(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_the_machine_that_built_it() {
        for (file, shown) in [
            ("todo-app/src/main.rs", "todo-app/src/main.rs"),
            (
                "/home/ann/.cargo/registry/src/index.crates.io-1/hyper-1.0.0/src/client/pool.rs",
                "hyper-1.0.0/src/client/pool.rs",
            ),
            ("/home/ann/project/build.rs", "build.rs"),
        ] {
            assert_eq!(within_package(file), shown);
        }
    }
}
