//! Views of the declarative file: what becomes of the stream of an instrument. The first view that selects it decides.
//!
//! They act on our own model, so ledger, scrape page, console and OTLP all see the same streams. Bounds and kinds of
//! buckets are fixed when a call site or a series is made; names, attributes and limits when it is read.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError, RwLock},
};

use opentelemetry::logs::Severity;

use super::{
    instrument::InstrumentKind,
    merge,
    model::{Attributes, Data, ExponentialPoint, HistogramPoint, Metric, Num, Point, Value, key},
    state,
};
use crate::config::{Aggregation, ViewConfig};

static VIEWS: RwLock<Vec<ViewConfig>> = RwLock::new(Vec::new());
/// Series of each stream that are told apart, as they came; later ones are counted together.
static ADMITTED: Mutex<Option<HashMap<String, Stream>>> = Mutex::new(None);

#[derive(Default)]
struct Stream {
    series: HashSet<String>,
    warned: bool,
}

/// How a histogram counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Buckets {
    /// Between these bounds.
    Explicit(Cow<'static, [f64]>),
    /// Base-2 exponential: most buckets, highest scale.
    Exponential(usize, i32),
}

/// What views look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: InstrumentKind,
    pub(crate) observable: bool,
    pub(crate) unit: &'a str,
    pub(crate) scope: (&'a str, &'a str),
}

/// Replaces all views.
pub(crate) fn set(views: &[ViewConfig]) {
    *VIEWS.write().unwrap_or_else(PoisonError::into_inner) = views.to_vec();
}

fn of(instrument: Selected<'_>) -> Option<ViewConfig> {
    let views = VIEWS.read().unwrap_or_else(PoisonError::into_inner);
    views.iter().find(|view| selects(view, instrument)).cloned()
}

fn selects(view: &ViewConfig, instrument: Selected<'_>) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    let kind = |wanted: &str| match wanted.strip_prefix("observable_") {
        Some(wanted) => instrument.observable && wanted.replace('_', "") == instrument.kind.as_str(),
        None => !instrument.observable && wanted.replace('_', "") == instrument.kind.as_str(),
    };
    view.instrument_name.as_deref().is_none_or(|pattern| fits(pattern.as_bytes(), instrument.name.as_bytes()))
        && view.instrument_type.as_deref().is_none_or(kind)
        && is(&view.unit, instrument.unit)
        && is(&view.meter_name, instrument.scope.0)
        && is(&view.meter_version, instrument.scope.1)
        // Our scopes have no schema URL.
        && is(&view.meter_schema_url, "")
}

/// `*` stands for any text, `?` for one character; case does not matter, as in names of instruments.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([b'*', rest @ ..], _) => fits(rest, name) || (!name.is_empty() && fits(pattern, &name[1..])),
        ([b'?', rest @ ..], [_, name @ ..]) => fits(rest, name),
        ([p, rest @ ..], [n, name @ ..]) => p.eq_ignore_ascii_case(n) && fits(rest, name),
        ([], []) => true,
        _ => false,
    }
}

/// How a histogram counts: as its view says, else as the default of all histograms, else between its own bounds.
pub(crate) fn buckets(instrument: Selected<'_>, own: &'static [f64]) -> Buckets {
    match of(instrument).and_then(|view| view.aggregation) {
        Some(Aggregation::ExplicitBuckets(Some(bounds))) => Buckets::Explicit(bounds.into()),
        Some(Aggregation::ExplicitBuckets(None)) => Buckets::Explicit(own.into()),
        Some(Aggregation::Exponential { max_size, max_scale }) => {
            Buckets::Exponential(max_size as usize, i32::from(max_scale))
        }
        _ if state::exponential() => {
            Buckets::Exponential(super::exponential::MAX_BUCKETS, super::exponential::MAX_SCALE)
        }
        _ => Buckets::Explicit(own.into()),
    }
}

/// Series that an instrument may have.
pub(crate) fn limit(instrument: Selected<'_>, error_type: bool) -> usize {
    of(instrument).and_then(|view| view.cardinality_limit).unwrap_or_else(|| state::limit(error_type))
}

