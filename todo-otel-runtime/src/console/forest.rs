//! Spans as trees: which trace, which parent, in which order. Works without recursion, so that depth costs no stack, and
//! survives parents that are missing or go round in circles.

use std::collections::{HashMap, HashSet};

use super::span::Span;

/// The spans of one trace.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    pub id: u128,
    /// Earliest start and latest end.
    pub start_ns: u64,
    pub end_ns: u64,
    pub errors: usize,
    /// Depth first, siblings by start.
    pub rows: Vec<Row<'a>>,
}

/// A span at its place.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub span: &'a Span,
    pub depth: usize,
    /// The last among its siblings.
    pub last: bool,
}

/// Traces in order of their start.
pub(crate) fn plant(spans: &[Span]) -> Vec<Trace<'_>> {
    let mut by_trace: HashMap<u128, Vec<&Span>> = HashMap::new();
    for span in spans {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<Trace<'_>> = by_trace.into_iter().map(|(id, spans)| trace(id, spans)).collect();
    traces.sort_by_key(|trace| (trace.start_ns, trace.id));
    traces
}

fn trace(id: u128, mut spans: Vec<&Span>) -> Trace<'_> {
    // The same span twice, as after a repeated delivery, is one.
    let mut seen = HashSet::new();
    spans.retain(|span| seen.insert(span.span_id));
    spans.sort_by_key(|span| (span.start_ns, span.span_id));

    let mut children: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut tops = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        if span.parent_id != 0 && span.parent_id != span.span_id && seen.contains(&span.parent_id) {
            children.entry(span.parent_id).or_default().push(index);
        } else {
            tops.push(index);
        }
    }
    let mut rows = Vec::with_capacity(spans.len());
    let mut placed = vec![false; spans.len()];
    descend(&spans, &children, tops, &mut placed, &mut rows);
    // What is left hangs on a circle.
    while let Some(index) = placed.iter().position(|placed| !placed) {
        descend(&spans, &children, vec![index], &mut placed, &mut rows);
    }
    Trace {
        id,
        start_ns: spans.iter().map(|span| span.start_ns).min().unwrap_or(0),
        end_ns: spans.iter().map(|span| span.end_ns).max().unwrap_or(0),
        errors: spans.iter().filter(|span| span.error.is_some()).count(),
        rows,
    }
}

fn descend<'a>(
    spans: &[&'a Span],
    children: &HashMap<u64, Vec<usize>>,
    tops: Vec<usize>,
    placed: &mut [bool],
    rows: &mut Vec<Row<'a>>,
) {
    let mut stack = Vec::new();
    let push = |stack: &mut Vec<(usize, usize, bool)>, siblings: &[usize], depth: usize| {
        let last = siblings.len().saturating_sub(1);
        stack.extend(siblings.iter().enumerate().rev().map(|(i, &index)| (index, depth, i == last)));
    };
    push(&mut stack, &tops, 0);
    while let Some((index, depth, last)) = stack.pop() {
        if std::mem::replace(&mut placed[index], true) {
            continue;
        }
        rows.push(Row { span: spans[index], depth, last });
        if let Some(below) = children.get(&spans[index].span_id) {
            push(&mut stack, below, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(trace_id: u128, span_id: u64, parent_id: u64, start_ns: u64) -> Span {
        Span {
            trace_id,
            span_id,
            parent_id,
            start_ns,
            end_ns: start_ns + 10,
            name: format!("s{span_id}"),
            ..Span::default()
        }
    }

    fn shape(spans: &[Span]) -> Vec<String> {
        plant(spans)
            .iter()
            .flat_map(|trace| trace.rows.iter().map(|row| format!("{}{}", "-".repeat(row.depth), row.span.name)))
            .collect()
    }

    #[test]
    fn children_follow_their_parents_by_start_and_traces_by_theirs() {
        let spans = [span(2, 9, 0, 500), span(1, 3, 1, 30), span(1, 2, 1, 20), span(1, 4, 2, 40), span(1, 1, 0, 10)];
        assert_eq!(shape(&spans), ["s1", "-s2", "--s4", "-s3", "s9"]);
    }

    #[test]
    fn a_missing_parent_a_repeat_and_a_circle_lose_nothing() {
        assert_eq!(shape(&[span(1, 5, 99, 5), span(1, 5, 99, 5)]), ["s5"]);
        assert_eq!(shape(&[span(1, 1, 2, 1), span(1, 2, 1, 2), span(1, 3, 3, 3)]), ["s3", "s1", "-s2"]);
    }

    #[test]
    fn depth_costs_no_stack() {
        let spans: Vec<_> = (1..=50_000).map(|id| span(1, id, id - 1, id)).collect();
        assert_eq!(plant(&spans)[0].rows.last().map(|row| row.depth), Some(49_999));
    }
}
