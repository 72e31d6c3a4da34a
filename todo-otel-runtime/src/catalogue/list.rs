//! Every call site and every metric that the program declares, used or not.

use std::{collections::BTreeMap, ptr};

use super::link;
use crate::{
    metrics::{
        Definition, Instrument, InstrumentKind, MetricsMeta, NumberKind, Role, merge,
        model::{Attributes, Data, HistogramPoint, Metric, Num, Point, PointTemporality, Snapshot, Value},
        site,
        views::{self, Buckets},
    },
    record::{callsite::Callsite, meta::Meta},
};

/// One declaration of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// OpenTelemetry name.
    pub name: &'static str,
    /// Kind of instrument.
    pub kind: InstrumentKind,
    /// Type of the values.
    pub number: NumberKind,
    /// UCUM unit.
    pub unit: &'static str,
    /// One sentence for people, or nothing.
    pub description: &'static str,
    /// Upper bounds of the buckets of a histogram.
    pub bounds: Vec<f64>,
    /// Label keys, sorted; those in `optional` may be absent from a point.
    pub keys: Vec<&'static str>,
    /// Keys that only some points carry.
    pub optional: Vec<&'static str>,
    /// Per key all values of a closed set; empty when the set is open.
    pub values: Vec<(&'static str, Vec<&'static str>)>,
    /// Instrumentation scope.
    pub package: &'static str,
    /// Where it is declared.
    pub file: &'static str,
    /// Line in `file`.
    pub line: u32,
}

/// Every call site of the program, sorted by span name and place.
pub(crate) fn sites() -> Vec<&'static Callsite> {
    let mut all: Vec<_> = link::sites().collect();
    // What the linker does not know: code that was loaded later, platforms without the section.
    let mut used = Vec::new();
    crate::record::callsite::registered(&mut used);
    all.extend(used);
    all.sort_by_key(|site| (site.meta().name, site.meta().file, site.meta().line, ptr::from_ref(*site)));
    all.dedup_by(|a, b| ptr::eq(*a, *b));
    all
}

/// Every business instrument of the program, sorted by name and place.
pub(crate) fn instruments() -> Vec<&'static Instrument> {
    let mut all: Vec<_> = link::instruments().collect();
    all.extend(crate::metrics::used());
    all.sort_by_key(|i| (i.definition().name, i.definition().file, i.definition().line, ptr::from_ref(*i)));
    all.dedup_by(|a, b| ptr::eq(*a, *b));
    all
}

/// Every metric that the program declares, sorted by name and place.
pub fn declarations() -> Vec<Declaration> {
    let mut all: Vec<Declaration> = instruments().into_iter().map(|i| i.definition().into()).collect();
    for site in sites() {
        let meta = site.meta();
        if let Some(metrics) = meta.metrics {
            of_site(meta, metrics, &mut all);
        }
    }
    all.sort_by(|a, b| (a.name, a.file, a.line).cmp(&(b.name, b.file, b.line)));
    all.dedup();
    all
}

impl From<&'static Definition> for Declaration {
    fn from(definition: &'static Definition) -> Self {
        let mut keys = definition.keys.to_vec();
        keys.sort_unstable();
        let values = definition.keys.iter().zip(definition.values).map(|(key, values)| (*key, values.to_vec()));
        Declaration {
            name: definition.name,
            kind: definition.kind,
            number: definition.number,
            unit: definition.unit,
            description: definition.description,
            bounds: definition.bounds.to_vec(),
            // A label may be an `Option`, which the types do not tell here.
            optional: Vec::new(),
            keys,
            values: values.collect(),
            package: definition.package,
            file: definition.file,
            line: definition.line,
        }
    }
}

