//! The catalogue as text: a table for people, JSON for programs, Markdown for documentation, a Weaver registry.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    list::{Declaration, declarations, sites},
    objective::objectives,
};
use crate::record::meta::{Kind, Meta, Objective};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns for a terminal.
    Table,
    /// One JSON object: `{"spans": [...], "metrics": [...]}`.
    Json,
    /// Tables for documentation.
    Markdown,
    /// A semantic-convention registry as OpenTelemetry Weaver reads it (YAML).
    Weaver,
}

/// Renders every call site and every metric of this program, used or not, in the order of their names.
pub fn render(format: Format) -> String {
    let mut spans: Vec<&'static Meta> = sites().into_iter().map(|site| site.meta()).collect();
    spans.retain(|meta| meta.span || meta.objective.is_some());
    let metrics = merged(declarations());
    match format {
        Format::Table => table(&spans, &metrics),
        Format::Json => format!("{:#}\n", as_json(&spans, &metrics)),
        Format::Markdown => markdown(&spans, &metrics),
        Format::Weaver => weaver(&spans, &metrics),
    }
}

/// One declaration per name: those of several call sites agree in all that matters.
fn merged(mut all: Vec<Declaration>) -> Vec<Declaration> {
    all.dedup_by(|later, first| later.name == first.name);
    all
}

fn kind(meta: &Meta) -> &'static str {
    match meta.kind {
        Kind::Internal => "internal",
        Kind::Client => "client",
        Kind::Server => "server",
        Kind::Producer => "producer",
        Kind::Consumer => "consumer",
    }
}

fn keys(meta: &Meta) -> Vec<&'static str> {
    meta.attributes.iter().chain(meta.outputs).copied().collect()
}

