//! Spans as a tree that is the same in every run: no ids, no times.

use std::fmt::Write as _;

use opentelemetry_sdk::trace::SpanData;

use crate::{
    console::{forest::plant, span::Span},
    logs::escape,
};

/// Attributes that differ from run to run, or that every span has.
const LEFT_OUT: [&str; 6] = ["code.", "process.", "thread.", "busy_ns", "idle_ns", "polls"];

/// What a tree shows. Without a choice: attributes, kinds other than internal, outcomes, events.
#[derive(Clone, Debug)]
pub struct Show {
    attributes: Attributes,
    events: bool,
    kinds: bool,
    by_name: bool,
    durations: bool,
}

#[derive(Clone, Debug)]
enum Attributes {
    Stable,
    None,
    Only(Vec<String>),
}

impl Default for Show {
    fn default() -> Self {
        Self { attributes: Attributes::Stable, events: true, kinds: true, by_name: false, durations: false }
    }
}

impl Show {
    /// Names and outcomes only.
    pub fn names() -> Self {
        Self { attributes: Attributes::None, events: false, kinds: false, by_name: false, durations: false }
    }

    /// Only these attributes.
    pub fn attributes<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.attributes = Attributes::Only(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Siblings in the order of their names instead of their starts, for work in parallel.
    pub fn sorted(mut self) -> Self {
        self.by_name = true;
        self
    }

    /// Durations in milliseconds too; the same in every run of a capture with counted times.
    pub fn durations(mut self) -> Self {
        self.durations = true;
        self
    }

    fn shows(&self, key: &str) -> bool {
        match &self.attributes {
            Attributes::None => false,
            Attributes::Stable => {
                !LEFT_OUT.iter().any(|start| key.starts_with(start)) && key != "outcome" && key != "error.type"
            }
            Attributes::Only(keys) => keys.iter().any(|chosen| chosen == key),
        }
    }
}

/// The spans as a tree; several traces follow each other.
pub fn span_tree(spans: &[SpanData], show: &Show) -> String {
    let mut spans: Vec<Span> = spans.iter().map(Span::from).collect();
    if show.by_name {
        // The order of starts decides; give every span its place among the names.
        let mut names: Vec<String> = spans.iter().map(|span| span.name.clone()).collect();
        names.sort();
        for span in &mut spans {
            let took = span.end_ns.saturating_sub(span.start_ns);
            span.start_ns = names.binary_search(&span.name).unwrap_or_default() as u64;
            span.end_ns = span.start_ns + took;
        }
    }
    let mut out = String::new();
    for trace in plant(&spans) {
        let mut more = Vec::new();
        for row in &trace.rows {
            more.truncate(row.depth);
            let rails: String = more.iter().skip(1).map(|more| if *more { "│  " } else { "   " }).collect();
            let branch = match (row.depth, row.last) {
                (0, _) => "",
                (_, true) => "└─ ",
                (_, false) => "├─ ",
            };
            let _ = writeln!(out, "{rails}{branch}{}", line(row.span, show));
            more.push(!row.last);
            if show.events {
                let below: String = more.iter().skip(1).map(|more| if *more { "│  " } else { "   " }).collect();
                for event in &row.span.events {
                    let _ = writeln!(out, "{below}• {}{}", escape::line(&event.name), braces(&event.attributes, show));
                }
            }
        }
    }
    out
}

fn line(span: &Span, show: &Show) -> String {
    let mut line = escape::line(&span.name).into_owned();
    if show.kinds && span.kind != "internal" {
        let _ = write!(line, " ({})", span.kind);
    }
    if show.durations {
        let _ = write!(line, " {} ms", span.duration().as_nanos() as f64 / 1e6);
    }
    let find = |key: &str| span.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    match (&span.error, find("outcome"), find("error.type")) {
        (Some(error), Some("panic"), _) => {
            let _ = write!(line, " ✗ panic{}", if error == "panic" { String::new() } else { format!(" {error}") });
        }
        (Some(error), ..) => {
            let _ = write!(line, " ✗ {}", escape::line(error));
        }
        (None, Some(outcome), class) => {
            let _ = write!(line, " ~ {outcome}{}", class.map_or_else(String::new, |class| format!(" {class}")));
        }
        _ => {}
    }
    line.push_str(&braces(&span.attributes, show));
    line
}

fn braces(attributes: &[(String, String)], show: &Show) -> String {
    let pairs: Vec<String> = attributes
        .iter()
        .filter(|(key, _)| show.shows(key))
        .map(|(key, value)| format!("{}={}", escape::line(key), escape::line(value)))
        .collect();
    if pairs.is_empty() { String::new() } else { format!(" {{{}}}", pairs.join(", ")) }
}
