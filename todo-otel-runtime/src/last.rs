//! The last traces of this machine's user, kept in files so that they can be looked at later without any backend.
//!
//! Not here: what is recorded or sampled; the store holds what exporters were given, redacted like everything else.

mod exporter;
mod html;
mod line;
mod store;

use std::{io, time::SystemTime};

pub(crate) use self::exporter::LastExporter;
use crate::{
    config::Config,
    console::{
        forest,
        span::Span,
        tree::{self, Style},
    },
};

/// Traces that were kept, newest last.
#[derive(Clone, Debug, Default)]
pub struct LastTraces {
    spans: Vec<Span>,
    color: bool,
    columns: usize,
}

/// One of the traces that were kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LastTrace {
    /// Trace id in lower-case hex.
    pub trace_id: String,
    /// Name of the first root.
    pub name: String,
    /// Start of the first span.
    pub start: SystemTime,
    /// From the first start to the last end.
    pub duration: std::time::Duration,
    /// Spans.
    pub spans: usize,
    /// Spans with status Error.
    pub errors: usize,
}

/// Reads the traces that were kept for this configuration; none when there are none.
///
/// # Errors
///
/// The folder exists but cannot be read, or belongs to somebody else.
pub fn last_traces(config: &Config) -> io::Result<LastTraces> {
    let Some(state) = &config.delivery.state_dir else { return Ok(LastTraces::default()) };
    let most = (config.delivery.keep_last as usize).max(1);
    let spans = store::Store::new(state.join("last"), most).read()?;
    Ok(LastTraces { spans, color: config.logs.color, columns: crate::console::terminal_columns() })
}

impl LastTraces {
    /// True when nothing was kept.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The traces, oldest first.
    pub fn list(&self) -> Vec<LastTrace> {
        forest::plant(&self.spans).iter().map(LastTrace::of).collect()
    }

    /// Only the newest `count` traces.
    pub fn newest(mut self, count: usize) -> Self {
        let traces = forest::plant(&self.spans);
        let keep: Vec<u128> = traces.iter().rev().take(count).map(|trace| trace.id).collect();
        self.spans.retain(|span| keep.contains(&span.trace_id));
        self
    }

    /// The traces as trees for a terminal, escaped; with colours if standard error has them.
    pub fn tree(&self) -> String {
        tree::render(&self.spans, Style { color: self.color, columns: self.columns })
    }

    /// The traces as trees without colours and with lines of any length.
    pub fn plain_tree(&self) -> String {
        tree::render(&self.spans, Style::default())
    }

    /// One HTML page that needs nothing else: no script, no font, no image from anywhere. `title` is plain text.
    pub fn html(&self, title: &str) -> String {
        html::page(&self.spans, title)
    }
}

impl LastTrace {
    fn of(trace: &forest::Trace<'_>) -> Self {
        LastTrace {
            trace_id: format!("{:032x}", trace.id),
            name: trace.rows.first().map_or_else(String::new, |row| row.span.name.clone()),
            start: std::time::UNIX_EPOCH + std::time::Duration::from_nanos(trace.start_ns),
            duration: std::time::Duration::from_nanos(trace.end_ns.saturating_sub(trace.start_ns)),
            spans: trace.rows.len(),
            errors: trace.errors,
        }
    }
}
