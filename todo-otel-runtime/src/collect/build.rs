//! From records to `SpanData`: names, keys, times, outcome, limits.
//!
//! Not here: which spans are kept (`tail`), who gets them (`export`).

use opentelemetry::{
    Array, InstrumentationScope, Key, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    trace::{SpanContext, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{early::Known, lane::Note};
use crate::{
    config::{Redactor, SpanLimits},
    record::{
        callsite::Callsite,
        clock::Anchor,
        outcome::Outcome,
        sampling::span_kind,
        span::{RANDOM, REMOTE_PARENT, SAMPLED},
        value, wire,
    },
};

/// A span as its end record has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) site: u32,
    pub(crate) id: u64,
    pub(crate) trace: u128,
    pub(crate) parent: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: u32,
    pub(crate) outcome: Outcome,
    pub(crate) series: u32,
    pub(crate) tag: u16,
    /// Polls, and ticks inside of them.
    pub(crate) polled: Option<(u64, u64)>,
}

impl Ended {
    /// Reads an end record; `words` has its length.
    pub(crate) fn read(words: &[u64]) -> Option<Self> {
        let [first, id, high, low, parent, start, end, last, rest @ ..] = words else { return None };
        let polled = match rest {
            [polls, busy, ..] => Some((*polls, *busy)),
            _ => None,
        };
        Some(Ended {
            site: wire::long(*first) as u32,
            id: *id,
            trace: u128::from(*high) << 64 | u128::from(*low),
            parent: *parent,
            start: *start,
            end: (*end).max(*start),
            flags: wire::key(*first) as u32,
            outcome: outcome(wire::kind(*first)),
            series: *last as u32,
            tag: (*last >> 32) as u16,
            polled,
        })
    }

    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

fn outcome(code: u64) -> Outcome {
    const ALL: [Outcome; 5] = [Outcome::Ok, Outcome::Error, Outcome::Expected, Outcome::Panic, Outcome::Cancelled];
    ALL.into_iter().find(|outcome| *outcome as u64 == code).unwrap_or(Outcome::Ok)
}

/// What all spans of a call site have in common.
pub(crate) struct Shape {
    site: &'static Callsite,
    scope: InstrumentationScope,
    line: i64,
}

impl Shape {
    pub(crate) fn of(site: &'static Callsite) -> Self {
        let meta = site.meta();
        let scope = InstrumentationScope::builder(meta.package);
        let scope = if meta.version.is_empty() { scope } else { scope.with_version(meta.version) };
        Shape { site, scope: scope.build(), line: i64::from(meta.line) }
    }

    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }
}

/// What was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) attributes: u64,
    pub(crate) values: u64,
    pub(crate) events: u64,
    pub(crate) links: u64,
}