fn of_site(meta: &'static Meta, metrics: &'static MetricsMeta, all: &mut Vec<Declaration>) {
    let labels = |chosen: u64| {
        metrics.labels.iter().enumerate().filter(move |(i, _)| chosen >> (i & 63) & 1 == 1).map(|(_, key)| *key)
    };
    for instrument in metrics.instruments {
        let histogram = instrument.role == Role::Duration;
        let mut declaration = Declaration {
            name: instrument.name,
            kind: if histogram { InstrumentKind::Histogram } else { InstrumentKind::Counter },
            number: if histogram { NumberKind::F64 } else { NumberKind::U64 },
            unit: instrument.unit,
            description: instrument.description,
            bounds: instrument.bounds.to_vec(),
            keys: labels(instrument.labels).collect(),
            optional: Vec::new(),
            values: Vec::new(),
            package: meta.package,
            file: meta.file,
            line: meta.line,
        };
        if instrument.outcome {
            declaration.keys.push("outcome");
            let outcomes = ["ok", "error", "expected", "panic", "cancelled"];
            declaration.values.push(("outcome", outcomes.to_vec()));
        }
        let failures = [(instrument.error_type, "error.type"), (instrument.status_code, "db.response.status_code")];
        for (_, key) in failures.into_iter().filter(|(carried, _)| *carried) {
            declaration.keys.push(key);
            if instrument.role != Role::Errors {
                declaration.optional.push(key);
            }
        }
        declaration.keys.sort_unstable();
        all.push(declaration);
    }
    if let Some(name) = metrics.active.filter(|_| metrics.in_flight) {
        let mut keys: Vec<_> = labels(u64::MAX).collect();
        keys.sort_unstable();
        all.push(Declaration {
            name,
            kind: InstrumentKind::UpDownCounter,
            number: NumberKind::I64,
            unit: "{call}",
            description: "Calls that are running.",
            bounds: Vec::new(),
            keys,
            optional: Vec::new(),
            values: Vec::new(),
            package: meta.package,
            file: meta.file,
            line: meta.line,
        });
    }
}

/// Zeros of the call sites whose label values are all written in the code: outcome `ok`, and `error` where no `error.type`
/// stands beside it.
pub(crate) fn seed_sites(snapshot: &mut Snapshot) {
    for site in sites() {
        let meta = site.meta();
        let Some(metrics) = meta.metrics.filter(|metrics| metrics.values.len() == metrics.labels.len()) else {
            continue;
        };
        for instrument in metrics.instruments.iter().filter(|i| i.role != Role::Errors || !i.error_type) {
            let outcomes: &[Option<&'static str>] = match (instrument.outcome, instrument.error_type) {
                (true, false) => &[Some("ok"), Some("error")],
                (true, true) => &[Some("ok")],
                (false, _) => &[None],
            };
            let mut labels = BTreeMap::new();
            for (i, (key, values)) in metrics.labels.iter().zip(metrics.values).enumerate() {
                if instrument.labels >> (i & 63) & 1 == 1 {
                    labels.insert(*key, *values);
                }
            }
            for outcome in outcomes {
                for attributes in combinations(&labels, *outcome) {
                    let selected = site::selected(instrument, (meta.package, meta.version));
                    let data = match (instrument.role, views::buckets(selected, instrument.bounds)) {
                        (Role::Duration, Buckets::Explicit(bounds)) => zero_histogram(attributes, &bounds),
                        (Role::Duration, Buckets::Exponential(..)) => continue,
                        (Role::Calls | Role::Errors, _) => zero_sum(attributes),
                    };
                    let (name, unit) = (instrument.name.into(), instrument.unit.into());
                    let metric = Metric { name, unit, description: instrument.description.into(), data };
                    if let Some(metric) = views::apply(selected, metric) {
                        merge::into_scope(snapshot.scope(&meta.package.into(), &meta.version.into()), metric);
                    }
                }
            }
        }
    }
}

fn combinations(
    labels: &BTreeMap<&'static str, &'static [&'static str]>,
    outcome: Option<&'static str>,
) -> Vec<Attributes> {
    let mut all: Vec<Attributes> =
        vec![outcome.map(|outcome| ("outcome".into(), Value::Text(outcome.into()))).into_iter().collect()];
    for (key, values) in labels {
        let extended = all.iter().flat_map(|attributes| {
            values.iter().map(move |value| {
                let mut attributes = attributes.clone();
                attributes.push(((*key).into(), Value::Text((*value).into())));
                attributes.sort_by(|a, b| a.0.cmp(&b.0));
                attributes
            })
        });
        all = extended.collect();
    }
    all
}

fn zero_sum(attributes: Attributes) -> Data {
    let point = Point { attributes, start_unix_ns: 0, unix_ns: 0, value: Num::Int(0), exemplars: Vec::new() };
    Data::Sum { monotonic: true, temporality: PointTemporality::Cumulative, observable: false, points: vec![point] }
}

fn zero_histogram(attributes: Attributes, bounds: &[f64]) -> Data {
    let point = HistogramPoint {
        attributes,
        start_unix_ns: 0,
        unix_ns: 0,
        buckets: vec![0; bounds.len() + 1],
        sum: 0.0,
        exemplars: Vec::new(),
    };
    Data::Histogram { temporality: PointTemporality::Cumulative, bounds: bounds.to_vec(), points: vec![point] }
}
