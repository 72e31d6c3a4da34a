//! The built-in rules: offline, deterministic, no state. They answer in the same form as a model and pass the same checks.
//!
//! English only. A rule that finds nothing proposes nothing; there are no defaults dressed up as findings.

mod dates;
mod effort;
mod topics;
mod urgency;
mod verbs;
mod words;

use super::{EnrichError, EnrichmentRequest, Reply, Usage, parse};
use serde_json::{Map, Value, json};
use todo_otel_runtime::traced;
use topics::{Category, TOPICS, Topic};
use verbs::{VERBS, Verb};
use words::Word;

/// Version of the rules; changes when the same title gives something else.
pub(crate) const MODEL: &str = "rules-1";
/// Most tags that are proposed for one todo.
const TAGS: usize = 4;

/// The built-in rules.
#[derive(Clone, Copy, Debug)]
pub struct Local;

impl Local {
    #[traced(
        name = "ai.provider.local.request",
        attributes(gen_ai.operation.name = "chat", gen_ai.provider.name = "local", gen_ai.request.model = MODEL)
    )]
    pub(crate) async fn request(&self, request: &EnrichmentRequest) -> Result<Reply, EnrichError> {
        let text = answer(request).to_string();
        Ok(Reply { text, id: None, model: None, finish: None, usage: Usage::default(), api: None })
    }
}

/// What the rules know after one pass over the title.
struct Reading<'a> {
    words: Vec<Word<'a>>,
    verb: Option<&'static Verb>,
    /// Words that the verb takes up, from the first unused one on.
    verb_words: Vec<usize>,
    topics: Vec<&'static Topic>,
    hashtags: Vec<String>,
}

fn answer(request: &EnrichmentRequest) -> Value {
    let mut fields = Map::new();
    let mut propose = |field: &str, value: Value, confidence: f64, reason: String| {
        fields.insert(field.to_owned(), json!({ "value": value, "confidence": confidence, "reason": short(reason) }));
    };
    let title = parse::visible(&request.title);
    let mut words = words::split(&title);
    let hashtags = take_hashtags(&mut words);
    let urgency = urgency::find(&mut words);
    let effort = effort::stated(&mut words);
    let due = dates::find(&mut words, request.today);
    let reading = read(words, hashtags);

    if let Some((category, confidence, because)) = category(&reading, request) {
        propose("category", json!(category.as_str()), confidence, because);
    }
    if let Some(found) = urgency.or_else(|| urgency::implied(&reading)) {
        propose("priority", json!(found.priority.as_str()), found.confidence, found.reason);
    }
    if let Some(found) = effort.or_else(|| effort::usual(&reading)) {
        propose("estimate_minutes", json!(found.minutes), found.confidence, found.reason);
    }
    // A day that is over, or in another life, is mentioned rather than meant.
    let usable = |found: &dates::Found| found.date >= request.today && parse::is_near(found.date, request.today);
    if let Some(found) = due.filter(usable) {
        propose("due", json!(found.date.to_string()), found.confidence, format!("the title says \"{}\"", found.text));
    }
    let tags = tags(&reading, &request.tags);
    if !tags.is_empty() {
        let confidence = if reading.hashtags.is_empty() { 0.7 } else { 0.9 };
        propose("tags", json!(tags), confidence, "from the words of the title".to_owned());
    }
    if let Some((step, confidence)) = next_step(&reading) {
        let because = match reading.verb {
            Some(verb) => format!("the usual start of \"{}\"", verb.phrase),
            None => "a start that suits most things".to_owned(),
        };
        propose("next_step", json!(step), confidence, because);
    }
    Value::Object(fields)
}

/// `#garden` and Taskwarrior's `+garden`.
fn take_hashtags(words: &mut [Word<'_>]) -> Vec<String> {
    let mut tags = Vec::new();
    for word in words {
        let Some(name) = word.plain.strip_prefix(['#', '+']) else { continue };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if starts && name.len() <= parse::TAG_CHARS && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            word.used = true;
            tags.push(name.to_owned());
        }
    }
    tags
}

fn read<'a>(words: Vec<Word<'a>>, hashtags: Vec<String>) -> Reading<'a> {
    const POLITE: [&str; 12] =
        ["please", "todo", "remember", "need", "have", "must", "should", "want", "to", "i", "don't", "forget"];
    let unused = |i: &usize| !words[*i].used;
    let start = (0..words.len()).filter(unused).find(|i| !POLITE.contains(&words[*i].plain.as_str()));
    let rest: Vec<usize> = start.map_or_else(Vec::new, |start| (start..words.len()).filter(unused).collect());
    let head: Vec<String> = rest.iter().take(3).map(|i| words[*i].plain.clone()).collect();
    let (verb, length) = match words::lookup(VERBS, |verb| verb.phrase, &head, 0) {
        Some((verb, length)) if verb.phrase.len() >= head[..length].join(" ").len() => (Some(verb), length),
        _ => (None, 0),
    };
    let verb_words: Vec<usize> = rest.iter().take(length).copied().collect();
    // "Rent a car" is about a car, not about the rent.
    let said = words.iter().enumerate().filter(|(i, word)| !word.used && !verb_words.contains(i));
    let tokens = words::tokens(said.map(|(_, word)| word.plain.as_str()));
    Reading { verb, verb_words, topics: topics_in(&tokens), hashtags, words }
}

