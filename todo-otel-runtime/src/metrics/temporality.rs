//! Deltas: what was added since the reader looked last.

use std::collections::HashMap;

use super::model::{Data, ExponentialPoint, HistogramPoint, Num, Point, PointTemporality, Snapshot, key};
use crate::config::Temporality;

/// Reads snapshots in the temporality that one destination wants.
///
/// `Delta` turns counters and histograms into what was added since the last `collect` (the first one: since metrics were
/// started) and leaves up-down counters cumulative; `LowMemory` does so for what is not set by callbacks. A repeated
/// delivery of a delta counts twice at the receiver; cumulative points may be repeated.
#[derive(Debug)]
pub struct Reader {
    temporality: Temporality,
    last_unix_ns: u64,
    last: HashMap<String, Last>,
}

#[derive(Debug)]
enum Last {
    Sum(Num),
    Histogram(Vec<u64>, f64),
    Exponential(ExponentialPoint),
}

impl Reader {
    /// Has seen nothing yet.
    pub fn new(temporality: Temporality) -> Self {
        Reader { temporality, last_unix_ns: 0, last: HashMap::new() }
    }

    /// Everything measured, as this reader wants it.
    pub fn collect(&mut self) -> Snapshot {
        self.convert(super::snapshot())
    }

    /// Turns a cumulative snapshot into what this reader wants.
    pub(crate) fn convert(&mut self, mut snapshot: Snapshot) -> Snapshot {
        if self.temporality == Temporality::Cumulative {
            return snapshot;
        }
        let low_memory = self.temporality == Temporality::LowMemory;
        for scope in &mut snapshot.scopes {
            for metric in &mut scope.metrics {
                let prefix = format!("{}\u{3}{}\u{3}", scope.name, metric.name);
                match &mut metric.data {
                    Data::Sum { monotonic: true, observable, temporality, points } if !(low_memory && *observable) => {
                        *temporality = PointTemporality::Delta;
                        points.retain_mut(|point| self.sum(&prefix, point));
                    }
                    Data::Histogram { temporality, points, .. } => {
                        *temporality = PointTemporality::Delta;
                        points.retain_mut(|point| self.histogram(&prefix, point));
                    }
                    Data::Exponential { temporality, points } => {
                        *temporality = PointTemporality::Delta;
                        points.retain_mut(|point| self.exponential(&prefix, point));
                    }
                    Data::Sum { .. } | Data::Gauge(_) => {}
                }
            }
        }
        self.last_unix_ns = snapshot.unix_ns;
        snapshot.sort();
        snapshot
    }

    fn since(&self, start_unix_ns: u64) -> u64 {
        start_unix_ns.max(self.last_unix_ns)
    }

    fn sum(&mut self, prefix: &str, point: &mut Point) -> bool {
        let total = point.value;
        point.start_unix_ns = self.since(point.start_unix_ns);
        let last = self.last.insert(format!("{prefix}{}", key(&point.attributes)), Last::Sum(total));
        point.value = match (last, total) {
            (Some(Last::Sum(Num::Int(last))), Num::Int(total)) => Num::Int(total.saturating_sub(last)),
            (Some(Last::Sum(last)), total) => Num::Float(total.float() - last.float()),
            _ => total,
        };
        point.exemplars.retain(|exemplar| exemplar.unix_ns > self.last_unix_ns);
        point.value.float() != 0.0
    }

    fn histogram(&mut self, prefix: &str, point: &mut HistogramPoint) -> bool {
        point.start_unix_ns = self.since(point.start_unix_ns);
        let total = Last::Histogram(point.buckets.clone(), point.sum);
        if let Some(Last::Histogram(buckets, sum)) =
            self.last.insert(format!("{prefix}{}", key(&point.attributes)), total)
        {
            for (bucket, last) in point.buckets.iter_mut().zip(buckets) {
                *bucket = bucket.saturating_sub(last);
            }
            point.sum -= sum;
        }
        point.exemplars.retain(|exemplar| exemplar.unix_ns > self.last_unix_ns);
        point.count() > 0
    }

