//! Start of metrics: settings into the words that every call reads, and the check that only a whole program can fail.

use std::fmt;

use super::state;
use crate::{
    InitError,
    catalogue::{Declaration, declarations},
    config::{ExemplarFilter, MetricsConfig, Role},
};

/// Applies the settings and switches recording on, unless two declarations contradict each other.
pub(crate) fn start(config: &MetricsConfig, role: Role, app: &str) -> Result<(), InitError> {
    if !config.enabled {
        return Ok(());
    }
    state::set_app(app);
    state::set_in_flight(role == Role::Service);
    state::set_exponential(config.exponential_histograms);
    state::set_limit(config.cardinality_limit);
    super::views::set(&config.views);
    state::set_exemplars(match config.exemplar_filter {
        ExemplarFilter::TraceBased => 0,
        ExemplarFilter::AlwaysOn => 1,
        ExemplarFilter::AlwaysOff => 2,
    });
    if let Some(conflict) = check().into_iter().next() {
        return Err(InitError::Setting {
            setting: format!("metric {}", conflict.name),
            problem: conflict.to_string(),
            hint: "declare the metric once, or give both declarations the same unit, kind, buckets and label keys"
                .into(),
        });
    }
    state::set_enabled(true);
    Ok(())
}

/// Two declarations of one metric name that do not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The name.
    pub name: &'static str,
    /// What differs: `unit`, `kind`, `buckets` or `label keys`.
    pub what: &'static str,
    /// Where the first one is, and what it says.
    pub first: String,
    /// Where the second one is, and what it says.
    pub second: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two declarations differ in {}: {} and {}", self.what, self.first, self.second)
    }
}

/// Every pair of declarations that give one metric name different units, kinds, buckets or label keys.
pub fn check() -> Vec<Conflict> {
    let all = declarations();
    let neighbours = all.iter().zip(all.iter().skip(1));
    neighbours.filter(|(a, b)| a.name.eq_ignore_ascii_case(b.name)).filter_map(|(a, b)| differ(a, b)).collect()
}

fn differ(a: &Declaration, b: &Declaration) -> Option<Conflict> {
    let conflict = |what, first: String, second: String| {
        let place = |d: &Declaration, text| format!("{text} at {}:{}", d.file, d.line);
        Some(Conflict { name: a.name, what, first: place(a, first), second: place(b, second) })
    };
    if a.unit != b.unit {
        return conflict("unit", a.unit.into(), b.unit.into());
    }
    if a.kind != b.kind {
        return conflict("kind", a.kind.as_str().into(), b.kind.as_str().into());
    }
    if a.bounds != b.bounds {
        return conflict("buckets", format!("{:?}", a.bounds), format!("{:?}", b.bounds));
    }
    if a.keys != b.keys && !is_conventional(a) {
        return conflict("label keys", a.keys.join(", "), b.keys.join(", "));
    }
    None
}

/// Conventions leave some keys of an instrument to the call; their own table says which ones there are.
fn is_conventional(declaration: &Declaration) -> bool {
    crate::names::ROWS.iter().any(|row| row.is_instrument() && row.name == declaration.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{InstrumentKind, NumberKind};

    fn declaration(line: u32) -> Declaration {
        Declaration {
            name: "acme.calls",
            kind: InstrumentKind::Histogram,
            number: NumberKind::F64,
            unit: "s",
            description: "",
            bounds: vec![1.0],
            keys: vec!["verb"],
            optional: Vec::new(),
            values: Vec::new(),
            package: "acme",
            file: "src/lib.rs",
            line,
        }
    }

    #[test]
    fn declarations_of_one_name_must_agree() {
        let first = declaration(1);
        assert_eq!(differ(&first, &declaration(2)), None);
        let second = Declaration { unit: "ms", ..declaration(2) };
        assert_eq!(
            differ(&first, &second).expect("they differ").to_string(),
            "two declarations differ in unit: s at src/lib.rs:1 and ms at src/lib.rs:2"
        );
        let db = |keys| Declaration { name: "db.client.operation.duration", keys, ..declaration(1) };
        assert_eq!(differ(&db(vec!["db.system.name", "db.collection.name"]), &db(vec!["db.system.name"])), None);
        for second in [
            Declaration { bounds: vec![2.0], ..declaration(2) },
            Declaration { keys: vec!["verb", "x"], ..declaration(2) },
            Declaration { kind: InstrumentKind::Counter, ..declaration(2) },
        ] {
            assert!(differ(&first, &second).is_some());
        }
    }
}
