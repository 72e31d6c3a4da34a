//! Traces as one HTML page with a waterfall. No script at all; details open by the browser's own means. A policy in the
//! page forbids loading anything, so that nothing in the data can either.

use std::{fmt::Write as _, time::Duration};

use crate::{
    console::{
        forest::{Row, Trace, plant},
        span::{Span, duration_text},
    },
    logs::{escape, time::rfc3339_millis},
};

const STYLE: &str = include_str!("waterfall.css");
/// Indentation stops growing here.
const MOST_INDENT: usize = 24;

/// The page; newest trace first.
pub(super) fn page(spans: &[Span], title: &str) -> String {
    let traces = plant(spans);
    let mut out = String::with_capacity(4096 + spans.len() * 600);
    let title = text(title);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    if traces.is_empty() {
        out.push_str("<p>No trace was kept.</p>\n");
    }
    out.push_str("<nav>\n");
    for trace in traces.iter().rev() {
        let _ = writeln!(
            out,
            "<a href=\"#t{:032x}\"{}><time>{}</time> <b>{}</b> <span>{}</span></a>",
            trace.id,
            if trace.errors > 0 { " class=\"bad\"" } else { "" },
            started(trace),
            text(name(trace)),
            duration_text(total(trace)),
        );
    }
    out.push_str("</nav>\n");
    for trace in traces.iter().rev() {
        section(&mut out, trace);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, trace: &Trace<'_>) {
    let spans = trace.rows.len();
    let _ = write!(
        out,
        "<section id=\"t{id:032x}\">\n<h2>{}</h2>\n<p><time>{}</time> · {} · {spans} span{}{} · \
         <code>{id:032x}</code></p>\n<div class=\"axis\"><span></span><span></span><div>",
        text(name(trace)),
        started(trace),
        duration_text(total(trace)),
        if spans == 1 { "" } else { "s" },
        if trace.errors > 0 { format!(" · <em>{} failed</em>", trace.errors) } else { String::new() },
        id = trace.id,
    );
    for quarter in 0..4_u32 {
        let _ = write!(out, "<i>{}</i>", duration_text(total(trace) * quarter / 4));
    }
    out.push_str("</div></div>\n");
    for row in &trace.rows {
        span_row(out, trace, row);
    }
    out.push_str("</section>\n");
}

fn span_row(out: &mut String, trace: &Trace<'_>, row: &Row<'_>) {
    let span = row.span;
    let whole = trace.end_ns.saturating_sub(trace.start_ns).max(1) as f64;
    let left = span.start_ns.saturating_sub(trace.start_ns) as f64 / whole * 100.0;
    let width = span.end_ns.saturating_sub(span.start_ns) as f64 / whole * 100.0;
    let class = match (&span.error, span.kind.as_str()) {
        (Some(_), _) => "bad",
        (None, "client" | "producer") => "out",
        _ => "in",
    };
    let error = span.error.as_ref().map_or_else(String::new, |error| {
        let error = if error.is_empty() { "failed" } else { error };
        format!(" <em>{}</em>", text(error))
    });
    let _ = write!(
        out,
        "<details><summary><span class=\"name\" style=\"padding-left:{}em\">{}{error}</span>\
         <span class=\"took\">{}</span><span class=\"lane\"><span class=\"bar {class}\" \
         style=\"left:{left:.3}%;width:{width:.3}%\"></span>",
        row.depth.min(MOST_INDENT),
        text(&span.name),
        duration_text(span.duration()),
    );
    for event in &span.events {
        let at = event.at_ns.saturating_sub(trace.start_ns) as f64 / whole * 100.0;
        let _ = write!(
            out,
            "<span class=\"dot\" style=\"left:{:.3}%\" title=\"{}\"></span>",
            at.min(100.0),
            text(&event.name)
        );
    }
    out.push_str("</span></summary>\n<table>\n");
    line(out, "span", &format!("{:016x}", span.span_id));
    line(out, "kind", &span.kind);
    if span.parent_is_remote {
        line(out, "parent in another process", &format!("{:016x}", span.parent_id));
    }
    for (key, value) in &span.attributes {
        line(out, key, value);
    }
    for (trace_id, span_id) in &span.links {
        line(out, "link", &format!("{trace_id:032x} {span_id:016x}"));
    }
    for event in &span.events {
        let after = Duration::from_nanos(event.at_ns.saturating_sub(span.start_ns));
        line(out, &format!("• {}", event.name), &format!("+{}", duration_text(after)));
        for (key, value) in &event.attributes {
            line(out, key, value);
        }
    }
    out.push_str("</table></details>\n");
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", text(key), text(value));
}

fn name<'a>(trace: &Trace<'a>) -> &'a str {
    trace.rows.first().map_or("", |row| row.span.name.as_str())
}

fn started(trace: &Trace<'_>) -> String {
    rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_nanos(trace.start_ns))
}

fn total(trace: &Trace<'_>) -> Duration {
    Duration::from_nanos(trace.end_ns.saturating_sub(trace.start_ns))
}

/// Text for an element or a quoted attribute.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in escape::block(raw).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::console::span::Event;

    fn span(text: &str) -> Span {
        Span {
            trace_id: 7,
            span_id: 1,
            name: text.into(),
            kind: "client".into(),
            end_ns: 1_500_000,
            error: Some(text.into()),
            attributes: vec![(text.into(), text.into())],
            events: vec![Event { name: text.into(), at_ns: 700_000, attributes: vec![(text.into(), text.into())] }],
            links: vec![(8, 9)],
            ..Span::default()
        }
    }

    #[test]
    fn a_page_names_every_trace_and_span_and_loads_nothing() {
        let page = page(&[span("pay"), Span { span_id: 2, parent_id: 1, name: "ask".into(), ..span("ask") }], "Last");
        for part in ["<title>Last</title>", "#t00000000000000000000000000000007", "pay", "ask", "1.50 ms", "700 µs"] {
            assert!(page.contains(part), "{part}");
        }
        for load in ["<script", "src=", "url(", "@import", "http://", "https://", "<link", "<img"] {
            assert!(!page.contains(load), "{load}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn no_trace_is_said() {
        assert!(page(&[], "Last").contains("No trace was kept"));
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(raw in any::<String>()) {
            let hostile = format!("<script>alert(1)</script>\"'&{raw}");
            let page = page(&[span(&hostile)], &hostile);
            prop_assert!(!page.contains("<script"));
            prop_assert!(!page.chars().any(|c| escape::is_unsafe(c) && c != '\n' && c != '\t'));
            let body = page.split_once("</style>").unwrap().1;
            prop_assert_eq!(body.matches('<').count(), body.matches('>').count());
        }
    }
}
