//! Reading: runs the callbacks, adds up all cells and says what they mean as instruments.

use std::{
    collections::HashMap,
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    cell::Totals,
    instrument::{Instrument, InstrumentKind},
    instruments,
    label::LabelValue,
    meta::{InstrumentMeta, Role},
    model::{
        Attributes, Data, Exemplar, ExponentialPoint, HistogramPoint, Metric, Num, Point, PointTemporality, Snapshot,
        Text, Value,
    },
    point::{self, NumberKind},
    site::{self, RowTotals, SiteData},
    state, time,
    views::{self, Buckets, Selected},
};
use crate::record::red::Outcome;

/// Everything measured so far: sums since metrics were started, the last value of each gauge.
///
/// Runs the callbacks of [`observe`](super::observe) first. Points that never counted are not there.
pub fn snapshot() -> Snapshot {
    let began = std::time::Instant::now();
    instruments::run_callbacks();
    let clock = time::Clock::new();
    let snapshot = Snapshot { unix_ns: now_ns(), scopes: Vec::new() };
    let mut reading = Reading { snapshot, clock, limits: HashMap::new() };
    for site in site::registered() {
        reading.site(site);
    }
    for instrument in instruments::used() {
        reading.instrument(instrument);
    }
    reading.fold();
    super::bridge::merge_into(&mut reading.snapshot);
    reading.snapshot.sort();
    let component = ("periodic_metric_reader", "periodic_metric_reader/0");
    super::own::COLLECTION_DURATION.record(began.elapsed().as_secs_f64(), component);
    reading.snapshot
}

pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

struct Reading {
    snapshot: Snapshot,
    clock: time::Clock,
    /// By stream.
    limits: HashMap<String, usize>,
}

/// The same model of calls and measurements that were noted one by one.
#[cfg(feature = "testing")]
pub(crate) fn snapshot_of(
    calls: Vec<crate::testing::hook::SiteCalls>,
    values: Vec<crate::testing::hook::Value>,
) -> Snapshot {
    let snapshot = Snapshot { unix_ns: now_ns(), scopes: Vec::new() };
    let mut reading = Reading { snapshot, clock: time::Clock::new(), limits: HashMap::new() };
    for (site, rows) in calls {
        let rows: Vec<_> = rows.into_iter().map(|(key, totals)| site.row_totals(key, totals)).collect();
        reading.calls_of(site, &rows);
    }
    for value in values {
        reading.noted(&value);
    }
    reading.snapshot.sort();
    reading.snapshot
}

impl Reading {
    #[cfg(feature = "testing")]
    fn noted(&mut self, value: &crate::testing::hook::Value) {
        let definition = value.instrument.definition();
        let labels: Vec<LabelValue> = value.labels.iter().map(|label| label.value()).collect();
        let attributes = attributes(definition.keys, u64::MAX, Some(&labels));
        let (start_unix_ns, unix_ns) = (state::start_ns(), self.snapshot.unix_ns);
        let sum: f64 = value.measured.iter().sum();
        let point = |value: f64| Point {
            attributes: attributes.clone(),
            start_unix_ns,
            unix_ns,
            value: if definition.number == NumberKind::F64 { Num::Float(value) } else { Num::Int(value as i64) },
            exemplars: Vec::new(),
        };
        let data = match definition.kind {
            InstrumentKind::Counter => self::sum(true, vec![point(sum)]),
            InstrumentKind::UpDownCounter => self::sum(false, vec![point(sum)]),
            InstrumentKind::Gauge => Data::Gauge(value.measured.last().map(|last| point(*last)).into_iter().collect()),
            InstrumentKind::Histogram => {
                let mut buckets = vec![0; definition.bounds.len() + 1];
                for value in &value.measured {
                    buckets[definition.bounds.partition_point(|bound| value > bound)] += 1;
                }
                let exemplars = Vec::new();
                let point = HistogramPoint { attributes, start_unix_ns, unix_ns, buckets, sum, exemplars };
                Data::Histogram {
                    temporality: PointTemporality::Cumulative,
                    bounds: definition.bounds.to_vec(),
                    points: vec![point],
                }
            }
        };
        self.add(definition.selected(false), definition.description, data);
    }

