//! The agreed form of a reply, and the strict reading of it: a violation rejects the whole reply.

use super::EnrichError;
use crate::domain::{NewSuggestion, Priority, SuggestionValue as Value};
use jiff::{ToSpan, civil::Date};
use serde::Deserialize;
use todo_otel_runtime::traced;

/// Most characters of a category.
pub(crate) const CATEGORY_CHARS: usize = 40;
/// Most characters of a next step or a reason.
pub(crate) const TEXT_CHARS: usize = 200;
/// Most tags.
pub(crate) const TAGS: usize = 10;
/// Most characters of a tag.
pub(crate) const TAG_CHARS: usize = 32;
/// A year of minutes.
pub(crate) const ESTIMATE_MINUTES: u32 = 366 * 24 * 60;
/// Deepest nesting; the agreed form needs three.
pub(crate) const DEPTH: usize = 32;
/// A date further away than this is a mistake.
const DUE_YEARS: i32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    category: Option<Proposal<String>>,
    priority: Option<Proposal<String>>,
    estimate_minutes: Option<Proposal<u32>>,
    due: Option<Proposal<String>>,
    tags: Option<Proposal<Vec<String>>>,
    next_step: Option<Proposal<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal<T> {
    value: T,
    confidence: f64,
    reason: String,
}

/// Reads a reply of the agreed schema.
#[traced(name = "ai.response.parse")]
pub(crate) fn reply(text: &str, today: Date) -> Result<Vec<NewSuggestion>, EnrichError> {
    if depth(text) > DEPTH {
        return Err(EnrichError::InvalidResponse("nested too deeply"));
    }
    let wire: Wire = serde_json::from_str(bare(text)).map_err(|error| {
        EnrichError::InvalidResponse(if error.is_data() { "not of the agreed schema" } else { "not JSON" })
    })?;
    let mut suggestions = Vec::new();
    let mut push = |value: Value, confidence: f64, reason: &str| -> Result<(), EnrichError> {
        if !(0.0..=1.0).contains(&confidence) {
            return Err(EnrichError::InvalidResponse("confidence is not between 0 and 1"));
        }
        let reason = bounded(reason, TEXT_CHARS, "reason is too long")?;
        suggestions.push(NewSuggestion { value, confidence, reason });
        Ok(())
    };
    if let Some(p) = wire.category {
        let category = bounded(&p.value, CATEGORY_CHARS, "category is too long")?;
        push(Value::Category(not_empty(category, "category is empty")?), p.confidence, &p.reason)?;
    }
    if let Some(p) = wire.priority {
        let priority = Priority::ALL.into_iter().find(|priority| priority.as_str() == p.value);
        let priority = priority.ok_or(EnrichError::InvalidResponse("priority is not low, medium or high"))?;
        push(Value::Priority(priority), p.confidence, &p.reason)?;
    }
    if let Some(p) = wire.estimate_minutes {
        if !(1..=ESTIMATE_MINUTES).contains(&p.value) {
            return Err(EnrichError::InvalidResponse("estimate is not between one minute and one year"));
        }
        push(Value::Estimate(p.value), p.confidence, &p.reason)?;
    }
    if let Some(p) = wire.due {
        let due: Date = p.value.parse().map_err(|_| EnrichError::InvalidResponse("due is not a date"))?;
        if !is_near(due, today) {
            return Err(EnrichError::InvalidResponse("due is more than ten years away"));
        }
        push(Value::Due(due), p.confidence, &p.reason)?;
    }
    if let Some(p) = wire.tags {
        let tags = tags(p.value)?;
        if !tags.is_empty() {
            push(Value::Tags(tags), p.confidence, &p.reason)?;
        }
    }
    if let Some(p) = wire.next_step {
        let step = bounded(&p.value, TEXT_CHARS, "next step is too long")?;
        push(Value::NextStep(not_empty(step, "next step is empty")?), p.confidence, &p.reason)?;
    }
    Ok(suggestions)
}

/// Within ten years, before or after.
pub(crate) fn is_near(date: Date, today: Date) -> bool {
    (today.saturating_sub(DUE_YEARS.years())..=today.saturating_add(DUE_YEARS.years())).contains(&date)
}

