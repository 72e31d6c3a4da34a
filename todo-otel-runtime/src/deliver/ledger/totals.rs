//! The totals: series with their start times, the increments they contain, the time of the last export.

use std::collections::HashSet;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;

use super::file::Id;
use crate::metrics::{
    ResourceAttributes, Snapshot, merge,
    model::{Data, Num, PointTemporality, Scope, key},
    otlp,
};

const MILLISECOND: u64 = 1_000_000;
const DAY: u64 = 86_400_000 * MILLISECOND;
/// Series that did not change for so long are dropped.
const IDLE: u64 = 30 * DAY;
/// Increments are remembered for so long, and at most so many, in case a removed file comes back.
const REMEMBERED: u64 = 30 * DAY;
const MOST_REMEMBERED: usize = 4096;

/// A point's `unix_ns` is when it changed last. A series is new until the first export after its start.
#[derive(Debug, Default)]
pub(super) struct Totals {
    groups: Vec<(ResourceAttributes, Snapshot)>,
    contained: HashSet<Id>,
    last_export_ns: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(message, optional, tag = "1")]
    groups: Option<ExportMetricsServiceRequest>,
    #[prost(uint64, repeated, tag = "2")]
    times: Vec<u64>,
    #[prost(fixed64, repeated, tag = "3")]
    randoms: Vec<u64>,
    #[prost(uint64, tag = "4")]
    last_export_ns: u64,
}

impl Totals {
    pub(super) fn decode(body: &[u8]) -> Option<Totals> {
        let stored = Stored::decode(body).ok()?;
        let ids = stored.times.into_iter().zip(stored.randoms).map(|(unix_ms, random)| Id { unix_ms, random });
        Some(Totals {
            groups: otlp::decoded(stored.groups.unwrap_or_default()),
            contained: ids.collect(),
            last_export_ns: stored.last_export_ns,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut ids: Vec<Id> = self.contained.iter().copied().collect();
        ids.sort_unstable();
        let newest = ids.last().map_or(0, |id| id.unix_ms);
        let oldest = newest.saturating_sub(REMEMBERED / MILLISECOND);
        ids.retain(|id| id.unix_ms >= oldest);
        let ids = &ids[ids.len().saturating_sub(MOST_REMEMBERED)..];
        Stored {
            groups: Some(otlp::groups_request(&self.groups)),
            times: ids.iter().map(|id| id.unix_ms).collect(),
            randoms: ids.iter().map(|id| id.random).collect(),
            last_export_ns: self.last_export_ns,
        }
        .encode_to_vec()
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.contained.contains(&id)
    }

    pub(super) fn contain(&mut self, id: Id) {
        self.contained.insert(id);
    }

    pub(super) fn groups(&self) -> &[(ResourceAttributes, Snapshot)] {
        &self.groups
    }

    /// Adds an increment to the totals of its service; the newest resource describes all of them.
    pub(super) fn add(&mut self, resource: ResourceAttributes, increment: Snapshot, now_ns: u64) {
        let start = self.start(now_ns);
        let identity = |resource: &ResourceAttributes| {
            ["service.name", "service.namespace", "deployment.environment.name"]
                .map(|k| resource.text(k).map(str::to_owned))
        };
        let at =
            self.groups.iter().position(|(known, _)| identity(known) == identity(&resource)).unwrap_or_else(|| {
                self.groups.push((resource.clone(), Snapshot::default()));
                self.groups.len() - 1
            });
        let (known, totals) = &mut self.groups[at];
        *known = resource;
        for scope in increment.scopes {
            add_scope(totals, scope, start);
        }
    }

    /// Number of series.
    fn len(&self) -> usize {
        self.groups.iter().map(|(_, totals)| totals.len()).sum()
    }

    /// Start of series that begin now: after every export so far, in whole milliseconds, as receivers count them.
    fn start(&self, now_ns: u64) -> u64 {
        now_ns.max(self.last_export_ns + MILLISECOND) / MILLISECOND * MILLISECOND
    }

    /// Adds the series that are not there. True when there were some.
    pub(super) fn seed(&mut self, seeds: &Snapshot, now_ns: u64) -> bool {
        let before = self.len();
        let start = self.start(now_ns);
        for (_, totals) in &mut self.groups {
            for scope in &seeds.scopes {
                seed_scope(totals, scope.clone(), start);
            }
            totals.sort();
        }
        before != self.len()
    }

    /// Drops series that did not change for long. True when there were some.
    pub(super) fn drop_idle(&mut self, now_ns: u64) -> bool {
        let before = self.len();
        let live = |unix_ns: u64| now_ns.saturating_sub(unix_ns) < IDLE;
        for metric in self.groups.iter_mut().flat_map(|(_, totals)| &mut totals.scopes).flat_map(|s| &mut s.metrics) {
            match &mut metric.data {
                // A seed that nobody has used is not idle: it is there to be zero.
                Data::Sum { points, .. } => points.retain(|p| live(p.unix_ns) || p.value.float() == 0.0),
                Data::Gauge(points) => points.retain(|p| live(p.unix_ns)),
                Data::Histogram { points, .. } => points.retain(|p| live(p.unix_ns) || p.count() == 0),
                Data::Exponential { points, .. } => points.retain(|p| live(p.unix_ns)),
            }
        }
        before != self.len()
    }

    /// What to send: the zeros of new series, if there are some, and all totals.
    pub(super) fn export(&mut self, now_ns: u64) -> Vec<Vec<(ResourceAttributes, Snapshot)>> {
        let new = |start_unix_ns: u64| start_unix_ns > self.last_export_ns;
        let mut zeros = self.groups.clone();
        let mut newest_start = 0;
        for metric in zeros.iter_mut().flat_map(|(_, totals)| &mut totals.scopes).flat_map(|s| &mut s.metrics) {
            match &mut metric.data {
                Data::Sum { points, .. } => points.retain_mut(|p| {
                    (p.value, p.unix_ns) = (Num::Int(0), p.start_unix_ns);
                    p.exemplars.clear();
                    new(p.start_unix_ns)
                }),
                Data::Histogram { points, .. } => points.retain_mut(|p| {
                    p.buckets.fill(0);
                    p.exemplars.clear();
                    (p.sum, p.unix_ns) = (0.0, p.start_unix_ns);
                    new(p.start_unix_ns)
                }),
                Data::Gauge(points) => points.clear(),
                Data::Exponential { points, .. } => points.retain_mut(|p| {
                    p.buckets.clear();
                    p.exemplars.clear();
                    (p.zero_count, p.sum, p.unix_ns) = (0, 0.0, p.start_unix_ns);
                    new(p.start_unix_ns)
                }),
            }
            newest_start = newest_start.max(start_of(&metric.data));
        }
        for (_, snapshot) in &mut zeros {
            snapshot.sort();
        }
        zeros.retain(|(_, snapshot)| !snapshot.is_empty());

        let earliest = self.last_export_ns.max(newest_start) + MILLISECOND;
        self.last_export_ns = now_ns.max(earliest) / MILLISECOND * MILLISECOND;
        let mut all = self.groups.clone();
        for (_, totals) in &mut all {
            at(totals, self.last_export_ns);
        }
        all.retain(|(_, snapshot)| !snapshot.is_empty());
        [zeros, all].into_iter().filter(|groups| !groups.is_empty()).collect()
    }
}

fn start_of(data: &Data) -> u64 {
    let newest = match data {
        Data::Sum { points, .. } => points.iter().map(|p| p.start_unix_ns).max(),
        Data::Histogram { points, .. } => points.iter().map(|p| p.start_unix_ns).max(),
        Data::Exponential { points, .. } => points.iter().map(|p| p.start_unix_ns).max(),
        Data::Gauge(_) => None,
    };
    newest.unwrap_or_default()
}

/// Sets the time of all points.
fn at(snapshot: &mut Snapshot, unix_ns: u64) {
    snapshot.unix_ns = unix_ns;
    for metric in snapshot.scopes.iter_mut().flat_map(|scope| &mut scope.metrics) {
        match &mut metric.data {
            Data::Sum { points, .. } | Data::Gauge(points) => points.iter_mut().for_each(|p| p.unix_ns = unix_ns),
            Data::Histogram { points, .. } => points.iter_mut().for_each(|p| p.unix_ns = unix_ns),
            Data::Exponential { points, .. } => points.iter_mut().for_each(|p| p.unix_ns = unix_ns),
        }
    }
}

/// The totals of a crate, whatever its version: an upgrade must not begin anew.
fn scope<'a>(totals: &'a mut Snapshot, scope: &Scope) -> &'a mut Scope {
    if let Some(at) = totals.scopes.iter().position(|known| known.name == scope.name) {
        return &mut totals.scopes[at];
    }
    totals.scope(&scope.name, &scope.version)
}

