//! The agreed form of a reply, and the strict reading of it: a violation rejects the whole reply.

use super::EnrichError;
use crate::domain::{NewSuggestion, Priority, SuggestionValue as Value};
use jiff::{ToSpan, civil::Date};
use serde::Deserialize;

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
        let far = EnrichError::InvalidResponse("due is more than ten years away");
        let (first, last) = (today.saturating_sub(DUE_YEARS.years()), today.saturating_add(DUE_YEARS.years()));
        if !(first..=last).contains(&due) {
            return Err(far);
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
