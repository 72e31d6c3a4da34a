//! One span as one line of JSON. What cannot be read is left out, never guessed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    console::span::{Event, Span},
    logs::escape::json_string,
};

/// Appends the span and a newline.
pub(super) fn write(out: &mut String, span: &Span) {
    let _ = write!(
        out,
        "{{\"t\":\"{:032x}\",\"s\":\"{:016x}\",\"p\":\"{:016x}\",\"r\":{},\"b\":{},\"e\":{},\"n\":",
        span.trace_id, span.span_id, span.parent_id, span.parent_is_remote, span.start_ns, span.end_ns
    );
    json_string(out, &span.name);
    out.push_str(",\"k\":");
    json_string(out, &span.kind);
    if let Some(error) = &span.error {
        out.push_str(",\"x\":");
        json_string(out, error);
    }
    out.push_str(",\"a\":");
    pairs(out, &span.attributes);
    if !span.events.is_empty() {
        out.push_str(",\"v\":[");
        for (index, event) in span.events.iter().enumerate() {
            let _ = write!(out, "{}{{\"b\":{},\"n\":", if index > 0 { "," } else { "" }, event.at_ns);
            json_string(out, &event.name);
            out.push_str(",\"a\":");
            pairs(out, &event.attributes);
            out.push('}');
        }
        out.push(']');
    }
    if !span.links.is_empty() {
        out.push_str(",\"l\":[");
        for (index, (trace_id, span_id)) in span.links.iter().enumerate() {
            let _ = write!(out, "{}\"{trace_id:032x}{span_id:016x}\"", if index > 0 { "," } else { "" });
        }
        out.push(']');
    }
    out.push_str("}\n");
}

fn pairs(out: &mut String, pairs: &[(String, String)]) {
    out.push('[');
    for (index, (key, value)) in pairs.iter().enumerate() {
        out.push_str(if index > 0 { ",[" } else { "[" });
        json_string(out, key);
        out.push(',');
        json_string(out, value);
        out.push(']');
    }
    out.push(']');
}

/// `None`: not a span.
pub(super) fn read(line: &str) -> Option<Span> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value[key].as_str();
    let start_ns = value["b"].as_u64()?;
    Some(Span {
        trace_id: u128::from_str_radix(text("t")?, 16).ok()?,
        span_id: u64::from_str_radix(text("s")?, 16).ok()?,
        parent_id: u64::from_str_radix(text("p")?, 16).ok()?,
        parent_is_remote: value["r"].as_bool()?,
        start_ns,
        end_ns: value["e"].as_u64()?.max(start_ns),
        name: text("n")?.to_owned(),
        kind: text("k")?.to_owned(),
        error: text("x").map(str::to_owned),
        attributes: read_pairs(&value["a"]),
        events: value["v"].as_array().map_or_else(Vec::new, |events| events.iter().filter_map(read_event).collect()),
        links: value["l"].as_array().map_or_else(Vec::new, |links| links.iter().filter_map(read_link).collect()),
    })
}

fn read_pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    value.as_array().map_or_else(Vec::new, |pairs| pairs.iter().filter_map(pair).collect())
}

fn read_event(value: &Value) -> Option<Event> {
    Some(Event {
        name: value["n"].as_str()?.to_owned(),
        at_ns: value["b"].as_u64()?,
        attributes: read_pairs(&value["a"]),
    })
}

fn read_link(value: &Value) -> Option<(u128, u64)> {
    let text = value.as_str().filter(|text| text.len() == 48 && text.is_ascii())?;
    Some((u128::from_str_radix(&text[..32], 16).ok()?, u64::from_str_radix(&text[32..], 16).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_span_comes_back_as_it_was(
            ids in any::<(u128, u64, u64, bool, u64, u32)>(),
            texts in proptest::collection::vec(any::<String>(), 6),
            error in any::<Option<String>>(),
        ) {
            let start_ns = ids.4 >> 1;
            let span = Span {
                trace_id: ids.0,
                span_id: ids.1,
                parent_id: ids.2,
                parent_is_remote: ids.3,
                start_ns,
                end_ns: start_ns + u64::from(ids.5),
                name: texts[0].clone(),
                kind: texts[1].clone(),
                error,
                attributes: vec![(texts[2].clone(), texts[3].clone())],
                events: vec![Event {
                    name: texts[4].clone(),
                    at_ns: start_ns,
                    attributes: vec![(texts[5].clone(), String::new())],
                }],
                links: vec![(ids.0, ids.1)],
            };
            let mut line = String::new();
            write(&mut line, &span);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(read(&line), Some(span));
        }

        #[test]
        fn damage_is_no_span_and_no_panic(line in any::<String>()) {
            let _ = read(&line);
        }
    }
}
