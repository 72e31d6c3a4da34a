//! Queries in texts: the series that a PromQL expression reads, the blocks of a runbook.

use serde_json::Value;
use todo_app::operate::{
    stack::dashboard::Source,
    verify::servers::{Servers, list},
};

/// Metric names and selectors of an expression, as Prometheus itself parses it.
pub fn selectors(servers: &Servers, query: &str) -> Vec<(String, String)> {
    let tree = servers.get(Source::Prometheus, "api/v1/parse_query", &[("query", query)]).unwrap();
    let mut found = Vec::new();
    collect(&tree["data"], &mut found);
    found
}

fn collect(node: &Value, found: &mut Vec<(String, String)>) {
    if node["type"] == "vectorSelector" || node["type"] == "matrixSelector" {
        let matchers = list(&node["matchers"]).filter(|matcher| matcher["name"] != "__name__");
        let matcher =
            |m: &Value| format!("{}{}{}", m["name"].as_str().unwrap(), m["type"].as_str().unwrap(), m["value"]);
        let matchers: Vec<String> = matchers.map(matcher).collect();
        let name = node["name"].as_str().unwrap_or_default().to_owned();
        let selector = format!("{name}{{{}}}", matchers.join(","));
        found.push((name, selector));
        return;
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|child| collect(child, found)),
        Value::Array(items) => items.iter().for_each(|child| collect(child, found)),
        _ => {}
    }
}

/// Fenced blocks: language and text.
pub fn blocks(markdown: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in markdown.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}