fn tags(proposed: Vec<String>) -> Result<Vec<String>, EnrichError> {
    if proposed.len() > TAGS {
        return Err(EnrichError::InvalidResponse("more than ten tags"));
    }
    let mut tags: Vec<String> = Vec::with_capacity(proposed.len());
    for tag in proposed {
        let letters = tag.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !letters || !(1..=TAG_CHARS).contains(&tag.len()) {
            return Err(EnrichError::InvalidResponse("a tag is not of the form [a-z0-9-]{1,32}"));
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn not_empty(text: String, rule: &'static str) -> Result<String, EnrichError> {
    if text.is_empty() { Err(EnrichError::InvalidResponse(rule)) } else { Ok(text) }
}

/// What some models put around their answer: a train of thought before it, a code fence around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let text = match text.strip_prefix("<think>").and_then(|rest| rest.split_once("</think>")) {
        Some((_, answer)) => answer.trim(),
        None => text,
    };
    let fenced = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    fenced.and_then(|rest| rest.strip_suffix("```")).map_or(text, str::trim)
}

/// Deepest nesting of brackets outside of strings.
pub(crate) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// One line without invisible characters, within the limit.
fn bounded(text: &str, limit: usize, rule: &'static str) -> Result<String, EnrichError> {
    if text.chars().count() > limit {
        return Err(EnrichError::InvalidResponse(rule));
    }
    Ok(visible(text))
}

/// Control and bidi characters removed; line breaks and tabs become one space.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if is_unsafe(c) => {}
            c => out.push(c),
        }
    }
    let words: Vec<&str> = out.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Characters that can move a cursor, hide text or change its direction.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    const TODAY: Date = date(2026, 3, 11);

    fn valid() -> Json {
        let field = |value: Json| json!({ "value": value, "confidence": 0.5, "reason": "because" });
        json!({
            "category": field(json!("home")),
            "priority": field(json!("high")),
            "estimate_minutes": field(json!(30)),
            "due": field(json!("2026-03-12")),
            "tags": field(json!(["a", "b-2"])),
            "next_step": field(json!("Begin")),
        })
    }

    #[test]
    fn a_valid_reply_is_taken_in_the_order_of_the_fields() {
        let suggestions = reply(&valid().to_string(), TODAY).unwrap();
        let texts: Vec<_> = suggestions.iter().map(|s| s.value.to_text()).collect();
        assert_eq!(texts, ["home", "high", "30", "2026-03-12", "a,b-2", "Begin"]);
    }

    #[test]
    fn absent_and_null_fields_propose_nothing() {
        assert_eq!(reply("{}", TODAY), Ok(Vec::new()));
        assert_eq!(reply("{\"due\":null}", TODAY), Ok(Vec::new()));
    }

    /// One wrong field, and nothing of the reply is kept.
    #[track_caller]
    fn violates(pointer: &str, value: Json) {
        let mut bad = valid();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        assert!(matches!(reply(&bad.to_string(), TODAY), Err(EnrichError::InvalidResponse(_))), "{pointer} = {value}");
    }

    #[test]
    fn every_violation_rejects_the_whole_reply() {
        let long = |n: usize| json!("x".repeat(n));
        for value in [long(41), json!(""), json!("\u{200b}"), json!(7), Json::Null] {
            violates("/category/value", value);
        }
        for value in [json!("urgent"), json!("HIGH"), json!(1), Json::Null] {
            violates("/priority/value", value);
        }
        for value in [json!(0), json!(-5), json!(527_041), json!(1.5), json!("30"), json!(1e12)] {
            violates("/estimate_minutes/value", value);
        }
        for value in ["tomorrow", "2026-02-30", "2036-03-12", "2016-03-10", "", "12/03/2026", "9999-99-99"] {
            violates("/due/value", json!(value));
        }
        for value in [
            json!(["A"]),
            json!([""]),
            json!(["two words"]),
            json!(["ü"]),
            json!(["x".repeat(33)]),
            json!(["a", 1]),
            json!("a"),
            json!((0..11).map(|n| format!("t{n}")).collect::<Vec<_>>()),
        ] {
            violates("/tags/value", value);
        }
        for value in [long(201), json!(" "), json!(["step"])] {
            violates("/next_step/value", value);
        }
        for value in [json!(1.01), json!(-0.1), json!("high"), Json::Null] {
            violates("/due/confidence", value);
        }
        for value in [long(201), json!(5), Json::Null] {
            violates("/due/reason", value);
        }
        violates("/due", json!("2026-03-12"));
        violates("/due", json!({ "value": "2026-03-12", "confidence": 1 }));
        violates("/due", json!({ "value": "2026-03-12", "confidence": 1, "reason": "", "run": "ls" }));
        for extra in ["accept", "delete", "title", "id"] {
            let mut bad = valid();
            bad[extra] = json!(true);
            assert!(reply(&bad.to_string(), TODAY).is_err(), "{extra}");
        }
        let twice = r#"{"due":null,"due":{"value":"2026-03-12","confidence":1,"reason":""}}"#;
        assert!(reply(twice, TODAY).is_err(), "a field given twice");
        let trailing = format!("{} and by the way", valid());
        assert!(reply(&trailing, TODAY).is_err());
    }

    #[test]
    fn limits_are_inclusive() {
        let mut edge = valid();
        edge["category"]["value"] = json!("c".repeat(CATEGORY_CHARS));
        edge["next_step"]["value"] = json!("ü".repeat(TEXT_CHARS));
        edge["due"]["value"] = json!("2036-03-11");
        edge["estimate_minutes"]["value"] = json!(ESTIMATE_MINUTES);
        edge["tags"]["value"] = json!((0..10).map(|n| format!("t{n}")).collect::<Vec<_>>());
        edge["due"]["confidence"] = json!(1);
        assert_eq!(reply(&edge.to_string(), TODAY).unwrap().len(), 6);
    }

    #[test]
    fn hidden_characters_are_removed_and_visible_ones_stay() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\u{0}"), "a[31mbc");
        assert_eq!(visible(" two\n\n lines\tand\u{2028}more "), "two lines and more");
        assert_eq!(visible("Grüße an 👩\u{200d}🚀, 日本"), "Grüße an 👩\u{200d}🚀, 日本");
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        for (text, expected) in [("", 0), ("{}", 1), ("[[1],[2]]", 2), (r#"{"a":"[[[[\"{{"}"#, 1), ("]]][", 1)] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_without_a_panic(text in "\\PC*", json in any::<Vec<u8>>()) {
            let _ = reply(&text, TODAY);
            let _ = reply(&String::from_utf8_lossy(&json), TODAY);
        }

        #[test]
        fn whatever_is_taken_can_be_shown(step in any::<String>(), reason in any::<String>()) {
            let text = json!({ "next_step": { "value": step, "confidence": 0.5, "reason": reason } }).to_string();
            for suggestion in reply(&text, TODAY).unwrap_or_default() {
                let shown = suggestion.value.to_text() + &suggestion.reason;
                prop_assert!(!shown.chars().any(is_unsafe));
            }
        }
    }
}
