use std::{collections::BTreeMap, path::Path, sync::Barrier};

use super::*;
use crate::metrics::model::{Data, Exemplar, HistogramPoint, Metric, Num, Point, PointTemporality, Scope, Value};

const NO_SEEDS: Snapshot = Snapshot { unix_ns: 0, scopes: Vec::new() };

fn ledger(dir: &Path) -> Ledger {
    Ledger::open(dir, false).expect("a private directory")
}

fn resource(service: &str) -> ResourceAttributes {
    let mut resource = ResourceAttributes::default();
    resource.set("service.name", service);
    resource
}

fn increment(calls: i64, bounds: &[f64]) -> Snapshot {
    let attributes = vec![("verb".into(), Value::Text("add".into()))];
    let temporality = PointTemporality::Delta;
    let sum = Point {
        attributes: attributes.clone(),
        start_unix_ns: 1,
        unix_ns: now_ns(),
        value: Num::Int(calls),
        exemplars: Vec::new(),
    };
    let histogram = HistogramPoint {
        attributes,
        start_unix_ns: 1,
        unix_ns: now_ns(),
        buckets: vec![calls as u64; bounds.len() + 1],
        sum: 0.5,
        exemplars: vec![Exemplar { value: 0.1, unix_ns: now_ns(), trace: 9, span: 8 }],
    };
    let metric =
        |name: &'static str, data| Metric { name: name.into(), unit: "s".into(), description: "".into(), data };
    Snapshot {
        unix_ns: now_ns(),
        scopes: vec![Scope {
            name: "acme".into(),
            version: "1".into(),
            metrics: vec![
                metric("calls", Data::Sum { monotonic: true, temporality, observable: false, points: vec![sum] }),
                metric("time", Data::Histogram { temporality, bounds: bounds.to_vec(), points: vec![histogram] }),
            ],
        }],
    }
}

/// Per series of a body: its value or count, start and time.
fn points(body: &[u8]) -> BTreeMap<String, (f64, u64, u64)> {
    let mut all = BTreeMap::new();
    for (resource, snapshot) in otlp::decode(body).expect("OTLP") {
        for metric in snapshot.scopes.iter().flat_map(|scope| &scope.metrics) {
            let mut put = |attributes: &Vec<_>, value, start, time| {
                let name =
                    format!("{} {} {}", resource.text("service.name").unwrap_or(""), metric.name, attributes.len());
                assert_eq!(all.insert(name, (value, start, time)), None, "a series is there once");
            };
            match &metric.data {
                Data::Sum { points, .. } | Data::Gauge(points) => {
                    points.iter().for_each(|p| put(&p.attributes, p.value.float(), p.start_unix_ns, p.unix_ns));
                }
                Data::Histogram { points, .. } => {
                    points.iter().for_each(|p| put(&p.attributes, p.count() as f64, p.start_unix_ns, p.unix_ns));
                }
                Data::Exponential { .. } => panic!("none was recorded"),
            }
        }
    }
    all
}

/// The lock. Other tests of this program start processes, and a child holds all handles until it has become its program.
fn wait_for_lock(ledger: &Ledger) -> Locked<'_> {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(locked) = ledger.lock().expect("the lock file opens") {
            return locked;
        }
        assert!(std::time::Instant::now() < deadline, "nobody gives the lock back");
        std::thread::yield_now();
    }
}

fn flush(ledger: &Ledger) -> Vec<BTreeMap<String, (f64, u64, u64)>> {
    let mut locked = wait_for_lock(ledger);
    locked.merge(&NO_SEEDS).expect("it merges");
    locked.export().expect("it exports").iter().map(|body| points(body)).collect()
}

#[test]
fn twenty_parallel_runs_give_the_exact_total() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 1..=3 {
        let barrier = Barrier::new(20);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let ledger = ledger(dir.path());
                    barrier.wait();
                    ledger.add(&increment(1, &[1.0]), &resource("acme-cli")).expect("written");
                    // As a command does it: whoever gets the lock merges for all.
                    if let Some(mut locked) = ledger.lock().expect("the lock file opens") {
                        locked.merge(&NO_SEEDS).expect("it merges");
                    }
                });
            }
        });
        let bodies = flush(&ledger(dir.path()));
        let totals = bodies.last().expect("there are totals");
        assert_eq!(totals["acme-cli calls 1"].0, f64::from(20 * round));
        assert_eq!(totals["acme-cli time 1"].0, f64::from(40 * round));
    }
}

#[test]
fn a_kill_between_the_rename_of_the_totals_and_the_removal_counts_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    let folder = dir.path().join("ledger");
    ledger.add(&increment(3, &[1.0]), &resource("acme-cli")).expect("written");
    let names = || -> Vec<String> {
        let names = std::fs::read_dir(&folder).expect("listed").map(|e| e.expect("an entry").file_name());
        names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".inc")).collect()
    };
    let name = names().remove(0);
    let bytes = std::fs::read(folder.join(&name)).expect("read");
    let mut locked = wait_for_lock(&ledger);
    assert_eq!(locked.merge(&NO_SEEDS).expect("merges"), Merged { added: 1, repeated: 0, corrupt: 0 });
    drop(locked);
    assert!(names().is_empty());

    // The state after such a kill, and also after somebody copied the file back.
    std::fs::write(folder.join(&name), bytes).expect("written");
    set_mode(&folder.join(&name));
    let mut locked = wait_for_lock(&ledger);
    assert_eq!(locked.merge(&NO_SEEDS).expect("merges"), Merged { added: 0, repeated: 1, corrupt: 0 });
    drop(locked);
    assert!(names().is_empty());
    assert_eq!(flush(&ledger).last().expect("totals")["acme-cli calls 1"].0, 3.0);
}

