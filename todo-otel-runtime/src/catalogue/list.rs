//! Every metric that the program declares, used or not.

use crate::metrics::{InstrumentKind, NumberKind};

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

/// Every metric that the program declares, sorted by name and place: from the list that the linker made, and what has been
/// used meanwhile.
pub fn declarations() -> Vec<Declaration> {
    let mut instruments: Vec<_> = super::link::entries().iter().filter_map(|entry| entry.instrument).collect();
    instruments.extend(crate::metrics::used());
    let mut all: Vec<Declaration> = instruments.into_iter().map(|instrument| instrument.definition().into()).collect();
    all.sort_by(|a, b| (a.name, a.file, a.line).cmp(&(b.name, b.file, b.line)));
    all.dedup();
    all
}

impl From<&'static crate::metrics::Definition> for Declaration {
    fn from(definition: &'static crate::metrics::Definition) -> Self {
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
            keys,
            optional: Vec::new(),
            values: values.collect(),
            package: definition.package,
            file: definition.file,
            line: definition.line,
        }
    }
}
