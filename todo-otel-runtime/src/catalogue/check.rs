//! What was emitted against the table of names: a test that collects findings fails when there is one.

use std::fmt;

use super::list::Declaration;
use crate::{
    metrics::{
        InstrumentKind,
        model::{Attributes, Data, Metric, Num, Snapshot, Value},
    },
    names::{self, Kind, Row, Type},
};

/// Something that the table of names does not allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Name of the metric, span or event.
    pub name: String,
    /// What is wrong, with what was found and what was expected.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

/// Holds what a program emits against the runtime's table of names and its own.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'a> {
    /// Name of the program: fills `{app}` in the runtime's rows.
    pub app: &'a str,
    /// The program's own rows; they come before the runtime's.
    pub own: &'a [Row],
}

impl Checker<'_> {
    /// Unknown metrics, wrong kinds, units, types of values or bounds, unknown attributes, missing required ones. Sorted.
    pub fn metrics(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        for metric in snapshot.scopes.iter().flat_map(|scope| &scope.metrics) {
            let mut say = |problem: String| findings.push(Finding { name: metric.name.to_string(), problem });
            match self.row(&metric.name, Row::is_instrument) {
                None => say("is in no table of names".into()),
                Some(row) => self.metric(metric, row, &mut say),
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// The same for what the program declares, used or not: names, kinds, units, bounds and keys of all metrics. Sorted.
    pub fn declared(&self, declarations: &[Declaration]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for declaration in declarations {
            let name = declaration.name.replace("{app}", self.app);
            let mut say = |problem: String| findings.push(Finding { name: name.clone(), problem });
            let Some(row) = self.row(&name, Row::is_instrument) else {
                say("is in no table of names".into());
                continue;
            };
            let kinds: &[Kind] = match declaration.kind {
                InstrumentKind::Counter => &[Kind::Counter, Kind::ObservableCounter],
                InstrumentKind::UpDownCounter => &[Kind::UpDownCounter, Kind::ObservableUpDownCounter],
                InstrumentKind::Gauge => &[Kind::Gauge, Kind::ObservableGauge],
                InstrumentKind::Histogram => &[Kind::Histogram],
            };
            if !kinds.contains(&row.kind) {
                say(format!("is a {}, expected {:?}", declaration.kind.as_str(), row.kind));
            }
            if declaration.unit != row.unit {
                say(format!("has unit {}, expected {}", declaration.unit, row.unit));
            }
            if declaration.bounds != row.bounds {
                say(format!("has bounds {:?}, expected {:?}", declaration.bounds, row.bounds));
            }
            for key in declaration.keys.iter().filter(|key| !row.attributes.iter().any(|(known, _)| known == *key)) {
                say(format!("has the attribute {key}, which its row does not list"));
            }
            for (key, _) in row.attributes.iter().filter(|(key, required)| *required && !declaration.keys.contains(key))
            {
                say(format!("lacks the required attribute {key}"));
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }

    fn row(&self, name: &str, wanted: impl Fn(&Row) -> bool) -> Option<&Row> {
        self.own.iter().chain(names::ROWS).find(|row| wanted(row) && row.covers(self.app, name))
    }

    fn metric(&self, metric: &Metric, row: &Row, say: &mut impl FnMut(String)) {
        if metric.unit != row.unit {
            say(format!("has unit {}, expected {}", metric.unit, row.unit));
        }
        let kinds: &[Kind] = match &metric.data {
            Data::Sum { monotonic: true, .. } => &[Kind::Counter, Kind::ObservableCounter],
            Data::Sum { .. } => &[Kind::UpDownCounter, Kind::ObservableUpDownCounter],
            Data::Gauge(_) => &[Kind::Gauge, Kind::ObservableGauge],
            Data::Histogram { .. } | Data::Exponential { .. } => &[Kind::Histogram],
        };
        if !kinds.contains(&row.kind) {
            say(format!("is a {:?}, expected {:?}", kinds[0], row.kind));
        }
        if let Data::Histogram { bounds, .. } = &metric.data
            && bounds != row.bounds
        {
            say(format!("has bounds {bounds:?}, expected {:?}", row.bounds));
        }
        let mut each = |attributes: &Attributes, value: Option<Num>| {
            let fits = match value {
                Some(Num::Int(_)) => row.value == Type::Int,
                Some(Num::Float(_)) => row.value == Type::Double,
                None => true,
            };
            if !fits {
                say(format!("has the value {value:?}, expected {:?}", row.value));
            }
            self.point(attributes, row, say);
        };
        match &metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => {
                points.iter().for_each(|point| each(&point.attributes, Some(point.value)));
            }
            Data::Histogram { points, .. } => points.iter().for_each(|point| each(&point.attributes, None)),
            Data::Exponential { points, .. } => points.iter().for_each(|point| each(&point.attributes, None)),
        }
    }

    fn point(&self, attributes: &Attributes, row: &Row, say: &mut impl FnMut(String)) {
        if attributes.iter().any(|(key, _)| key == "otel.metric.overflow") {
            return;
        }
        let named = |key: &str| key.replace("{app}", self.app);
        for (key, value) in attributes {
            if !row.attributes.iter().any(|(known, _)| named(known) == *key) {
                say(format!("has the attribute {key}, which its row does not list"));
            }
            self.value(key, kind_of(value), say);
        }
        for (key, _) in row.attributes.iter().filter(|(_, required)| *required) {
            if !attributes.iter().any(|(present, _)| *present == named(key)) {
                say(format!("lacks the required attribute {}", named(key)));
            }
        }
    }

    fn value(&self, key: &str, found: Type, say: &mut impl FnMut(String)) {
        match self.row(key, |row| matches!(row.kind, Kind::Attribute | Kind::Resource)) {
            None => say(format!("has the attribute {key}, which is in no table of names")),
            Some(row) if row.value != found => {
                say(format!("has the attribute {key} as {found:?}, expected {:?}", row.value));
            }
            Some(_) => {}
        }
    }

    /// An unknown span name, unknown or missing attributes, attributes of the wrong type. Sorted.
    pub fn span(&self, name: &str, attributes: &[(&str, Type)]) -> Vec<Finding> {
        self.with_row(name, attributes, Kind::Span)
    }

    /// An unknown event name, unknown or missing attributes, attributes of the wrong type. Sorted.
    pub fn event(&self, name: &str, attributes: &[(&str, Type)]) -> Vec<Finding> {
        self.with_row(name, attributes, Kind::Event)
    }

    /// Unknown attributes, and attributes of the wrong type, of what has no row of its own: log records, exemplars, links,
    /// the resource. Sorted.
    pub fn attributes(&self, of: &str, attributes: &[(&str, Type)]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (key, found) in attributes {
            self.value(key, *found, &mut |problem| findings.push(Finding { name: of.to_owned(), problem }));
        }
        findings.sort();
        findings.dedup();
        findings
    }

    fn with_row(&self, name: &str, attributes: &[(&str, Type)], kind: Kind) -> Vec<Finding> {
        let mut findings = self.attributes(name, attributes);
        let mut say = |problem: String| findings.push(Finding { name: name.to_owned(), problem });
        match self.row(name, |row| row.kind == kind) {
            None => say("is in no table of names".into()),
            Some(row) => {
                for (key, _) in row.attributes.iter().filter(|(_, required)| *required) {
                    let key = key.replace("{app}", self.app);
                    if !attributes.iter().any(|(present, _)| *present == key) {
                        say(format!("lacks the required attribute {key}"));
                    }
                }
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }
}

fn kind_of(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Double,
        Value::Text(_) => Type::Str,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::model::{Point, PointTemporality, Scope},
        names::Stability,
    };

    const OWN: &[Row] = &[
        Row::attribute("acme.verb", Type::Str, Stability::Own),
        Row::attribute("acme.size", Type::Int, Stability::Own),
        Row::span("acme.command.*", "cli.command"),
        Row::instrument(
            "acme.calls",
            Kind::Counter,
            Type::Int,
            "{call}",
            Stability::Own,
            &[("acme.verb", true), ("acme.size", false)],
        ),
    ];

    fn snapshot(name: &'static str, unit: &'static str, value: Num, attributes: Attributes) -> Snapshot {
        let point = Point { attributes, start_unix_ns: 1, unix_ns: 2, value, exemplars: Vec::new() };
        let data = Data::Sum {
            monotonic: true,
            temporality: PointTemporality::Cumulative,
            observable: false,
            points: vec![point],
        };
        let metric = Metric { name: name.into(), unit: unit.into(), description: "".into(), data };
        Snapshot { unix_ns: 2, scopes: vec![Scope { name: "acme".into(), version: "1".into(), metrics: vec![metric] }] }
    }

    #[track_caller]
    fn check(name: &'static str, unit: &'static str, value: Num, attributes: Attributes, expected: &[&str]) {
        let checker = Checker { app: "acme", own: OWN };
        let found: Vec<String> =
            checker.metrics(&snapshot(name, unit, value, attributes)).into_iter().map(|f| f.problem).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_way_to_differ_from_the_table_is_found() {
        let verb = || (("acme.verb").into(), Value::Text("add".into()));
        check("acme.calls", "{call}", Num::Int(1), vec![verb()], &[]);
        check("acme.other", "{call}", Num::Int(1), vec![verb()], &["is in no table of names"]);
        check("acme.calls", "1", Num::Int(1), vec![verb()], &["has unit 1, expected {call}"]);
        check("acme.calls", "{call}", Num::Float(1.0), vec![verb()], &["has the value Some(Float(1.0)), expected Int"]);
        check("acme.calls", "{call}", Num::Int(1), vec![], &["lacks the required attribute acme.verb"]);
        let wrong = ("acme.size".into(), Value::Text("big".into()));
        check(
            "acme.calls",
            "{call}",
            Num::Int(1),
            vec![wrong, verb()],
            &["has the attribute acme.size as Str, expected Int"],
        );
        let unknown = ("acme.more".into(), Value::Bool(true));
        check(
            "acme.calls",
            "{call}",
            Num::Int(1),
            vec![unknown, verb()],
            &[
                "has the attribute acme.more, which is in no table of names",
                "has the attribute acme.more, which its row does not list",
            ],
        );
        let gauge = "otel.sdk.span.live";
        check(gauge, "{span}", Num::Int(1), vec![], &["is a Counter, expected UpDownCounter"]);
    }

    #[test]
    fn what_the_runtime_declares_about_itself_is_in_the_table() {
        let own: Vec<_> = crate::catalogue::declarations()
            .into_iter()
            .filter(|d| d.name.starts_with("otel.") || d.name.starts_with("{app}."))
            .collect();
        assert!(own.len() > 15, "{}", own.len());
        assert_eq!(Checker { app: "{app}", own: &[] }.declared(&own), []);
    }

    #[test]
    fn spans_are_held_against_names_and_types() {
        let checker = Checker { app: "acme", own: OWN };
        assert_eq!(checker.span("acme.command.add", &[("acme.size", Type::Int)]), []);
        let found: Vec<String> = checker
            .span("acme.else", &[("acme.size", Type::Str), ("acme.more", Type::Str)])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "acme.else: has the attribute acme.more, which is in no table of names",
                "acme.else: has the attribute acme.size as Str, expected Int",
                "acme.else: is in no table of names",
            ]
        );
    }
}