fn add_scope(totals: &mut Snapshot, increment: Scope, start: u64) {
    let known = scope(totals, &increment);
    known.version = increment.version;
    for mut metric in increment.metrics {
        starting_at(&mut metric.data, start);
        // Another kind, unit or other bounds: the series begin anew.
        known
            .metrics
            .retain(|m| m.name != metric.name || (m.unit == metric.unit && merge::fits(&m.data, &metric.data)));
        merge::into_scope(known, metric);
    }
}

fn seed_scope(totals: &mut Snapshot, seeds: Scope, start: u64) {
    let known = scope(totals, &seeds);
    for mut metric in seeds.metrics {
        starting_at(&mut metric.data, start);
        match known.metrics.iter().find(|m| m.name == metric.name) {
            Some(there) if there.unit != metric.unit || !merge::fits(&there.data, &metric.data) => continue,
            Some(there) => without(&mut metric.data, &there.data),
            None => {}
        }
        merge::into_scope(known, metric);
    }
}

/// Points become cumulative ones that begin at `start`.
fn starting_at(data: &mut Data, start: u64) {
    match data {
        Data::Sum { points, temporality, .. } => {
            *temporality = PointTemporality::Cumulative;
            points.iter_mut().for_each(|p| p.start_unix_ns = start);
        }
        Data::Histogram { points, temporality, .. } => {
            *temporality = PointTemporality::Cumulative;
            points.iter_mut().for_each(|p| p.start_unix_ns = start);
        }
        Data::Exponential { points, temporality } => {
            *temporality = PointTemporality::Cumulative;
            points.iter_mut().for_each(|p| p.start_unix_ns = start);
        }
        Data::Gauge(_) => {}
    }
}

/// Removes the points that `there` has too.
fn without(data: &mut Data, there: &Data) {
    match (data, there) {
        (Data::Sum { points, .. }, Data::Sum { points: known, .. }) => {
            let known: HashSet<String> = known.iter().map(|p| key(&p.attributes)).collect();
            points.retain(|p| !known.contains(&key(&p.attributes)));
        }
        (Data::Histogram { points, .. }, Data::Histogram { points: known, .. }) => {
            let known: HashSet<String> = known.iter().map(|p| key(&p.attributes)).collect();
            points.retain(|p| !known.contains(&key(&p.attributes)));
        }
        _ => {}
    }
}
