//! What people see on standard error when they ask for spans: a tree with times, at the end of a command, or as traces
//! come in a service. Needs no collector and no ids from outside.
//!
//! Not here: log lines (`logs`), which spans exist (`collect`).

pub(crate) mod forest;
pub(crate) mod numbers;
pub(crate) mod span;
pub(crate) mod tree;

use std::{
    io::{IsTerminal as _, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use self::{span::Span, tree::Style};
use crate::config::{Config, Role};

/// Most spans kept for the end of a command; the rest is named as a number.
const MOST_SPANS: usize = 10_000;

/// Draws spans on standard error.
pub(crate) struct ConsoleExporter {
    style: Style,
    /// A command draws everything at once at its end.
    at_end: bool,
    state: Mutex<State>,
    ended: AtomicBool,
    out: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Span>,
    left_out: usize,
}

impl std::fmt::Debug for ConsoleExporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleExporter").field("at_end", &self.at_end).finish_non_exhaustive()
    }
}

impl ConsoleExporter {
    /// The exporter that fits the role; colours only on a terminal that wants them.
    pub fn new(config: &Config) -> Self {
        let style = Style { color: config.logs.color, columns: terminal_columns() };
        let to_stderr = |text: &str| {
            // A closed standard error is no reason to fail.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        };
        Self::with(style, config.role == Role::Cli, Box::new(to_stderr))
    }

    fn with(style: Style, at_end: bool, out: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { style, at_end, state: Mutex::default(), ended: AtomicBool::new(false), out }
    }

    fn draw(&self, state: State) {
        let mut text = tree::render(&state.spans, self.style);
        if state.left_out > 0 {
            text.push_str(&format!("… and {} more spans\n", state.left_out));
        }
        (self.out)(&text);
    }
}

impl SpanExporter for ConsoleExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.iter().map(Span::from);
        if !self.at_end {
            self.draw(State { spans: spans.collect(), left_out: 0 });
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_SPANS - state.spans.len();
        state.left_out += batch.len().saturating_sub(room);
        state.spans.extend(spans.take(room));
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        if !self.at_end || self.ended.swap(true, Relaxed) {
            return Ok(());
        }
        let state = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        if state.spans.is_empty() {
            (self.out)("trace: no span was recorded (an unsampled TRACEPARENT or a sampler decided so)\n");
        } else {
            self.draw(state);
        }
        Ok(())
    }
}

/// Columns of the terminal behind standard error; 0 = there is none.
pub(crate) fn terminal_columns() -> usize {
    let stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return 0;
    }
    rustix::termios::tcgetwinsize(&stderr).map_or(0, |size| usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry::{
        InstrumentationScope, SpanId, TraceFlags, TraceId,
        trace::{SpanContext, SpanKind, Status, TraceState},
    };
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn data(span_id: u64, parent: u64) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(1),
                SpanId::from(span_id),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: format!("span{span_id}").into(),
            start_time: std::time::UNIX_EPOCH,
            end_time: std::time::UNIX_EPOCH + Duration::from_millis(span_id),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("test").build(),
        }
    }

    fn exporter(at_end: bool) -> (ConsoleExporter, Arc<Mutex<String>>) {
        let text = Arc::new(Mutex::new(String::new()));
        let out = {
            let text = text.clone();
            Box::new(move |more: &str| text.lock().unwrap().push_str(more))
        };
        (ConsoleExporter::with(Style::default(), at_end, out), text)
    }

    fn export(exporter: &ConsoleExporter, batch: Vec<SpanData>) {
        crate::logs::drive::until(exporter.export(batch), None).unwrap().unwrap();
    }

    #[test]
    fn a_command_draws_one_tree_at_its_end_however_the_spans_came() {
        let (exporter, text) = exporter(true);
        export(&exporter, vec![data(2, 1)]);
        export(&exporter, vec![data(1, 0)]);
        assert_eq!(*text.lock().unwrap(), "");
        exporter.shutdown().unwrap();
        exporter.shutdown().unwrap();
        let text = text.lock().unwrap();
        assert_eq!(text.matches("trace 0").count(), 1, "{text}");
        assert!(text.contains("└─ span2"), "{text}");
    }

    #[test]
    fn a_service_draws_what_comes_and_an_empty_trace_is_explained() {
        let (service, text) = exporter(false);
        export(&service, vec![data(1, 0)]);
        assert!(text.lock().unwrap().contains("span1"));
        let (command, text) = exporter(true);
        command.shutdown().unwrap();
        assert!(text.lock().unwrap().contains("no span was recorded"));
    }
}
