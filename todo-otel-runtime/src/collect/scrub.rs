//! Secrets in the texts of a span: masked once, before any exporter or processor sees it. What a secret looks like is known
//! to `config`.

use std::borrow::Cow;

use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;

use crate::config::Redactor;

/// Masks secrets in attributes, events, links and the description of the status.
pub(crate) fn scrub(span: &mut SpanData, redactor: &Redactor) {
    attributes(&mut span.attributes, redactor);
    for event in &mut span.events.events {
        attributes(&mut event.attributes, redactor);
    }
    for link in &mut span.links.links {
        attributes(&mut link.attributes, redactor);
    }
    if let Status::Error { description } = &mut span.status
        && let Cow::Owned(masked) = redactor.redact(description)
    {
        *description = masked.into();
    }
}

fn attributes(attributes: &mut [KeyValue], redactor: &Redactor) {
    for attribute in attributes {
        match &mut attribute.value {
            Value::String(text) => mask(text, redactor),
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(|text| mask(text, redactor)),
            _ => {}
        }
    }
}

fn mask(text: &mut StringValue, redactor: &Redactor) {
    if let Cow::Owned(masked) = redactor.redact(text.as_str()) {
        *text = masked.into();
    }
}
