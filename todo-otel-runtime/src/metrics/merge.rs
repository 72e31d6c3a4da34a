//! Adding points to points: of several call sites, of several processes.

use super::model::{Data, Exemplar, HistogramPoint, Metric, Num, Point, Scope, key};

/// Adds a metric to a scope: points with equal attributes are added up, others stand beside each other. A metric of the
/// same name but of another kind, unit or with other bounds stays a metric of its own.
pub(crate) fn into_scope(scope: &mut Scope, metric: Metric) {
    let same = scope
        .metrics
        .iter_mut()
        .find(|m| m.name == metric.name && m.unit == metric.unit && fits(&m.data, &metric.data));
    match same {
        Some(known) => into_data(&mut known.data, metric.data),
        None => {
            let mut empty = Metric { data: without_points(&metric.data), ..metric };
            into_data(&mut empty.data, metric.data);
            scope.metrics.push(empty);
        }
    }
}

/// Adds up the points of one metric that have equal attributes.
pub(crate) fn together(data: &mut Data) {
    let mut added = without_points(data);
    into_data(&mut added, std::mem::replace(data, Data::Gauge(Vec::new())));
    *data = added;
}

fn without_points(data: &Data) -> Data {
    match data {
        Data::Sum { monotonic, temporality, observable, .. } => {
            Data::Sum { monotonic: *monotonic, temporality: *temporality, observable: *observable, points: Vec::new() }
        }
        Data::Gauge(_) => Data::Gauge(Vec::new()),
        Data::Histogram { temporality, bounds, .. } => {
            Data::Histogram { temporality: *temporality, bounds: bounds.clone(), points: Vec::new() }
        }
        Data::Exponential { temporality, .. } => Data::Exponential { temporality: *temporality, points: Vec::new() },
    }
}

/// Whether points of both may stand in one metric.
pub(crate) fn fits(a: &Data, b: &Data) -> bool {
    match (a, b) {
        (Data::Sum { monotonic: a, temporality: at, .. }, Data::Sum { monotonic: b, temporality: bt, .. }) => {
            a == b && at == bt
        }
        (Data::Gauge(_), Data::Gauge(_)) => true,
        (Data::Histogram { bounds: a, temporality: at, .. }, Data::Histogram { bounds: b, temporality: bt, .. }) => {
            a == b && at == bt
        }
        (Data::Exponential { temporality: a, .. }, Data::Exponential { temporality: b, .. }) => a == b,
        _ => false,
    }
}

/// Adds the points of `more`, which must fit.
pub(crate) fn into_data(data: &mut Data, more: Data) {
    match (data, more) {
        (Data::Sum { points, .. }, Data::Sum { points: more, .. }) => {
            merge(points, more, |p| key(&p.attributes), add_sum);
        }
        (Data::Gauge(points), Data::Gauge(more)) => merge(points, more, |p| key(&p.attributes), newer),
        (Data::Histogram { points, bounds, .. }, Data::Histogram { points: more, .. }) => {
            merge(points, more, |p| key(&p.attributes), |a, b| add_histogram(a, b, bounds));
        }
        (Data::Exponential { points, .. }, Data::Exponential { points: more, .. }) => {
            merge(points, more, |p| key(&p.attributes), super::exponential::add_point);
        }
        _ => {}
    }
}

fn merge<P>(points: &mut Vec<P>, more: Vec<P>, key: impl Fn(&P) -> String, add: impl Fn(&mut P, P)) {
    let mut index: std::collections::HashMap<String, usize> =
        points.iter().enumerate().map(|(at, point)| (key(point), at)).collect();
    for point in more {
        let name = key(&point);
        if let Some(at) = index.get(&name) {
            add(&mut points[*at], point);
        } else {
            index.insert(name, points.len());
            points.push(point);
        }
    }
}

fn add_sum(point: &mut Point, more: Point) {
    point.value = match (point.value, more.value) {
        (Num::Int(a), Num::Int(b)) => Num::Int(a.saturating_add(b)),
        (a, b) => Num::Float(a.float() + b.float()),
    };
    point.unix_ns = point.unix_ns.max(more.unix_ns);
    point.exemplars.extend(more.exemplars);
    if let Some(newest) = point.exemplars.iter().max_by_key(|e| e.unix_ns).cloned() {
        point.exemplars = vec![newest];
    }
}

fn newer(point: &mut Point, more: Point) {
    if more.unix_ns >= point.unix_ns {
        *point = more;
    }
}

fn add_histogram(point: &mut HistogramPoint, more: HistogramPoint, bounds: &[f64]) {
    for (bucket, count) in point.buckets.iter_mut().zip(more.buckets) {
        *bucket += count;
    }
    point.sum += more.sum;
    point.unix_ns = point.unix_ns.max(more.unix_ns);
    point.exemplars = newest_per_bucket(point.exemplars.drain(..).chain(more.exemplars), bounds);
}

/// The newest exemplar of each bucket, sorted by value, as a receiver that walks bounds and exemplars side by side needs it.
pub(crate) fn newest_per_bucket(exemplars: impl Iterator<Item = Exemplar>, bounds: &[f64]) -> Vec<Exemplar> {
    let mut newest: Vec<Option<Exemplar>> = vec![None; bounds.len() + 1];
    for exemplar in exemplars {
        let slot = &mut newest[bounds.partition_point(|bound| exemplar.value > *bound)];
        if slot.as_ref().is_none_or(|old| old.unix_ns <= exemplar.unix_ns) {
            *slot = Some(exemplar);
        }
    }
    newest.into_iter().flatten().collect()
}
