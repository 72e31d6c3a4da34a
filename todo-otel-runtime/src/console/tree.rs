//! Traces as text for people: one line per span with its duration, a time bar and what is worth knowing.

use std::{fmt::Write as _, time::Duration};

use super::{
    forest::{Row, Trace, plant},
    span::{Span, duration_text},
};
use crate::logs::escape;

/// Characters of the time bar.
const BAR: usize = 24;
/// Indentation stops growing here; deeper spans show their depth as a number.
const MOST_INDENT: usize = 24;
/// Longest value shown.
const VALUE_CHARS: usize = 48;
/// Attributes that every span has and nobody looks for in a tree.
const LEFT_OUT: [&str; 7] = ["code.", "process.", "error.type", "outcome", "busy_ns", "idle_ns", "polls"];

/// How to draw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Colours.
    pub color: bool,
    /// Columns of the terminal; 0 = lines may be of any length.
    pub columns: usize,
}

impl Style {
    fn paint(self, code: &'static str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// All traces, in order of their start.
pub(crate) fn render(spans: &[Span], style: Style) -> String {
    let mut out = String::new();
    for (index, trace) in plant(spans).iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        draw(&mut out, trace, style);
    }
    out
}

fn draw(out: &mut String, trace: &Trace<'_>, style: Style) {
    let total = trace.end_ns.saturating_sub(trace.start_ns);
    let spans = trace.rows.len();
    let mut title = format!(
        "trace {:032x}  {spans} span{}, {}",
        trace.id,
        if spans == 1 { "" } else { "s" },
        duration_text(Duration::from_nanos(total))
    );
    if trace.errors > 0 {
        let _ = write!(title, ", {} failed", trace.errors);
    }
    out.push_str(&style.paint("1", &title));
    out.push('\n');

    let labels = labels(trace);
    let label_width = labels.iter().map(|(_, _, width)| *width).max().unwrap_or(0);
    let mut open = Vec::new();
    for (row, (branch, name, width)) in trace.rows.iter().zip(&labels) {
        let mut line = Line::new(style);
        line.add("2", branch);
        line.add(if row.span.error.is_some() { "31" } else { "1" }, name);
        line.add("", &" ".repeat(label_width - width));
        line.add("", &format!("  {:>8}  ", duration_text(row.span.duration())));
        line.add(if row.span.error.is_some() { "31" } else { "36" }, &bar(row.span, trace.start_ns, total));
        details(&mut line, row.span);
        out.push_str(line.finish());
        open.truncate(row.depth);
        open.push(!row.last);
        for event in &row.span.events {
            let mut line = Line::new(style);
            let rails: String = open.iter().skip(1).map(|more| if *more { "│  " } else { "   " }).collect();
            line.add("2", &rails);
            let after = duration_text(Duration::from_nanos(event.at_ns.saturating_sub(row.span.start_ns)));
            line.add("2", &format!("   • {} +{after}", escape::line(&event.name)));
            for (key, value) in event.attributes.iter().filter(|(key, _)| key != "exception.stacktrace") {
                line.pair(key, value);
            }
            out.push_str(line.finish());
        }
    }
}

/// Branch, name and their width in characters, per row.
fn labels(trace: &Trace<'_>) -> Vec<(String, String, usize)> {
    let mut more = Vec::new();
    let label = |row: &Row<'_>| {
        more.truncate(row.depth);
        let mut branch = String::new();
        let first = (row.depth + 1).saturating_sub(MOST_INDENT).max(1);
        if row.depth >= MOST_INDENT {
            let _ = write!(branch, "{} ", row.depth);
        }
        for rail in more.iter().skip(first) {
            branch.push_str(if *rail { "│  " } else { "   " });
        }
        if row.depth > 0 {
            branch.push_str(if row.last { "└─ " } else { "├─ " });
        }
        more.push(!row.last);
        let name = escape::line(&row.span.name).into_owned();
        let width = branch.chars().count() + name.chars().count();
        (branch, name, width)
    };
    trace.rows.iter().map(label).collect()
}

/// When the span ran within its trace; eighths of a character, at least one.
fn bar(span: &Span, from_ns: u64, total_ns: u64) -> String {
    const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    let cells = (BAR * 8) as f64;
    let place = |ns: u64| match total_ns {
        0 => 0,
        total => (ns.saturating_sub(from_ns) as f64 / total as f64 * cells).round() as usize,
    };
    let (start, end) = (place(span.start_ns).min(BAR * 8 - 1), place(span.end_ns).min(BAR * 8));
    // A partial block can only be filled from the left, so a bar begins at a whole character.
    let lead = start / 8;
    let eighths = end.saturating_sub(lead * 8).max(1);
    let mut bar = " ".repeat(lead);
    bar.push_str(&EIGHTHS[8].repeat(eighths / 8));
    bar.push_str(EIGHTHS[eighths % 8]);
    let width = bar.chars().count();
    bar.push_str(&" ".repeat(BAR.saturating_sub(width)));
    bar
}