/// Longest entries first, left to right, each token used once.
fn topics_in(tokens: &[String]) -> Vec<&'static Topic> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match words::lookup(TOPICS, |topic| topic.phrase, tokens, at) {
            Some((topic, length)) => {
                found.push(topic);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

/// The subject with the most evidence: the verb, the nouns, and with less weight project, tags and description.
fn category(reading: &Reading<'_>, request: &EnrichmentRequest) -> Option<(Category, f64, String)> {
    let mut scores: Vec<(Category, u32, &str)> = Vec::new();
    let mut add = |category: Category, points: u32, word: &'static str| match scores
        .iter_mut()
        .find(|(known, ..)| *known == category)
    {
        Some((_, score, _)) => *score += points,
        None if points > 0 => scores.push((category, points, word)),
        None => {}
    };
    if let Some(verb) = reading.verb {
        add(verb.category, 4 * u32::from(verb.weight), verb.phrase);
    }
    for topic in &reading.topics {
        add(topic.category, 4 * u32::from(topic.weight), topic.phrase);
    }
    let around = request.project.iter().chain(&request.tags).chain(&reading.hashtags).map(String::as_str);
    for topic in topics_in(&words::tokens(around)) {
        add(topic.category, 3 * u32::from(topic.weight), topic.phrase);
    }
    for topic in topics_in(&words::tokens(request.description.iter().map(String::as_str))).into_iter().take(8) {
        add(topic.category, u32::from(topic.weight), topic.phrase);
    }
    let total: u32 = scores.iter().map(|(_, score, _)| score).sum();
    let (category, score, word) = scores.into_iter().rev().max_by_key(|(_, score, _)| *score)?;
    let share = f64::from(score) / f64::from(total);
    // Strength counts as well as share: a single weak hint stays a weak hint.
    let strength = f64::from(score.min(16)) / 16.0;
    let confidence = (0.35 + 0.6 * share * strength).min(0.95);
    Some((category, round(confidence), format!("\"{word}\" points to {}", category.as_str())))
}

fn tags(reading: &Reading<'_>, known: &[String]) -> Vec<String> {
    let mut topics = reading.topics.clone();
    topics.sort_by_key(|topic| std::cmp::Reverse(topic.weight));
    let hashtags = reading.hashtags.iter().map(String::as_str);
    let verb = reading.verb.iter().map(|verb| verb.tag);
    let mut tags: Vec<String> = Vec::new();
    for tag in hashtags.chain(topics.iter().take(2).map(|topic| topic.tag)).chain(verb) {
        let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(tag));
        if !tag.is_empty() && !is_known && !tags.iter().any(|t| t == tag) && tags.len() < TAGS {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// How to begin, in the words of the title.
fn next_step(reading: &Reading<'_>) -> Option<(String, f64)> {
    let object = object(reading);
    match reading.verb {
        None if object.is_empty() => None,
        Some(verb) if object.is_empty() => Some((format!("Choose a time to {}", verb.phrase), 0.4)),
        Some(verb) => Some((verb.step.replace("{}", &object), 0.6)),
        None if reading.topics.iter().any(|topic| topic.minutes > 0) => {
            Some((format!("Note time, place and what to bring: {object}"), 0.6))
        }
        None => Some((format!("Spend ten minutes on the first part of: {object}"), 0.35)),
    }
}

/// What is left of the title without verb, date, effort, urgency and tags; at most 100 characters.
fn object(reading: &Reading<'_>) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for (i, word) in reading.words.iter().enumerate() {
        let number_only = word.plain.is_empty();
        if !word.used && !reading.verb_words.contains(&i) && !number_only {
            parts.push(word.raw);
        }
    }
    const LOOSE: [&str; 10] = ["to", "for", "by", "on", "with", "at", "in", "about", "the", "until"];
    while parts.last().is_some_and(|last| LOOSE.contains(last)) {
        parts.pop();
    }
    while parts.first().is_some_and(|first| matches!(*first, "to" | "for" | "with" | "about" | "up" | "on" | "-" | ":"))
    {
        parts.remove(0);
    }
    let text = parts.join(" ");
    let text = text.trim_matches(|c: char| matches!(c, ',' | ';' | ':' | '-' | '.' | '!' | ' '));
    text.chars().take(100).collect::<String>().trim_end().to_owned()
}

fn round(confidence: f64) -> f64 {
    (confidence * 100.0).round() / 100.0
}

fn short(text: String) -> String {
    text.chars().take(parse::TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests;