    fn site(&mut self, site: &SiteData) {
        let rows = site.read();
        self.calls_of(site, &rows);
        if let Some(name) = site.active_name() {
            let kind = InstrumentKind::UpDownCounter;
            let selected = Selected { name, kind, observable: false, unit: "{call}", scope: site.scope };
            let points = site.running().into_iter().map(|(labels, running)| Point {
                attributes: attributes(site.meta.labels, u64::MAX, labels.as_deref()),
                start_unix_ns: state::start_ns(),
                unix_ns: self.snapshot.unix_ns,
                value: Num::Int(running),
                exemplars: Vec::new(),
            });
            let data = sum(false, points.collect());
            self.add(selected, "Calls that are running.", data);
        }
    }

    fn calls_of(&mut self, site: &SiteData, rows: &[RowTotals]) {
        for instrument in site.meta.instruments {
            let data = match instrument.role {
                Role::Duration => self.durations(site, instrument, rows),
                Role::Calls => self.calls(site, instrument, rows, |_| true),
                Role::Errors => {
                    self.calls(site, instrument, rows, |outcome| matches!(outcome, Outcome::Error | Outcome::Panic))
                }
            };
            self.add(site::selected(instrument, site.scope), instrument.description, data);
        }
    }

    fn durations(&self, site: &SiteData, instrument: &InstrumentMeta, rows: &[RowTotals]) -> Data {
        let bounds = match views::buckets(site::selected(instrument, site.scope), instrument.bounds) {
            Buckets::Explicit(bounds) => bounds.into_owned(),
            Buckets::Exponential(..) => return self.exponential(site, instrument, rows),
        };
        // Bucket i of the union of bounds lies wholly inside of this bucket of the instrument.
        let coarse: Vec<usize> = (0..=site.bounds.len())
            .map(|i| site.bounds.get(i).map_or(bounds.len(), |upper| bounds.partition_point(|bound| bound < upper)))
            .collect();
        let points = rows.iter().map(|row| {
            let mut buckets = vec![0; bounds.len() + 1];
            for (i, count) in row.totals.buckets.iter().enumerate() {
                buckets[coarse[i]] += count;
            }
            let mut newest: Vec<Option<Exemplar>> = vec![None; buckets.len()];
            for (i, exemplar) in self.exemplars(&row.totals) {
                let slot = &mut newest[coarse[i]];
                if slot.as_ref().is_none_or(|old| old.unix_ns <= exemplar.unix_ns) {
                    *slot = Some(exemplar);
                }
            }
            HistogramPoint {
                attributes: row_attributes(site, instrument, row),
                start_unix_ns: state::start_ns(),
                unix_ns: self.snapshot.unix_ns,
                buckets,
                sum: self.clock.seconds(row.totals.ticks),
                exemplars: newest.into_iter().flatten().collect(),
            }
        });
        let points = points.collect();
        Data::Histogram { temporality: PointTemporality::Cumulative, bounds, points }
    }

    fn exponential(&self, site: &SiteData, instrument: &InstrumentMeta, rows: &[RowTotals]) -> Data {
        let points = rows.iter().filter_map(|row| {
            Some(ExponentialPoint {
                attributes: row_attributes(site, instrument, row),
                start_unix_ns: state::start_ns(),
                unix_ns: self.snapshot.unix_ns,
                exemplars: self.exemplars(&row.totals).map(|(_, exemplar)| exemplar).collect(),
                ..row.totals.exponential.as_ref()?.point()
            })
        });
        Data::Exponential { temporality: PointTemporality::Cumulative, points: points.collect() }
    }

    fn calls(
        &self,
        site: &SiteData,
        instrument: &InstrumentMeta,
        rows: &[RowTotals],
        counts: impl Fn(Outcome) -> bool,
    ) -> Data {
        let points = rows.iter().filter(|row| counts(row.outcome)).map(|row| Point {
            attributes: row_attributes(site, instrument, row),
            start_unix_ns: state::start_ns(),
            unix_ns: self.snapshot.unix_ns,
            value: Num::Int(row.totals.buckets.iter().sum::<u64>() as i64),
            exemplars: self.exemplars(&row.totals).map(|(_, e)| e).max_by_key(|e| e.unix_ns).into_iter().collect(),
        });
        sum(true, points.collect())
    }