/// Builds the span.
pub(crate) fn span_data(
    ended: &Ended,
    shape: &Shape,
    known: Option<&mut Known>,
    anchor: &Anchor,
    (limits, redactor): (&SpanLimits, &Redactor),
    cut: &mut Cut,
) -> SpanData {
    let meta = shape.site.meta();
    let mut flags = TraceFlags::default();
    if ended.has(SAMPLED) {
        flags = flags | TraceFlags::SAMPLED;
    }
    if ended.has(RANDOM) {
        flags = flags | crate::record::root::RANDOM_FLAG;
    }
    let (start_time, end_time) = anchor.interval(ended.start, ended.end);
    let mut span = SpanData {
        span_context: SpanContext::new(
            TraceId::from(ended.trace),
            SpanId::from(ended.id),
            flags,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(ended.parent),
        parent_span_is_remote: ended.has(REMOTE_PARENT),
        span_kind: span_kind(meta.kind),
        name: meta.name.into(),
        start_time,
        end_time,
        attributes: Vec::with_capacity(meta.attributes.len() + meta.outputs.len() + 6),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match ended.outcome {
            Outcome::Error | Outcome::Panic => Status::error(""),
            _ => Status::Unset,
        },
        instrumentation_scope: shape.scope.clone(),
    };
    if let Some(known) = known {
        read_attributes(&known.words, shape, &mut span.attributes, cut);
        for note in known.notes.drain(..) {
            apply(&mut span, note, anchor);
        }
        keep_last(&mut span.attributes);
        // What follows is the runtime's own and holds no secrets.
        super::scrub::scrub(&mut span, redactor);
    }
    // Only a command that a signal ended is cancelled and has a class of errors: its exit code is not 0.
    if ended.outcome == Outcome::Cancelled && span.attributes.iter().any(|known| known.key.as_str() == "error.type") {
        span.status = Status::error("");
    }
    own_attributes(&mut span.attributes, ended, shape, anchor);
    limit(&mut span, limits, cut);
    span
}

/// What every span of a call site says about itself.
fn own_attributes(attributes: &mut Vec<KeyValue>, ended: &Ended, shape: &Shape, anchor: &Anchor) {
    let meta = shape.site.meta();
    if ended.outcome != Outcome::Ok {
        attributes.push(KeyValue::new("outcome", ended.outcome.as_str()));
    }
    if let Some((polls, busy)) = ended.polled {
        let (all, busy) = (anchor.ns(ended.end - ended.start), anchor.ns(busy));
        attributes.push(KeyValue::new("busy_ns", busy.min(all) as i64));
        attributes.push(KeyValue::new("idle_ns", all.saturating_sub(busy) as i64));
        attributes.push(KeyValue::new("polls", polls as i64));
    }
    if !meta.function.is_empty() {
        attributes.push(KeyValue::new("code.function.name", meta.function));
    }
    if !meta.file.is_empty() {
        attributes.push(KeyValue::new("code.file.path", meta.file));
        attributes.push(KeyValue::new("code.line.number", shape.line));
    }
}

fn apply(span: &mut SpanData, note: Note, anchor: &Anchor) {
    match note {
        Note::Attributes(attributes) => span.attributes.extend(attributes),
        Note::Links(links) => span.links.links.extend(links),
        Note::Event { ticks, mut event } => {
            if ticks != 0 {
                event.timestamp = anchor.time(ticks);
            }
            span.events.events.push(event);
        }
        Note::Message(message) => {
            if let Status::Error { description } = &mut span.status {
                *description = message.into();
            }
        }
        // An error is never taken back, as the specification orders the statuses.
        Note::Status(status) => {
            if status > span.status {
                span.status = status;
            }
        }
        Note::Name(name) => span.name = name,
        Note::TraceState(state) => {
            let old = &span.span_context;
            span.span_context =
                SpanContext::new(old.trace_id(), old.span_id(), old.trace_flags(), old.is_remote(), state);
        }
    }
}

/// The last value of a key counts; it keeps the place of the first.
pub(crate) fn keep_last(attributes: &mut Vec<KeyValue>) {
    let mut at = 0;
    while at < attributes.len() {
        let (before, rest) = attributes.split_at_mut(at);
        match before.iter_mut().find(|known| known.key == rest[0].key) {
            Some(known) => {
                std::mem::swap(&mut known.value, &mut rest[0].value);
                attributes.remove(at);
            }
            None => at += 1,
        }
    }
}

/// Cuts a span down to the limits of the specification, and says so in its counts.
pub(crate) fn limit(span: &mut SpanData, limits: &SpanLimits, cut: &mut Cut) {
    let over = |len: usize, limit: u32| len.saturating_sub(limit as usize) as u32;
    let attributes = over(span.attributes.len(), limits.attributes);
    span.attributes.truncate(limits.attributes as usize);
    span.dropped_attributes_count += attributes;
    let events = over(span.events.events.len(), limits.events);
    span.events.events.truncate(limits.events as usize);
    span.events.dropped_count += events;
    let links = over(span.links.links.len(), limits.links);
    span.links.links.truncate(limits.links as usize);
    span.links.dropped_count += links;
    let mut inner = 0;
    for event in &mut span.events.events {
        let more = over(event.attributes.len(), limits.attributes_per_event);
        event.attributes.truncate(limits.attributes_per_event as usize);
        event.dropped_attributes_count += more;
        inner += u64::from(more);
        cut.values += event.attributes.iter_mut().map(cut_value).sum::<u64>();
    }
    for link in &mut span.links.links {
        let more = over(link.attributes.len(), limits.attributes_per_link);
        link.attributes.truncate(limits.attributes_per_link as usize);
        link.dropped_attributes_count += more;
        inner += u64::from(more);
        cut.values += link.attributes.iter_mut().map(cut_value).sum::<u64>();
    }
    cut.values += span.attributes.iter_mut().map(cut_value).sum::<u64>();
    cut.attributes += u64::from(attributes) + inner;
    cut.events += u64::from(events);
    cut.links += u64::from(links);
}

/// Cuts the strings of a value to the limit; the number that were too long.
fn cut_value(attribute: &mut KeyValue) -> u64 {
    let cut = |text: &mut StringValue| {
        if !value::is_too_long(text.as_str()) {
            return 0;
        }
        let mut owned = text.as_str().to_owned();
        let was_cut = value::cut_owned(&mut owned);
        *text = owned.into();
        u64::from(was_cut)
    };
    match &mut attribute.value {
        Value::String(text) => cut(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().map(cut).sum(),
        _ => 0,
    }
}

/// Reads the attribute records of one span.
fn read_attributes(mut words: &[u64], shape: &Shape, to: &mut Vec<KeyValue>, cut: &mut Cut) {
    while let [first, ..] = *words {
        let len = wire::len(first);
        if len < 2 || len > words.len() {
            return;
        }
        let (record, rest) = words.split_at(len);
        words = rest;
        let (key, value) = match wire::record(first) {
            wire::ATTRIBUTE => (key_at(shape, wire::key(first)), &record[2..]),
            wire::NAMED => {
                let key_words = (wire::key(first) as usize).div_ceil(8);
                let name = text(&record[2..2 + key_words], wire::key(first) as usize);
                (Some(Key::from(name)), &record[2 + key_words..])
            }
            _ => (None, &record[2..]),
        };
        match (key, read_value(first, value)) {
            (Some(key), Some(value)) => to.push(KeyValue::new(key, value)),
            _ => cut.attributes += 1,
        }
    }
}

fn key_at(shape: &Shape, at: u64) -> Option<Key> {
    let meta = shape.site.meta();
    if at == wire::ERROR_TYPE {
        return Some(Key::from_static_str("error.type"));
    }
    let at = at as usize;
    let key = meta.attributes.get(at).or_else(|| meta.outputs.get(at.checked_sub(meta.attributes.len())?));
    key.map(|key| Key::from_static_str(key))
}

fn read_value(first: u64, words: &[u64]) -> Option<Value> {
    let len = wire::payload(first);
    Some(match wire::kind(first) {
        wire::BOOL => Value::Bool(wire::long(first) != 0),
        wire::INT => Value::I64(*words.first()? as i64),
        wire::FLOAT => Value::F64(f64::from_bits(*words.first()?)),
        wire::TEXT => Value::String(text(words, len).into()),
        wire::BOOLS => Value::Array(Array::Bool(bytes(words, len).iter().map(|b| *b != 0).collect())),
        wire::INTS => Value::Array(Array::I64(words.iter().map(|word| *word as i64).collect())),
        wire::FLOATS => Value::Array(Array::F64(words.iter().map(|word| f64::from_bits(*word)).collect())),
        wire::TEXTS => Value::Array(Array::String(texts(&bytes(words, len)))),
        _ => return None,
    })
}

fn bytes(words: &[u64], len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.len() * 8);
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn text(words: &[u64], len: usize) -> String {
    String::from_utf8(bytes(words, len)).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn texts(mut bytes: &[u8]) -> Vec<StringValue> {
    let mut all = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let Some((text, rest)) = rest.split_at_checked(u32::from_le_bytes(*len) as usize) else { break };
        all.push(String::from_utf8_lossy(text).into_owned().into());
        bytes = rest;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_key_counts() {
        let mut attributes =
            vec![KeyValue::new("a", 1), KeyValue::new("b", 2), KeyValue::new("a", 3), KeyValue::new("a", 4)];
        keep_last(&mut attributes);
        assert_eq!(attributes, [KeyValue::new("a", 4), KeyValue::new("b", 2)]);
    }

    #[test]
    fn texts_of_an_array_come_back() {
        let mut bytes = Vec::new();
        for text in ["", "ä", "plain"] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        assert_eq!(texts(&bytes), ["", "ä", "plain"].map(StringValue::from));
    }
}