/// The stream that a metric becomes; `None` when its view drops it.
pub(crate) fn apply(instrument: Selected<'_>, mut metric: Metric) -> Option<Metric> {
    let Some(view) = of(instrument) else { return Some(metric) };
    match view.aggregation {
        Some(Aggregation::Drop) => return None,
        Some(Aggregation::Sum) => metric.data = summed(metric.data),
        _ => {}
    }
    if let Some(name) = view.name {
        metric.name = name.into();
    }
    if let Some(description) = view.description {
        metric.description = description.into();
    }
    if view.included.is_some() || !view.excluded.is_empty() {
        let keeps = |key: &str| {
            view.included.as_ref().is_none_or(|keys| keys.iter().any(|k| fits(k.as_bytes(), key.as_bytes())))
                && !view.excluded.iter().any(|k| fits(k.as_bytes(), key.as_bytes()))
        };
        each_attributes(&mut metric.data, |attributes| attributes.retain(|(key, _)| keeps(key)));
    }
    Some(metric)
}

/// A histogram of which only the sum is wanted.
fn summed(data: Data) -> Data {
    let Data::Histogram { temporality, points, .. } = data else { return data };
    let point = |p: HistogramPoint| Point {
        attributes: p.attributes,
        start_unix_ns: p.start_unix_ns,
        unix_ns: p.unix_ns,
        value: Num::Float(p.sum),
        exemplars: p.exemplars.into_iter().max_by_key(|e| e.unix_ns).into_iter().collect(),
    };
    Data::Sum { monotonic: true, temporality, observable: false, points: points.into_iter().map(point).collect() }
}

fn each_attributes(data: &mut Data, mut change: impl FnMut(&mut Attributes)) {
    match data {
        Data::Sum { points, .. } | Data::Gauge(points) => points.iter_mut().for_each(|p| change(&mut p.attributes)),
        Data::Histogram { points, .. } => points.iter_mut().for_each(|p| change(&mut p.attributes)),
        Data::Exponential { points, .. } => points.iter_mut().for_each(|p| change(&mut p.attributes)),
    }
}

/// The one series of everything beyond a limit.
pub(crate) fn overflow() -> Attributes {
    vec![("otel.metric.overflow".into(), Value::Bool(true))]
}

/// Counts the series beyond the limit of a stream together, whichever call sites they come from. Which ones are told apart
/// is settled when they first appear. Says once per stream that this happens.
pub(crate) fn within_limit(metric: &mut Metric, limit: usize) {
    let mut all = ADMITTED.lock().unwrap_or_else(PoisonError::into_inner);
    let stream = all.get_or_insert_default().entry(metric.name.to_string()).or_default();
    let beyond = overflow();
    let mut overflowed = false;
    each_attributes(&mut metric.data, |attributes| {
        let known = key(attributes);
        let fits = *attributes != beyond
            && (stream.series.contains(&known) || (stream.series.len() < limit && stream.series.insert(known)));
        if !fits {
            overflowed = true;
            attributes.clone_from(&beyond);
        }
    });
    if !overflowed {
        return;
    }
    merge::together(&mut metric.data);
    if !std::mem::replace(&mut stream.warned, true) {
        drop(all);
        let details = format!("{} has more than {limit}; the rest is in otel.metric.overflow", metric.name);
        crate::logs::say(Severity::Warn, "a metric has too many series", &details);
    }
}

/// An exponential point without values.
pub(crate) fn empty_exponential(scale: i32) -> ExponentialPoint {
    ExponentialPoint {
        attributes: Vec::new(),
        start_unix_ns: 0,
        unix_ns: 0,
        scale,
        zero_count: 0,
        offset: 0,
        buckets: Vec::new(),
        sum: 0.0,
        exemplars: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn names_are_selected_by_pattern() {
        for (pattern, name, expected) in [
            ("*", "a.b", true),
            ("a.*", "a.b", true),
            ("A.?", "a.b", true),
            ("a.?", "a.bc", false),
            ("*.duration", "todo.command.duration", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
