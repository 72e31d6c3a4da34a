//! Metrics of a capture as text and as single figures.

use crate::{
    console::numbers::{labels, number},
    metrics::{
        Snapshot,
        model::{Attributes, Data},
    },
};

/// One line per series, sorted.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    for metric in snapshot.scopes.iter().flat_map(|scope| &scope.metrics) {
        let mut line = |attributes: &Attributes, figure: String| {
            lines.push(format!("{}{} {figure}\n", metric.name, labels(attributes)));
        };
        match &metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => {
                points.iter().for_each(|point| line(&point.attributes, number(point.value)));
            }
            Data::Histogram { points, .. } => {
                points.iter().for_each(|point| line(&point.attributes, format!("n={}", point.count())));
            }
            Data::Exponential { points, .. } => {
                points.iter().for_each(|point| line(&point.attributes, format!("n={}", point.count())));
            }
        }
    }
    lines.sort();
    lines.concat()
}

pub(super) fn value(snapshot: &Snapshot, name: &str, wanted: &[(&str, &str)]) -> f64 {
    let fits = |attributes: &Attributes| {
        wanted.iter().all(|(key, value)| attributes.iter().any(|(k, v)| k == key && v.to_string() == *value))
    };
    let metrics = snapshot.scopes.iter().flat_map(|scope| &scope.metrics).filter(|metric| metric.name == name);
    metrics
        .map(|metric| match &metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => {
                points.iter().filter(|p| fits(&p.attributes)).map(|p| p.value.float()).sum::<f64>()
            }
            Data::Histogram { points, .. } => {
                points.iter().filter(|p| fits(&p.attributes)).map(|p| p.count() as f64).sum()
            }
            Data::Exponential { points, .. } => {
                points.iter().filter(|p| fits(&p.attributes)).map(|p| p.count() as f64).sum()
            }
        })
        .sum()
}
