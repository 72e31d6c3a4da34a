//! Series that are exported at zero before anything was counted, so that the first increment is seen as one.

use super::{
    instrument::{Definition, InstrumentKind},
    model::{Attributes, Data, Metric, Num, Point, PointTemporality, Snapshot, Value},
    point::NumberKind,
    state,
};

/// An instrument with more combinations of closed labels is not seeded.
const MAX_SEEDS: usize = 64;

/// Every series that is known before it is used: counters whose labels are closed sets (or that have none), and the
/// metrics of call sites whose label values are all written in the code.
pub(crate) fn seeds() -> Snapshot {
    let mut snapshot = Snapshot::default();
    for definition in crate::catalogue::instruments().into_iter().map(|instrument| instrument.definition()) {
        if definition.kind != InstrumentKind::Counter {
            continue;
        }
        for attributes in combinations(definition) {
            add(&mut snapshot, definition, attributes);
        }
    }
    crate::catalogue::seed_sites(&mut snapshot);
    snapshot.sort();
    snapshot
}

fn add(snapshot: &mut Snapshot, definition: &'static Definition, attributes: Attributes) {
    let value = match definition.number {
        NumberKind::F64 => Num::Float(0.0),
        NumberKind::U64 | NumberKind::I64 => Num::Int(0),
    };
    let point = Point { attributes, start_unix_ns: 0, unix_ns: 0, value, exemplars: Vec::new() };
    let data = Data::Sum {
        monotonic: true,
        temporality: PointTemporality::Cumulative,
        observable: false,
        points: vec![point],
    };
    let metric = Metric {
        name: state::named(definition.name),
        unit: definition.unit.into(),
        description: definition.description.into(),
        data,
    };
    if let Some(metric) = super::views::apply(definition.selected(false), metric) {
        let scope = snapshot.scope(&definition.package.into(), &definition.version.into());
        super::merge::into_scope(scope, metric);
    }
}

fn combinations(definition: &'static Definition) -> Vec<Attributes> {
    let product: usize = definition.values.iter().map(|set| set.len()).product();
    if product == 0 || product > MAX_SEEDS {
        return Vec::new();
    }
    let mut all: Vec<Attributes> = vec![Vec::new()];
    for (key, set) in definition.keys.iter().zip(definition.values) {
        let boolean = *set == <bool as super::Label>::VALUES;
        let extended = all.iter().flat_map(|attributes| {
            set.iter().map(move |text| {
                let mut attributes = attributes.clone();
                let value = if boolean { Value::Bool(*text == "true") } else { Value::Text((*text).into()) };
                attributes.push((state::named(key), value));
                attributes.sort_by(|a, b| a.0.cmp(&b.0));
                attributes
            })
        });
        all = extended.collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counter;

    counter! { static CLOSED: u64 = "seed.closed", unit = "{x}", labels = { "seed.flag": bool } }
    counter! { static OPEN: u64 = "seed.open", unit = "{x}", labels = { "seed.text": &'static str } }
    counter! { static PLAIN: u64 = "seed.plain", unit = "{x}" }

    #[test]
    fn closed_label_sets_are_there_before_they_count() {
        let all = seeds();
        let points = |name| all.metric(name).map(|metric| metric.data.len());
        assert_eq!(points("seed.closed"), Some(2));
        assert_eq!(points("seed.open"), None, "nobody knows its values");
        assert_eq!(points("seed.plain"), Some(1));
        for counter in [CLOSED.instrument(), OPEN.instrument(), PLAIN.instrument()] {
            assert!(counter.definition().name.starts_with("seed."));
        }
    }
}