    fn exemplars(&self, totals: &Totals) -> impl Iterator<Item = (usize, Exemplar)> {
        totals.exemplars.iter().enumerate().filter_map(|(bucket, exemplar)| {
            let e = (*exemplar)?;
            Some((
                bucket,
                Exemplar {
                    value: self.clock.seconds(e.ticks),
                    unix_ns: self.clock.unix_ns(e.end),
                    trace: e.span.trace,
                    span: e.span.span,
                },
            ))
        })
    }

    fn instrument(&mut self, instrument: &Instrument) {
        let definition = instrument.definition();
        let (start_unix_ns, unix_ns) = (state::start_ns(), self.snapshot.unix_ns);
        let mut points = Vec::new();
        let mut histograms = Vec::new();
        let mut exponentials = Vec::new();
        let mut bounds = Vec::new();
        instrument.points.each(instrument, |labels, point| {
            let attributes = attributes(definition.keys, u64::MAX, labels.as_deref());
            let exemplars = exemplars_of(point);
            if let Some(counts) = &point.exponential {
                let counts = counts.lock().unwrap_or_else(PoisonError::into_inner).point();
                exponentials.push(ExponentialPoint { attributes, start_unix_ns, unix_ns, exemplars, ..counts });
            } else if definition.kind == InstrumentKind::Histogram {
                let buckets = point.buckets.iter().map(|b| b.load(Relaxed)).collect();
                bounds = point.bounds.to_vec();
                let sum = f64::from_bits(point.bits());
                histograms.push(HistogramPoint { attributes, start_unix_ns, unix_ns, buckets, sum, exemplars });
            } else {
                let gauge = definition.kind == InstrumentKind::Gauge;
                points.push(Point {
                    attributes,
                    start_unix_ns: if gauge { 0 } else { start_unix_ns },
                    unix_ns: if gauge { point.unix_ns() } else { unix_ns },
                    value: number(definition.number, point.bits()),
                    exemplars,
                });
            }
        });
        let data = match definition.kind {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Data::Sum {
                monotonic: definition.kind == InstrumentKind::Counter,
                temporality: PointTemporality::Cumulative,
                observable: instrument.points.observed.load(Relaxed),
                points,
            },
            InstrumentKind::Gauge => Data::Gauge(points),
            InstrumentKind::Histogram if !exponentials.is_empty() => {
                Data::Exponential { temporality: PointTemporality::Cumulative, points: exponentials }
            }
            InstrumentKind::Histogram => {
                Data::Histogram { temporality: PointTemporality::Cumulative, bounds, points: histograms }
            }
        };
        let observable = instrument.points.observed.load(Relaxed);
        self.add(definition.selected(observable), definition.description, data);
    }

    /// Adds points to the metric of this name, together with those of other call sites.
    fn add(&mut self, instrument: Selected<'static>, description: &'static str, data: Data) {
        if data.is_empty() {
            return;
        }
        let Selected { name, unit, scope, .. } = instrument;
        let metric = Metric { name: state::named(name), unit: unit.into(), description: description.into(), data };
        if let Some(metric) = views::apply(instrument, metric) {
            let limit = views::limit(instrument, has_error_type(&metric.data));
            let limit = self.limits.entry(metric.name.to_string()).or_insert(limit);
            *limit = (*limit).max(views::limit(instrument, has_error_type(&metric.data)));
            let scope = self.snapshot.scope(&Text::Borrowed(scope.0), &Text::Borrowed(scope.1));
            super::merge::into_scope(scope, metric);
        }
    }

    /// Holds every stream to its limit, whichever call sites its series come from.
    fn fold(&mut self) {
        for metric in self.snapshot.scopes.iter_mut().flat_map(|scope| &mut scope.metrics) {
            if let Some(limit) = self.limits.get(metric.name.as_ref()) {
                views::within_limit(metric, *limit);
            }
        }
    }
}

fn sum(monotonic: bool, points: Vec<Point>) -> Data {
    Data::Sum { monotonic, temporality: PointTemporality::Cumulative, observable: false, points }
}

fn number(kind: NumberKind, bits: u64) -> Num {
    match kind {
        NumberKind::U64 => Num::Int(i64::try_from(bits).unwrap_or(i64::MAX)),
        NumberKind::I64 => Num::Int(bits as i64),
        NumberKind::F64 => Num::Float(f64::from_bits(bits)),
    }
}