fn table(spans: &[&'static Meta], metrics: &[Declaration]) -> String {
    let mut rows =
        vec![["KIND".to_owned(), "NAME".to_owned(), "UNIT".to_owned(), "ATTRIBUTES".to_owned(), "WHERE".to_owned()]];
    for meta in spans.iter().filter(|meta| meta.span) {
        let place = format!("{}:{}", meta.file, meta.line);
        rows.push([format!("span {}", kind(meta)), meta.name.into(), String::new(), keys(meta).join(", "), place]);
    }
    for metric in metrics {
        let place = format!("{}:{}", metric.file, metric.line);
        rows.push([metric.kind.as_str().into(), metric.name.into(), metric.unit.into(), metric.keys.join(", "), place]);
    }
    let widths: [usize; 5] = std::array::from_fn(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn objective(objective: &Objective) -> Value {
    json!({
        "success_percent": objective.success, "latency_seconds": objective.latency_ns as f64 / 1e9,
        "latency_percent": objective.percentile,
        "except": objective.except.iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>(),
    })
}

fn as_json(spans: &[&'static Meta], metrics: &[Declaration]) -> Value {
    let span = |meta: &&'static Meta| {
        json!({
            "name": meta.name, "kind": kind(meta), "span": meta.span, "function": meta.function, "file": meta.file,
            "line": meta.line, "scope": meta.package, "attributes": meta.attributes, "outputs": meta.outputs,
            "metrics": meta.metrics.map(|m| m.instruments.iter().map(|i| i.name).collect::<Vec<_>>()),
            "objective": meta.objective.map(objective),
        })
    };
    let metric = |metric: &Declaration| {
        let values: serde_json::Map<String, Value> = metric
            .values
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(key, values)| ((*key).to_owned(), json!(values)))
            .collect();
        json!({
            "name": metric.name, "kind": metric.kind.as_str(), "unit": metric.unit, "description": metric.description,
            "bounds": metric.bounds, "attributes": metric.keys, "optional": metric.optional, "values": values,
            "scope": metric.package, "file": metric.file, "line": metric.line,
        })
    };
    json!({"spans": spans.iter().map(span).collect::<Vec<_>>(), "metrics": metrics.iter().map(metric).collect::<Vec<_>>()})
}

fn markdown(spans: &[&'static Meta], metrics: &[Declaration]) -> String {
    let code = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let mut text = String::from("## Spans\n\n| Span | Kind | Attributes | Function |\n|---|---|---|---|\n");
    for meta in spans.iter().filter(|meta| meta.span) {
        let _ = writeln!(text, "| `{}` | {} | {} | `{}` |", meta.name, kind(meta), code(&keys(meta)), meta.function);
    }
    text.push_str("\n## Objectives\n\n| Metric | Promise | Left out |\n|---|---|---|\n");
    for objective in objectives() {
        let except: Vec<String> = objective.except.iter().map(|(key, value)| format!("`{key}` = `{value}`")).collect();
        if let (Some(percent), Some(metric)) = (objective.success, objective.calls) {
            let _ = writeln!(text, "| `{metric}` | {percent} % succeed | |");
        }
        if let (Some((seconds, percent)), Some(metric)) = (objective.latency, objective.duration) {
            let _ = writeln!(text, "| `{metric}` | {percent} % within {seconds} s | {} |", except.join(", "));
        }
    }
    text.push_str(
        "\n## Metrics\n\n| Metric | Kind | Unit | Attributes | Buckets | Meaning |\n|---|---|---|---|---|---|\n",
    );
    for metric in metrics {
        let bounds: Vec<String> = metric.bounds.iter().map(f64::to_string).collect();
        let (name, kind, unit) = (metric.name, metric.kind.as_str(), metric.unit);
        let meaning = metric.description.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `{name}` | {kind} | `{unit}` | {} | {} | {meaning} |",
            code(&metric.keys),
            bounds.join(" ")
        );
    }
    text
}

fn weaver(spans: &[&'static Meta], metrics: &[Declaration]) -> String {
    let mut text = String::from("groups:\n");
    // JSON strings are YAML strings, whatever is in them.
    let quoted = |text: &str| Value::from(text).to_string();
    let mut known = std::collections::BTreeSet::new();
    for key in spans.iter().flat_map(|meta| keys(meta)).chain(metrics.iter().flat_map(|metric| metric.keys.clone())) {
        known.insert(key);
    }
    text.push_str("  - id: registry.program\n    type: attribute_group\n    brief: \"Attributes of this program.\"\n    attributes:\n");
    for key in known {
        let closed = metrics.iter().flat_map(|m| &m.values).find(|(k, values)| *k == key && !values.is_empty());
        let _ = writeln!(text, "      - id: {}\n        stability: development\n        brief: \"\"", quoted(key));
        match closed {
            None => text.push_str("        type: string\n"),
            Some((_, values)) => {
                text.push_str("        type:\n          members:\n");
                for value in values {
                    let value = quoted(value);
                    let _ = writeln!(text, "            - {{id: {value}, value: {value}, stability: development}}");
                }
            }
        }
    }
    for meta in spans.iter().filter(|meta| meta.span) {
        let (id, name) = (quoted(&format!("span.{}", meta.name)), quoted(meta.name));
        let _ = writeln!(
            text,
            "  - id: {id}\n    type: span\n    span_kind: {}\n    name: {name}\n    stability: development\n    brief: {}",
            kind(meta),
            quoted(meta.function),
        );
        attributes(&mut text, &keys(meta), |_| "recommended");
    }
    for metric in metrics {
        let _ = writeln!(
            text,
            "  - id: {}\n    type: metric\n    metric_name: {}\n    instrument: {}\n    unit: {}\n    stability: development\n    brief: {}",
            quoted(&format!("metric.{}", metric.name)),
            quoted(metric.name),
            metric.kind.as_str(),
            quoted(metric.unit),
            quoted(metric.description),
        );
        let level = |key: &str| if metric.optional.contains(&key) { "recommended" } else { "required" };
        attributes(&mut text, &metric.keys, level);
    }
    text
}

fn attributes(text: &mut String, keys: &[&'static str], level: impl Fn(&str) -> &'static str) {
    if keys.is_empty() {
        return;
    }
    text.push_str("    attributes:\n");
    for key in keys {
        let _ = writeln!(text, "      - ref: {}\n        requirement_level: {}", Value::from(*key), level(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::{MetricsMeta, counter, histogram},
        record::callsite::Callsite,
    };

    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = "otel_calls"))]
    static SITE: Callsite = Callsite::new(&Meta {
        name: "render.span",
        kind: Kind::Client,
        function: "acme::call",
        file: "src/lib.rs",
        line: 7,
        attributes: &["render.key"],
        outputs: &["render.out"],
        metrics: Some(&MetricsMeta::DEFAULT),
        ..Meta::DEFAULT
    });
    counter! { static CALLS: u64 = "render.calls", unit = "{call}", description = "Calls.", labels = { "render.flag": bool } }
    histogram! { static TIME: f64 = "render.time", unit = "s", buckets = [0.5, 1.0] }

    #[test]
    fn every_form_shows_what_is_declared() {
        assert_eq!((CALLS.instrument().definition().keys.len(), TIME.instrument().definition().keys.len()), (1, 0));
        let table = render(Format::Table);
        let line = table.lines().find(|line| line.contains("render.span")).expect("listed");
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["span client", "render.span", "render.key, render.out", "src/lib.rs:7"]);

        let all: Value = serde_json::from_str(&render(Format::Json)).expect("JSON");
        let metrics = all["metrics"].as_array().expect("an array");
        let calls = metrics.iter().find(|m| m["name"] == "render.calls").expect("listed");
        assert_eq!((&calls["unit"], &calls["values"]["render.flag"]), (&json!("{call}"), &json!(["false", "true"])));

        let markdown = render(Format::Markdown);
        assert!(markdown.contains("| `render.span` | client | `render.key`, `render.out` | `acme::call` |\n"));
        assert!(markdown.contains("| `render.time` | histogram | `s` |  | 0.5 1 |  |\n"));

        let weaver = render(Format::Weaver);
        assert!(
            weaver.contains("metric_name: \"render.calls\"\n    instrument: counter\n    unit: \"{call}\"\n"),
            "{weaver}"
        );
        assert!(weaver.contains("      - ref: \"render.flag\"\n        requirement_level: required\n"));
    }
}