fn details(line: &mut Line, span: &Span) {
    if let Some(error) = &span.error {
        let text = if error.is_empty() { "failed".into() } else { escape::line(error) };
        line.add("31", &format!("  ✗ {text}"));
    } else if let Some((_, outcome)) = span.attributes.iter().find(|(key, _)| key == "outcome") {
        line.add("33", &format!("  ~ {}", escape::line(outcome)));
    }
    for (key, value) in &span.attributes {
        if !LEFT_OUT.iter().any(|name| key.starts_with(name)) {
            line.pair(key, value);
        }
    }
    for (trace_id, span_id) in &span.links {
        line.add("2", "  link=");
        line.add("", &format!("{trace_id:032x}:{span_id:016x}"));
    }
}

/// A line that ends at the edge of the terminal.
struct Line {
    text: String,
    style: Style,
    /// Columns left; `None` = any number.
    left: Option<usize>,
}

impl Line {
    fn new(style: Style) -> Self {
        Self { text: String::new(), style, left: (style.columns > 0).then_some(style.columns) }
    }

    /// `text` is escaped already.
    fn add(&mut self, code: &'static str, text: &str) {
        let mut shown = text;
        if let Some(left) = &mut self.left {
            let end = text.char_indices().nth(*left).map_or(text.len(), |(index, _)| index);
            shown = &text[..end];
            *left -= shown.chars().count();
        }
        let painted = if code.is_empty() { shown.to_owned() } else { self.style.paint(code, shown) };
        self.text.push_str(&painted);
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.add("2", &format!("  {}=", escape::line(key)));
        let mut cut: String = value.chars().take(VALUE_CHARS).collect();
        if cut.len() < value.len() {
            cut.push('…');
        }
        self.add("", &escape::line(&cut));
    }

    fn finish(&mut self) -> &str {
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        self.text.push('\n');
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::span::Event;

    const MS: u64 = 1_000_000;

    fn span(span_id: u64, parent_id: u64, name: &str, from_ms: u64, to_ms: u64) -> Span {
        Span {
            trace_id: 0x0af7,
            span_id,
            parent_id,
            name: name.into(),
            start_ns: from_ms * MS,
            end_ns: to_ms * MS,
            ..Span::default()
        }
    }

    fn story() -> Vec<Span> {
        let mut add = span(1, 0, "shop.command.add", 0, 1850);
        add.attributes = vec![("shop.id".into(), "42".into()), ("code.line.number".into(), "7".into())];
        let mut ask = span(3, 1, "ai.ask", 10, 1840);
        ask.attributes = vec![("error.type".into(), "429".into()), ("model".into(), "m-1".into())];
        ask.error = Some("429".into());
        ask.events =
            vec![Event { name: "ai.retry".into(), at_ns: 910 * MS, attributes: vec![("attempt".into(), "2".into())] }];
        let mut cancelled = span(4, 3, "POST", 900, 1840);
        cancelled.attributes = vec![("outcome".into(), "cancelled".into())];
        cancelled.links = vec![(7, 8)];
        vec![cancelled, ask, add, span(2, 1, "db.create", 2, 6), span(5, 1, "show", 1841, 1850)]
    }

    #[test]
    fn a_story_as_people_see_it() {
        insta::assert_snapshot!(render(&story(), Style::default()));
    }

    #[test]
    fn without_a_terminal_there_is_not_one_escape_sequence_and_with_one_only_ours() {
        let mut spans = story();
        spans[0].name = "evil\u{1b}]0;x\u{7}\nname".into();
        spans[2].attributes.push(("k\u{202e}".into(), "\u{9b}31m".into()));
        let plain = render(&spans, Style::default());
        assert!(!plain.chars().any(|c| c != '\n' && escape::is_unsafe(c)), "{plain}");
        assert!(plain.contains(r"evil\u{1b}]0;x\u{7}\nname"));
        let colored = render(&spans, Style { color: true, columns: 0 });
        assert!(colored.contains("\u{1b}[31m"));
        assert!(!colored.contains("\u{1b}]"));
    }

    #[test]
    fn lines_end_at_the_edge_of_the_terminal() {
        let narrow = render(&story(), Style { color: false, columns: 60 });
        assert!(narrow.lines().skip(1).all(|line| line.chars().count() <= 60), "{narrow}");
    }

    #[test]
    fn a_deep_tree_stays_readable() {
        let spans: Vec<_> = (1..=200).map(|id| span(id, id - 1, "f", 0, 200)).collect();
        let longest = render(&spans, Style::default()).lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(160), "{longest:?}");
    }
}
