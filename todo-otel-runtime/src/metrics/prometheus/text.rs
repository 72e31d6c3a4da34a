//! Families, samples, exemplars.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{
    Format,
    name::{self, Family},
};
use crate::metrics::{
    merge,
    model::{Attributes, Data, Exemplar, ExponentialPoint, HistogramPoint, Metric, Num, Point, Scope, Snapshot, Value},
    resource::ResourceAttributes,
};

/// Renders snapshots, each with its resource: `target_info` per resource, and on every sample the labels that a receiver of
/// OTLP gives it (`job`, `instance` and the promoted attributes), so that pulled and pushed series are the same.
///
/// The result is to be scraped with `honor_labels: true`.
pub fn render(groups: &[(&ResourceAttributes, &Snapshot)], format: Format) -> String {
    let mut text = String::new();
    let mut families: BTreeMap<String, Rendered> = BTreeMap::new();
    for (resource, snapshot) in groups {
        let target = Target::new(resource);
        for metric in metrics(snapshot) {
            add(&mut families, &metric, &target.labels, format);
        }
    }
    target_info(&mut text, groups, format);
    for (family, rendered) in families {
        header(&mut text, &family, &rendered, format);
        for sample in rendered.samples {
            text.push_str(&sample);
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

/// The metrics of a snapshot without their scopes.
fn metrics(snapshot: &Snapshot) -> Vec<Metric> {
    let mut all = Scope { name: "".into(), version: "".into(), metrics: Vec::new() };
    for metric in snapshot.scopes.iter().flat_map(|scope| &scope.metrics) {
        merge::into_scope(&mut all, metric.clone());
    }
    all.metrics
}

struct Rendered {
    family: Family,
    unit: Option<String>,
    help: String,
    samples: Vec<String>,
    /// Label sets that have a sample: a text must not hold one twice.
    seen: BTreeSet<String>,
}

fn add(families: &mut BTreeMap<String, Rendered>, metric: &Metric, target: &str, format: Format) {
    let kind = match &metric.data {
        Data::Sum { monotonic: true, .. } => Family::Counter,
        Data::Sum { .. } | Data::Gauge(_) => Family::Gauge,
        Data::Histogram { .. } | Data::Exponential { .. } => Family::Histogram,
    };
    let (family, unit) = name::family(&metric.name, &metric.unit, kind);
    let rendered = families.entry(family.clone()).or_insert_with(|| Rendered {
        family: kind,
        unit,
        // Linters want a help text on every family.
        help: if metric.description.is_empty() { metric.name.to_string() } else { metric.description.to_string() },
        samples: Vec::new(),
        seen: BTreeSet::new(),
    });
    // Two metrics that translate to one name but differ in kind cannot share a family; the first one stays.
    if rendered.family != kind {
        return;
    }
    match &metric.data {
        Data::Sum { points, .. } | Data::Gauge(points) => {
            for point in points {
                number(rendered, &family, point, target, format);
            }
        }
        Data::Histogram { bounds, points, .. } => {
            for point in points {
                histogram(rendered, &family, bounds, point, target, format);
            }
        }
        Data::Exponential { points, .. } => {
            for point in points {
                let (bounds, point) = explicit(point);
                histogram(rendered, &family, &bounds, &point, target, format);
            }
        }
    }
}

fn number(rendered: &mut Rendered, family: &str, point: &Point, target: &str, format: Format) {
    let labels = labels(&point.attributes, target);
    if !rendered.seen.insert(labels.clone()) {
        return;
    }
    let total = if rendered.family == Family::Counter { "_total" } else { "" };
    let mut line = format!("{family}{total}{} {}", braces(&labels), num(point.value));
    if rendered.family == Family::Counter && format == Format::OpenMetrics {
        exemplar(&mut line, point.exemplars.iter().max_by_key(|exemplar| exemplar.unix_ns));
    }
    line.push('\n');
    rendered.samples.push(line);
}

fn histogram(
    rendered: &mut Rendered,
    family: &str,
    bounds: &[f64],
    point: &HistogramPoint,
    target: &str,
    format: Format,
) {
    let labels = labels(&point.attributes, target);
    if !rendered.seen.insert(labels.clone()) {
        return;
    }
    let comma = if labels.is_empty() { "" } else { "," };
    let mut text = String::new();
    let mut total = 0;
    for (i, count) in point.buckets.iter().enumerate() {
        total += count;
        let upper = bounds.get(i).copied().unwrap_or(f64::INFINITY);
        let _ = write!(text, "{family}_bucket{{{labels}{comma}le=\"{}\"}} {total}", bound(upper, format));
        if format == Format::OpenMetrics {
            let lower = if i == 0 { f64::NEG_INFINITY } else { bounds[i - 1] };
            let inside = point.exemplars.iter().filter(|e| e.value > lower && e.value <= upper);
            exemplar(&mut text, inside.max_by_key(|e| e.unix_ns));
        }
        text.push('\n');
    }
    let braces = braces(&labels);
    let _ = writeln!(text, "{family}_sum{braces} {}\n{family}_count{braces} {total}", float(point.sum));
    rendered.samples.push(text);
}

/// An exponential point with at most 16 explicit buckets.
fn explicit(point: &ExponentialPoint) -> (Vec<f64>, HistogramPoint) {
    let mut coarse = point.clone();
    while coarse.buckets.len() > 16 {
        crate::metrics::exponential::downscale(&mut coarse, 1);
    }
    let base = |index: i32| 2f64.powf(f64::from(index) * 2f64.powi(-coarse.scale));
    let mut bounds = vec![base(coarse.offset)];
    bounds.extend((0..coarse.buckets.len()).map(|i| base(coarse.offset + i as i32 + 1)));
    let mut buckets = vec![coarse.zero_count];
    buckets.extend(&coarse.buckets);
    buckets.push(0);
    let point = HistogramPoint {
        attributes: coarse.attributes,
        start_unix_ns: coarse.start_unix_ns,
        unix_ns: coarse.unix_ns,
        buckets,
        sum: coarse.sum,
        exemplars: coarse.exemplars,
    };
    (bounds, point)
}

fn exemplar(line: &mut String, exemplar: Option<&Exemplar>) {
    let Some(e) = exemplar.filter(|e| e.trace != 0) else { return };
    let (seconds, millis) = (e.unix_ns / 1_000_000_000, e.unix_ns / 1_000_000 % 1000);
    let (trace, span) = (e.trace, e.span);
    let _ = write!(
        line,
        " # {{trace_id=\"{trace:032x}\",span_id=\"{span:016x}\"}} {} {seconds}.{millis:03}",
        float(e.value)
    );
}

fn header(text: &mut String, family: &str, rendered: &Rendered, format: Format) {
    let total = if rendered.family == Family::Counter && format == Format::Text { "_total" } else { "" };
    let _ = writeln!(text, "# HELP {family}{total} {}", help(&rendered.help, format));
    let _ = writeln!(text, "# TYPE {family}{total} {}", rendered.family.as_str());
    if let (Some(unit), Format::OpenMetrics) = (&rendered.unit, format) {
        let _ = writeln!(text, "# UNIT {family} {unit}");
    }
}

/// The labels of a resource: those of its samples, and the rest, which `target_info` shows.
struct Target {
    labels: String,
    info: String,
}

const PROMOTED: [&str; 4] = ["service.name", "service.namespace", "service.version", "deployment.environment.name"];

impl Target {
    fn new(resource: &ResourceAttributes) -> Self {
        let mut identity: BTreeMap<String, String> = BTreeMap::new();
        if let Some(service) = resource.text("service.name") {
            let job = resource.text("service.namespace").map_or(service.to_owned(), |ns| format!("{ns}/{service}"));
            identity.insert("job".into(), job);
        }
        if let Some(instance) = resource.text("service.instance.id") {
            identity.insert("instance".into(), instance.into());
        }
        let (mut labels, mut info) = (identity.clone(), identity);
        for (key, value) in &resource.attributes {
            if PROMOTED.contains(&key.as_ref()) {
                labels.insert(name::label(key), value.to_string());
            }
            info.insert(name::label(key), value.to_string());
        }
        Target { labels: pairs(&labels), info: pairs(&info) }
    }
}

fn target_info(text: &mut String, groups: &[(&ResourceAttributes, &Snapshot)], format: Format) {
    let infos: BTreeSet<String> = groups.iter().map(|(resource, _)| Target::new(resource).info).collect();
    if infos.iter().all(String::is_empty) {
        return;
    }
    match format {
        Format::Text => text.push_str("# HELP target_info Target metadata\n# TYPE target_info gauge\n"),
        Format::OpenMetrics => text.push_str("# HELP target Target metadata\n# TYPE target info\n"),
    }
    for info in infos.into_iter().filter(|info| !info.is_empty()) {
        let _ = writeln!(text, "target_info{{{info}}} 1");
    }
}

fn labels(attributes: &Attributes, target: &str) -> String {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in attributes {
        let value = match value {
            Value::Text(text) => text.clone().into_owned(),
            other => other.to_string(),
        };
        // Two keys that translate to one name share it.
        all.entry(name::label(key)).and_modify(|old| *old = format!("{old};{value}")).or_insert(value);
    }
    let own = pairs(&all);
    match (own.is_empty(), target.is_empty()) {
        (true, _) => target.to_owned(),
        (_, true) => own,
        _ => format!("{own},{target}"),
    }
}

fn pairs(labels: &BTreeMap<String, String>) -> String {
    let pair = |(name, value): (&String, &String)| format!("{name}=\"{}\"", quoted(value));
    labels.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn braces(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn help(text: &str, format: Format) -> String {
    match format {
        Format::Text => text.replace('\\', "\\\\").replace('\n', "\\n"),
        Format::OpenMetrics => quoted(text),
    }
}

fn num(value: Num) -> String {
    match value {
        Num::Int(int) => int.to_string(),
        Num::Float(value) => float(value),
    }
}

fn float(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

/// OpenMetrics writes `5.0` where the older format writes `5`.
fn bound(value: f64, format: Format) -> String {
    let text = float(value);
    if format == Format::OpenMetrics && !text.contains(['.', 'e', 'I', 'N']) { format!("{text}.0") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::model::PointTemporality;

    fn snapshot() -> Snapshot {
        let attributes: Attributes = vec![
            ("outcome".into(), Value::Text("ok".into())),
            ("todo.command".into(), Value::Text("a\"b\\c\nd".into())),
        ];
        let exemplar = Exemplar { value: 0.02, unix_ns: 1_700_000_000_123_000_000, trace: 0xabc, span: 0xdef };
        let histogram = HistogramPoint {
            attributes: attributes.clone(),
            start_unix_ns: 1,
            unix_ns: 2,
            buckets: vec![1, 2, 0],
            sum: 0.25,
            exemplars: vec![exemplar.clone()],
        };
        let point =
            |value, exemplars| Point { attributes: attributes.clone(), start_unix_ns: 1, unix_ns: 2, value, exemplars };
        let temporality = PointTemporality::Cumulative;
        let mut scope = Scope { name: "s".into(), version: "1".into(), metrics: Vec::new() };
        for (name, unit, description, data) in [
            (
                "todo.command.duration",
                "s",
                "How long \\ it took.",
                Data::Histogram { temporality, bounds: vec![0.005, 5.0], points: vec![histogram] },
            ),
            (
                "todo.commands",
                "{command}",
                "",
                Data::Sum {
                    monotonic: true,
                    temporality,
                    observable: false,
                    points: vec![point(Num::Int(3), vec![exemplar])],
                },
            ),
            ("cache.hit", "1", "", Data::Gauge(vec![point(Num::Float(0.5), Vec::new())])),
        ] {
            scope.metrics.push(Metric { name: name.into(), unit: unit.into(), description: description.into(), data });
        }
        Snapshot { unix_ns: 2, scopes: vec![scope] }
    }

    fn resource() -> ResourceAttributes {
        let mut resource = ResourceAttributes::default();
        resource.set("service.name", "todo-cli");
        resource.set("service.namespace", "todo");
        resource.set("service.instance.id", "i-1");
        resource.set("os.type", "linux");
        resource
    }

    #[test]
    fn the_older_text_has_totals_and_no_exemplars() {
        let expected = r#"# HELP target_info Target metadata
# TYPE target_info gauge
target_info{instance="i-1",job="todo/todo-cli",os_type="linux",service_instance_id="i-1",service_name="todo-cli",service_namespace="todo"} 1
# HELP cache_hit_ratio cache.hit
# TYPE cache_hit_ratio gauge
cache_hit_ratio{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo"} 0.5
# HELP todo_command_duration_seconds How long \\ it took.
# TYPE todo_command_duration_seconds histogram
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo",le="0.005"} 1
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo",le="5"} 3
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo",le="+Inf"} 3
todo_command_duration_seconds_sum{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo"} 0.25
todo_command_duration_seconds_count{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo"} 3
# HELP todo_commands_total todo.commands
# TYPE todo_commands_total counter
todo_commands_total{outcome="ok",todo_command="a\"b\\c\nd",instance="i-1",job="todo/todo-cli",service_name="todo-cli",service_namespace="todo"} 3
"#;
        assert_eq!(render(&[(&resource(), &snapshot())], Format::Text), expected);
    }

    #[test]
    fn open_metrics_has_units_exemplars_and_an_end() {
        let expected = r##"# HELP cache_hit_ratio cache.hit
# TYPE cache_hit_ratio gauge
# UNIT cache_hit_ratio ratio
cache_hit_ratio{outcome="ok",todo_command="a\"b\\c\nd"} 0.5
# HELP todo_command_duration_seconds How long \\ it took.
# TYPE todo_command_duration_seconds histogram
# UNIT todo_command_duration_seconds seconds
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",le="0.005"} 1
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",le="5.0"} 3 # {trace_id="00000000000000000000000000000abc",span_id="0000000000000def"} 0.02 1700000000.123
todo_command_duration_seconds_bucket{outcome="ok",todo_command="a\"b\\c\nd",le="+Inf"} 3
todo_command_duration_seconds_sum{outcome="ok",todo_command="a\"b\\c\nd"} 0.25
todo_command_duration_seconds_count{outcome="ok",todo_command="a\"b\\c\nd"} 3
# HELP todo_commands todo.commands
# TYPE todo_commands counter
todo_commands_total{outcome="ok",todo_command="a\"b\\c\nd"} 3 # {trace_id="00000000000000000000000000000abc",span_id="0000000000000def"} 0.02 1700000000.123
# EOF
"##;
        assert_eq!(render(&[(&ResourceAttributes::default(), &snapshot())], Format::OpenMetrics), expected);
    }

    #[test]
    fn a_scraper_gets_the_format_it_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("text/plain"), Format::Text);
        assert_eq!(Format::accepted(""), Format::Text);
        assert_eq!(Format::accepted("application/openmetrics-text;q=0.1,text/plain"), Format::Text);
    }

    #[test]
    fn promtool_accepts_the_text() {
        use std::{
            io::Write,
            process::{Command, Stdio},
        };
        let text = render(&[(&resource(), &snapshot())], Format::Text);
        let child =
            Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!("promtool_accepts_the_text was NOT run: there is no promtool on this machine");
            return;
        };
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("promtool reads");
        let output = child.wait_with_output().expect("promtool ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
