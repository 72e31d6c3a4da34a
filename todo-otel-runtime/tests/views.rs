//! Views of the declarative file have their effect on everything that reads metrics. One test, because the start is the
//! process's.

use todo_otel_runtime::{
    Config, Role, init,
    metrics::{
        counter, histogram,
        model::{Data, Metric, Num, Point, Snapshot, Value},
        snapshot,
    },
    red_metrics,
};

const FILE: &str = r#"
file_format: "1.0"
meter_provider:
  readers:
    - periodic: { interval: 3600000, exporter: { console: } }
  views:
    - { selector: { instrument_name: "viewed.dr?pped" }, stream: { aggregation: { drop: } } }
    - selector: { instrument_name: viewed.old }
      stream: { name: viewed.new, description: told anew, attribute_keys: { excluded: [ viewed.gone ] } }
    - { selector: { instrument_name: viewed.many }, stream: { aggregation_cardinality_limit: 3 } }
    - selector: { instrument_name: viewed.bounds }
      stream: { aggregation: { explicit_bucket_histogram: { boundaries: [ 0.5, 2 ] } } }
    - selector: { instrument_name: "viewed.f*", instrument_type: histogram }
      stream: { aggregation: { base2_exponential_bucket_histogram: { max_size: 4 } } }
    - { selector: { instrument_name: viewed.sum }, stream: { aggregation: { sum: } } }
    - selector: { instrument_name: viewed.call.duration, unit: s }
      stream: { aggregation: { base2_exponential_bucket_histogram: } }
    - selector: { instrument_name: viewed.slow.duration }
      stream: { aggregation: { explicit_bucket_histogram: { boundaries: [ 3600 ] } } }
"#;

counter! {
    static DROPPED: u64 = "viewed.dropped", unit = "{x}";
    static RENAMED: u64 = "viewed.old", unit = "{x}", labels = { "viewed.keep": bool, "viewed.gone": bool };
    static MANY: u64 = "viewed.many", unit = "{x}", labels = { "viewed.key": &'static str };
}
histogram! {
    static BOUNDS: f64 = "viewed.bounds", unit = "s", buckets = [1.0];
    static FINE: f64 = "viewed.fine", unit = "s", buckets = [1.0];
    static SUM: f64 = "viewed.sum", unit = "s", buckets = [1.0];
}

#[red_metrics(name = "viewed.call")]
fn call() {}

#[red_metrics(name = "viewed.slow")]
fn slow() {}

#[track_caller]
fn sum(all: &Snapshot, name: &str) -> (Metric, Vec<Point>) {
    let metric = all.metric(name).unwrap_or_else(|| panic!("no {name}"));
    let Data::Sum { points, .. } = &metric.data else { panic!("{name} is no sum") };
    (metric.clone(), points.clone())
}

#[test]
fn every_part_of_a_view_has_its_effect() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("otel.yaml");
    std::fs::write(&file, FILE).expect("written");
    let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let env = [("OTEL_CONFIG_FILE", path(&file)), ("XDG_STATE_HOME", path(folder.path()))];
    let config = Config::for_app("acme", Role::Service).env(env).no_file().resolve();
    assert_eq!(config.errors, []);
    let telemetry = init(config).expect("starts");

    DROPPED.add(1, ());
    for gone in [true, false] {
        RENAMED.add(1, (true, gone));
    }
    for key in ["a", "b", "c", "d", "e"] {
        MANY.add(1, (key,));
    }
    for value in [0.4, 1.5, 3.0] {
        BOUNDS.record(value, ());
        FINE.record(value, ());
        SUM.record(value, ());
    }
    for _ in 0..7 {
        call();
        slow();
    }
    let all = snapshot();

    assert_eq!(all.metric("viewed.dropped"), None);
    assert_eq!(all.metric("viewed.old"), None);
    let (renamed, points) = sum(&all, "viewed.new");
    assert_eq!(renamed.description, "told anew");
    assert_eq!((points.len(), points[0].value), (1, Num::Int(2)), "without the label the two are one");
    let (_, points) = sum(&all, "viewed.many");
    let beyond = vec![("otel.metric.overflow".into(), Value::Bool(true))];
    let beyond: Vec<_> = points.iter().filter(|p| p.attributes == beyond).map(|p| p.value).collect();
    assert_eq!((points.len(), beyond), (4, vec![Num::Int(2)]));
    let Data::Histogram { points, bounds, .. } = &all.metric("viewed.bounds").expect("counted").data else {
        panic!("explicit buckets")
    };
    assert_eq!((bounds.as_slice(), points[0].buckets.as_slice()), (&[0.5, 2.0][..], &[1, 1, 1][..]));
    let Data::Exponential { points, .. } = &all.metric("viewed.fine").expect("counted").data else {
        panic!("exponential buckets")
    };
    assert!(points[0].buckets.len() <= 4 && points[0].count() == 3, "{points:?}");
    assert_eq!(sum(&all, "viewed.sum").1[0].value, Num::Float(4.9));
    let Data::Exponential { points, .. } = &all.metric("viewed.call.duration").expect("counted").data else {
        panic!("a call site counts in exponential buckets too")
    };
    assert!(points[0].count() == 7 && points[0].buckets.len() <= 160 && points[0].sum > 0.0, "{points:?}");
    let Data::Histogram { points, bounds, .. } = &all.metric("viewed.slow.duration").expect("counted").data else {
        panic!("explicit buckets")
    };
    assert_eq!((bounds.as_slice(), points[0].buckets.as_slice()), (&[3600.0][..], &[7, 0][..]));
    assert_eq!(telemetry.shutdown().lost(), 0);
}