#[test]
fn a_killed_writer_leaves_nothing_that_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    let folder = dir.path().join("ledger");
    ledger.add(&increment(1, &[1.0]), &resource("acme-cli")).expect("written");
    // Half an increment under its temporary name, half totals under theirs, and a torn increment.
    for name in ["0000000000001-1-1-00000000000000aa.inc.tmp", "totals.tmp", "0000000000002-1-1-00000000000000ab.inc"] {
        std::fs::write(folder.join(name), b"TLI1 half").expect("written");
        set_mode(&folder.join(name));
    }
    let mut locked = wait_for_lock(&ledger);
    assert_eq!(locked.merge(&NO_SEEDS).expect("merges"), Merged { added: 1, repeated: 0, corrupt: 1 });
    drop(locked);
    let left: Vec<_> = std::fs::read_dir(&folder).expect("listed").map(|e| e.expect("an entry").file_name()).collect();
    assert!(left.iter().all(|name| name == "lock" || name == "totals" || name == "bad"), "{left:?}");
}

#[test]
fn a_new_series_is_exported_at_zero_first_and_times_only_rise() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    ledger.add(&increment(5, &[1.0]), &resource("acme-cli")).expect("written");
    let first = flush(&ledger);
    let [zero, totals] = &first[..] else { panic!("zeros, then totals: {first:?}") };
    let (value, start, time) = zero["acme-cli calls 1"];
    assert_eq!((value, start), (0.0, time));
    let (value, same_start, later) = totals["acme-cli calls 1"];
    assert_eq!((value, same_start), (5.0, start));
    assert!(later > time);

    let second = flush(&ledger);
    let [again] = &second[..] else { panic!("only totals: {second:?}") };
    assert_eq!(again["acme-cli calls 1"].0, 5.0, "unchanged totals are exported too");
    assert_eq!(again["acme-cli calls 1"].1, start);
    assert!(again["acme-cli calls 1"].2 > later);
}

#[test]
fn other_bounds_begin_a_new_series_and_other_services_stay_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    ledger.add(&increment(1, &[1.0]), &resource("acme-cli")).expect("written");
    let before = flush(&ledger).pop().expect("totals");
    ledger.add(&increment(1, &[1.0, 2.0]), &resource("acme-cli")).expect("written");
    ledger.add(&increment(7, &[1.0]), &resource("other")).expect("written");
    let after = flush(&ledger).pop().expect("totals");
    assert_eq!(after["acme-cli calls 1"].0, 2.0);
    assert_eq!(after["acme-cli calls 1"].1, before["acme-cli calls 1"].1);
    assert_eq!(after["acme-cli time 1"].0, 3.0, "the old buckets are gone");
    assert!(after["acme-cli time 1"].1 > before["acme-cli time 1"].2, "and the series says so");
    assert_eq!(after["other calls 1"].0, 7.0);
}

#[test]
fn seeds_are_there_at_zero_and_never_disturb_what_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = ledger(dir.path());
    ledger.add(&increment(2, &[1.0]), &resource("acme-cli")).expect("written");
    let mut seeds = increment(0, &[1.0]);
    let Data::Sum { points: seeded, .. } = &mut seeds.scopes[0].metrics[0].data else { panic!("a sum") };
    seeded.push(Point { attributes: Vec::new(), ..seeded[0].clone() });
    let mut locked = wait_for_lock(&ledger);
    locked.merge(&seeds).expect("merges");
    let bodies = locked.export().expect("exports");
    let totals = points(bodies.last().expect("totals"));
    assert_eq!(totals["acme-cli calls 1"].0, 2.0);
    assert_eq!(totals["acme-cli calls 0"].0, 0.0);
    assert_eq!(locked.merge(&seeds).expect("merges"), Merged::default());
}

#[test]
fn series_that_nobody_used_for_thirty_days_are_dropped() {
    let mut totals = Totals::default();
    totals.add(resource("acme-cli"), increment(1, &[1.0]), now_ns());
    let day = 86_400_000_000_000;
    assert!(!totals.drop_idle(now_ns() + 29 * day));
    assert!(totals.drop_idle(now_ns() + 31 * day));
    assert!(totals.export(now_ns() + 31 * day).is_empty());
}

#[test]
fn only_one_holds_the_lock() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, two) = (ledger(dir.path()), ledger(dir.path()));
    let held = wait_for_lock(&one);
    assert!(two.lock().expect("opens").is_none());
    drop(held);
    drop(wait_for_lock(&two));
}

fn set_mode(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("mode set");
}