fn exemplars_of(point: &point::Point) -> Vec<Exemplar> {
    let exemplar = |e: point::PointExemplar| Exemplar {
        value: e.value,
        unix_ns: e.unix_ns,
        trace: e.span.trace,
        span: e.span.span,
    };
    point.exemplars().into_iter().map(exemplar).collect()
}

fn row_attributes(site: &SiteData, instrument: &InstrumentMeta, row: &RowTotals) -> Attributes {
    let Some(labels) = &row.labels else { return views::overflow() };
    let mut all = attributes(site.meta.labels, instrument.labels, Some(labels));
    if instrument.outcome {
        all.push(("outcome".into(), Value::Text(row.outcome.as_str().into())));
    }
    if instrument.error_type && matches!(row.outcome, Outcome::Error | Outcome::Panic) {
        let unknown = if row.outcome == Outcome::Panic { "panic" } else { "_OTHER" };
        let class = row.failure.map_or(unknown, |failure| failure.class);
        all.push(("error.type".into(), Value::Text(class.into())));
    }
    if instrument.status_code
        && let Some(status) = row.failure.and_then(|failure| failure.status)
    {
        all.push(("db.response.status_code".into(), Value::Text(status.into())));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Labels whose bit is set; `None` stands for everything beyond the limit.
fn attributes(keys: &[&'static str], chosen: u64, values: Option<&[LabelValue]>) -> Attributes {
    let Some(values) = values else { return views::overflow() };
    let chosen = keys.iter().zip(values).enumerate().filter(|(i, _)| chosen >> (i & 63) & 1 == 1);
    let mut all: Attributes = chosen
        .filter_map(|(_, (key, value))| {
            let value = match *value {
                LabelValue::Absent => return None,
                LabelValue::Bool(value) => Value::Bool(value),
                LabelValue::Int(value) => Value::Int(value),
                LabelValue::Text(value) => Value::Text(value.into()),
            };
            Some((state::named(key), value))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Streams with error classes have a lower limit, as failures come in more kinds than calls.
fn has_error_type(data: &Data) -> bool {
    let has = |attributes: &Attributes| attributes.iter().any(|(key, _)| key == "error.type");
    match data {
        Data::Sum { points, .. } | Data::Gauge(points) => points.iter().any(|p| has(&p.attributes)),
        Data::Histogram { points, .. } => points.iter().any(|p| has(&p.attributes)),
        Data::Exponential { points, .. } => points.iter().any(|p| has(&p.attributes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::{Label, counter, gauge, histogram, meta::MetricsMeta, model::Metric, observe},
        record::red::{Failure, Series, Site, SpanRef},
    };

    const SECONDS: &[f64] = &[0.005, 0.01, 5.0];
    const DATABASE: &[f64] = &[0.001, 0.005, 1.0];

    static META: MetricsMeta = MetricsMeta {
        labels: &["view.verb", "view.model"],
        instruments: &[
            InstrumentMeta {
                role: Role::Duration,
                name: "view.command.duration",
                unit: "s",
                bounds: SECONDS,
                labels: 0b11,
                outcome: true,
                error_type: true,
                ..InstrumentMeta::DEFAULT
            },
            InstrumentMeta {
                name: "view.commands",
                unit: "{command}",
                labels: 1,
                outcome: true,
                ..InstrumentMeta::DEFAULT
            },
            InstrumentMeta {
                role: Role::Errors,
                name: "view.command.errors",
                unit: "{error}",
                labels: 1,
                error_type: true,
                ..InstrumentMeta::DEFAULT
            },
            InstrumentMeta {
                role: Role::Duration,
                name: "view.client.duration",
                unit: "s",
                bounds: DATABASE,
                error_type: true,
                status_code: true,
                ..InstrumentMeta::DEFAULT
            },
        ],
        ..MetricsMeta::DEFAULT
    };

    fn text(attributes: &Attributes) -> String {
        attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    fn lines(metric: &Metric) -> Vec<String> {
        match &metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => {
                points.iter().map(|p| format!("{} {:?}", text(&p.attributes), p.value)).collect()
            }
            Data::Histogram { points, .. } => {
                points.iter().map(|p| format!("{} {:?}", text(&p.attributes), p.buckets)).collect()
            }
            Data::Exponential { .. } => Vec::new(),
        }
    }

    #[test]
    fn instruments_of_one_call_site_are_views_over_the_same_cells() {
        static SITE: Site = Site::new(Some(&META), "acme-views", "1.2.3");
        state::set_enabled(true);
        let call = |model: &'static str, millis: f64, outcome, class: Option<&'static str>| {
            let series: Series = SITE.enter(["add".ordinal(), model.ordinal()]);
            let failure = class.map(|class| Failure { class, status: Some("5") });
            let span = SpanRef { trace: 7, span: millis as u64, sampled: true };
            SITE.exit(series, time::ticks_of(millis / 1e3), millis as u64, outcome, failure, span);
        };
        call("a", 3.0, Outcome::Ok, None);
        call("a", 4.0, Outcome::Ok, None);
        call("b", 9000.0, Outcome::Ok, None);
        call("b", 7.0, Outcome::Error, Some("database"));
        call("b", 7.0, Outcome::Expected, Some("not_found"));
        call("b", 7.0, Outcome::Panic, None);

        let all = snapshot();
        assert_eq!(
            lines(all.metric("view.command.duration").expect("recorded")),
            [
                "error.type=database outcome=error view.model=b view.verb=add [0, 1, 0, 0]",
                "error.type=panic outcome=panic view.model=b view.verb=add [0, 1, 0, 0]",
                "outcome=expected view.model=b view.verb=add [0, 1, 0, 0]",
                "outcome=ok view.model=a view.verb=add [2, 0, 0, 0]",
                "outcome=ok view.model=b view.verb=add [0, 0, 0, 1]",
            ]
        );
        assert_eq!(
            lines(all.metric("view.commands").expect("recorded")),
            [
                "outcome=error view.verb=add Int(1)",
                "outcome=expected view.verb=add Int(1)",
                "outcome=ok view.verb=add Int(3)",
                "outcome=panic view.verb=add Int(1)",
            ]
        );
        assert_eq!(
            lines(all.metric("view.command.errors").expect("recorded")),
            ["error.type=database view.verb=add Int(1)", "error.type=panic view.verb=add Int(1)"]
        );
        assert_eq!(
            lines(all.metric("view.client.duration").expect("recorded")),
            [
                " [0, 2, 0, 1]",
                "db.response.status_code=5 [0, 0, 1, 0]",
                "db.response.status_code=5 error.type=database [0, 0, 1, 0]",
                "error.type=panic [0, 0, 1, 0]",
            ]
        );
        let Data::Histogram { points, .. } = &all.metric("view.command.duration").expect("recorded").data else {
            panic!("a histogram")
        };
        let exemplars: Vec<_> = points[3].exemplars.iter().map(|e| (e.span, e.trace)).collect();
        assert_eq!(exemplars, [(4, 7)], "the newest of the bucket");
        assert!((points[3].sum - 0.007).abs() < 1e-6, "{}", points[3].sum);
    }

    counter! { static MADE: u64 = "view.made", unit = "{thing}", labels = { "view.open": &'static str, "view.flag": bool } }
    histogram! { static ROWS: u64 = "view.rows", unit = "{row}", buckets = [1.0, 10.0], labels = { "view.flag": bool } }
    gauge! { static LEVEL: f64 = "view.level", unit = "1" }
    gauge! { static SEEN: i64 = "view.seen", unit = "{thing}" }

    #[test]
    fn business_instruments_count_per_label_tuple() {
        state::set_enabled(true);
        MADE.add(2, ("x", true));
        MADE.add(1, ("x", true));
        MADE.add(1, ("y", false));
        for value in [0, 1, 5, 50] {
            ROWS.record(value, (true,));
        }
        LEVEL.set(0.5, ());
        LEVEL.set(f64::NAN, ());
        observe(|o| o.set(&SEEN, 42, ()));
        observe(|_| panic!("a broken callback"));
        let all = snapshot();
        let lines = |name| lines(all.metric(name).expect("recorded"));
        assert_eq!(lines("view.made"), ["view.flag=false view.open=y Int(1)", "view.flag=true view.open=x Int(3)"]);
        assert_eq!(lines("view.rows"), ["view.flag=true [2, 1, 1]"]);
        assert_eq!(lines("view.level"), [" Float(0.5)"]);
        assert_eq!(lines("view.seen"), [" Int(42)"]);
        assert!(instruments::callback_panics() > 0);
    }
}
