//! Metrics as text for people: one line per series.

use std::fmt::Write as _;

use crate::{
    logs::escape,
    metrics::model::{Attributes, Data, HistogramPoint, Num, Snapshot},
};

/// All series, by name. Durations and sizes keep the unit of their metric.
pub(crate) fn render(snapshot: &Snapshot) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for metric in snapshot.scopes.iter().flat_map(|scope| &scope.metrics) {
        let mut row = |attributes: &Attributes, value: String| {
            let unit = if metric.unit.is_empty() { String::new() } else { format!(" {}", escape::line(&metric.unit)) };
            rows.push((format!("{}{}", escape::line(&metric.name), labels(attributes)), format!("{value}{unit}")));
        };
        match &metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => {
                points.iter().for_each(|point| row(&point.attributes, number(point.value)));
            }
            Data::Histogram { bounds, points, .. } => {
                points.iter().for_each(|point| row(&point.attributes, distribution(bounds, point)));
            }
            Data::Exponential { points, .. } => points.iter().for_each(|point| {
                row(&point.attributes, format!("n={} mean={}", point.count(), figure(mean(point.sum, point.count()))));
            }),
        }
    }
    rows.sort();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        let pad = width - name.chars().count();
        let _ = writeln!(out, "{name}{:pad$}  {value}", "");
    }
    out
}

/// `{key=value, key=value}`, or nothing.
pub(crate) fn labels(attributes: &Attributes) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!("{}={}", escape::line(key), escape::line(&value.to_string())))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The number as it was recorded.
pub(crate) fn number(value: Num) -> String {
    match value {
        Num::Int(int) => int.to_string(),
        Num::Float(float) => figure(float),
    }
}

fn distribution(bounds: &[f64], point: &HistogramPoint) -> String {
    let count = point.count();
    format!(
        "n={count} mean={} p50≤{} p95≤{}",
        figure(mean(point.sum, count)),
        at_most(bounds, &point.buckets, 0.5),
        at_most(bounds, &point.buckets, 0.95)
    )
}

/// Upper bound of the bucket that the quantile falls into.
fn at_most(bounds: &[f64], buckets: &[u64], quantile: f64) -> String {
    let count: u64 = buckets.iter().sum();
    let rank = (count as f64 * quantile).ceil() as u64;
    let mut seen = 0;
    for (index, bucket) in buckets.iter().enumerate() {
        seen += bucket;
        if seen >= rank.max(1) {
            return bounds.get(index).map_or_else(|| "∞".to_owned(), |bound| figure(*bound));
        }
    }
    "-".to_owned()
}

fn mean(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// At most four figures, no trailing zeros.
fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::model::{Metric, Point, PointTemporality, Scope, Value};

    #[test]
    fn series_are_lines_with_values_aligned() {
        let add = vec![("command".into(), Value::Text("add".into()))];
        let count =
            Point { attributes: add.clone(), start_unix_ns: 0, unix_ns: 0, value: Num::Int(3), exemplars: Vec::new() };
        let took = HistogramPoint {
            attributes: add,
            start_unix_ns: 0,
            unix_ns: 0,
            buckets: vec![1, 1, 1],
            sum: 0.7504,
            exemplars: Vec::new(),
        };
        let metric = |name: &'static str, unit: &'static str, data| Metric {
            name: name.into(),
            unit: unit.into(),
            description: "".into(),
            data,
        };
        let snapshot = Snapshot {
            unix_ns: 0,
            scopes: vec![Scope {
                name: "shop".into(),
                version: "".into(),
                metrics: vec![
                    metric(
                        "shop.duration",
                        "s",
                        Data::Histogram {
                            temporality: PointTemporality::Cumulative,
                            bounds: vec![0.005, 0.25],
                            points: vec![took],
                        },
                    ),
                    metric(
                        "shop.commands",
                        "{command}",
                        Data::Sum {
                            monotonic: true,
                            temporality: PointTemporality::Cumulative,
                            observable: false,
                            points: vec![count],
                        },
                    ),
                ],
            }],
        };
        assert_eq!(
            render(&snapshot),
            "shop.commands{command=add}  3 {command}\n\
             shop.duration{command=add}  n=3 mean=0.2501 p50≤0.25 p95≤∞ s\n"
        );
    }

    #[test]
    fn figures_are_short() {
        for (value, text) in [(0.0, "0"), (1.0, "1"), (0.000_123_46, "0.0001235"), (123456.7, "123457"), (2.5, "2.5")] {
            assert_eq!(figure(value), text);
        }
    }
}