    fn exponential(&mut self, prefix: &str, point: &mut ExponentialPoint) -> bool {
        point.start_unix_ns = self.since(point.start_unix_ns);
        let total = Last::Exponential(point.clone());
        if let Some(Last::Exponential(mut last)) =
            self.last.insert(format!("{prefix}{}", key(&point.attributes)), total)
        {
            let steps = last.scale - point.scale;
            super::exponential::downscale(&mut last, steps);
            for (i, count) in last.buckets.iter().enumerate() {
                let at = last.offset + i as i32 - point.offset;
                if let Some(bucket) = usize::try_from(at).ok().and_then(|at| point.buckets.get_mut(at)) {
                    *bucket = bucket.saturating_sub(*count);
                }
            }
            point.zero_count = point.zero_count.saturating_sub(last.zero_count);
            point.sum -= last.sum;
        }
        point.exemplars.retain(|exemplar| exemplar.unix_ns > self.last_unix_ns);
        point.count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{
        merge,
        model::{Metric, Scope},
    };

    fn snapshot(unix_ns: u64, total: i64, buckets: [u64; 2], level: i64) -> Snapshot {
        let point = |value| Point {
            attributes: Vec::new(),
            start_unix_ns: 1,
            unix_ns,
            value: Num::Int(value),
            exemplars: Vec::new(),
        };
        let sum = |monotonic, observable, value| Data::Sum {
            monotonic,
            observable,
            temporality: PointTemporality::Cumulative,
            points: vec![point(value)],
        };
        let histogram = HistogramPoint {
            attributes: Vec::new(),
            start_unix_ns: 1,
            unix_ns,
            buckets: buckets.to_vec(),
            sum: buckets[1] as f64,
            exemplars: Vec::new(),
        };
        let distribution =
            Data::Histogram { temporality: PointTemporality::Cumulative, bounds: vec![1.0], points: vec![histogram] };
        let mut scope = Scope { name: "s".into(), version: "1".into(), metrics: Vec::new() };
        for (name, data) in [
            ("calls", sum(true, false, total)),
            ("cpu", sum(true, true, total)),
            ("level", sum(false, false, level)),
            ("time", distribution),
        ] {
            merge::into_scope(&mut scope, Metric { name: name.into(), unit: "1".into(), description: "".into(), data });
        }
        Snapshot { unix_ns, scopes: vec![scope] }
    }

    fn value(snapshot: &Snapshot, name: &str) -> Option<(u64, f64)> {
        match &snapshot.metric(name)?.data {
            Data::Sum { points, .. } => points.first().map(|p| (p.start_unix_ns, p.value.float())),
            Data::Histogram { points, .. } => points.first().map(|p| (p.start_unix_ns, p.count() as f64)),
            _ => None,
        }
    }

    #[test]
    fn a_delta_reader_gets_what_was_added_since_it_looked_last() {
        let mut reader = Reader::new(Temporality::Delta);
        let first = reader.convert(snapshot(10, 5, [1, 2], 7));
        assert_eq!(value(&first, "calls"), Some((1, 5.0)));
        assert_eq!(value(&first, "time"), Some((1, 3.0)));
        let second = reader.convert(snapshot(20, 8, [1, 3], 4));
        assert_eq!(value(&second, "calls"), Some((10, 3.0)));
        assert_eq!(value(&second, "cpu"), Some((10, 3.0)));
        assert_eq!(value(&second, "time"), Some((10, 1.0)));
        assert_eq!(value(&second, "level"), Some((1, 4.0)), "an up-down counter stays a level");
        let third = reader.convert(snapshot(30, 8, [1, 3], 4));
        assert_eq!(value(&third, "calls"), None, "nothing was added");
    }

    #[test]
    fn low_memory_leaves_observed_totals_cumulative() {
        let mut reader = Reader::new(Temporality::LowMemory);
        reader.convert(snapshot(10, 5, [1, 2], 7));
        let second = reader.convert(snapshot(20, 8, [1, 3], 4));
        assert_eq!(value(&second, "calls"), Some((10, 3.0)));
        assert_eq!(value(&second, "cpu"), Some((1, 8.0)));
    }
}
