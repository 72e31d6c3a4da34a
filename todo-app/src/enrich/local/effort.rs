//! How long it takes: what the title says, else what is usual.

use super::{Reading, topics::Category, words::Word, words::number};
use crate::enrich::parse::ESTIMATE_MINUTES;

/// Minutes of work and why.
pub(super) struct Found {
    pub minutes: u32,
    pub confidence: f64,
    pub reason: String,
}

/// `30 min`, `(2h)`, `1.5 hours`, `half an hour`; not `in 2 hours`, which is a time. Marks the words.
pub(super) fn stated(words: &mut [Word<'_>]) -> Option<Found> {
    let plain: Vec<String> = words.iter().map(|word| word.plain.clone()).collect();
    let word = |i: usize| plain.get(i).map_or("", String::as_str);
    let (at, length, minutes) = (0..plain.len()).find_map(|at| {
        let before = at.checked_sub(1).map_or("", &word);
        if matches!(before, "in" | "within" | "every" | "at" | "by") {
            return None;
        }
        if word(at) == "half" && word(at + 1) == "an" && word(at + 2) == "hour" {
            return Some((at, 3, 30.0));
        }
        let digits = word(at).trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if digits.len() < word(at).len() && !digits.is_empty() {
            return Some((at, 1, digits.parse::<f64>().ok()? * unit(&word(at)[digits.len()..])?));
        }
        let count = number(word(at)).map(f64::from).or_else(|| word(at).parse().ok())?;
        Some((at, 2, count * unit(word(at + 1))?))
    })?;
    let minutes = minutes.round();
    if !(1.0..=f64::from(ESTIMATE_MINUTES)).contains(&minutes) {
        return None;
    }
    let text = plain[at..at + length].join(" ");
    let start = if at > 0 && word(at - 1) == "for" { at - 1 } else { at };
    for word in &mut words[start..at + length] {
        word.used = true;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked against the range above")]
    let minutes = minutes as u32;
    Some(Found { minutes, confidence: 0.95, reason: format!("the title says \"{text}\"") })
}

fn unit(name: &str) -> Option<f64> {
    match name {
        "m" | "min" | "mins" | "minute" | "minutes" => Some(1.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(60.0),
        _ => None,
    }
}

/// Without verb and event only the subject is left; a weak hint.
fn by_subject(reading: &Reading<'_>) -> Option<Found> {
    let topic = reading.topics.iter().max_by_key(|topic| topic.weight)?;
    let minutes = match topic.category {
        Category::Communication | Category::Finance => 15,
        Category::Shopping | Category::Errands | Category::Paperwork => 30,
        Category::Home | Category::Health | Category::Work | Category::Learning => 45,
        Category::Travel | Category::Social => 60,
        Category::Development | Category::Leisure => 90,
    };
    Some(Found { minutes, confidence: 0.3, reason: format!("usual for {}", topic.category.as_str()) })
}

/// What is usual for the verb, or for the event that the title names.
pub(super) fn usual(reading: &Reading<'_>) -> Option<Found> {
    let event = reading.topics.iter().find(|topic| topic.minutes > 0);
    let development = reading.topics.iter().any(|topic| topic.category == Category::Development && topic.weight >= 3);
    let (minutes, what) = match (reading.verb, event) {
        (Some(verb), _) if development && matches!(verb.phrase, "fix" | "write" | "add" | "replace") => {
            (120, verb.phrase)
        }
        // The verb is about the event, not the event itself.
        (Some(verb), Some(event))
            if matches!(verb.phrase, "do" | "go" | "go to" | "go for" | "get" | "watch" | "visit") =>
        {
            (event.minutes, event.phrase)
        }
        (Some(verb), _) => (verb.minutes, verb.phrase),
        (None, Some(event)) => (event.minutes, event.phrase),
        (None, None) => return by_subject(reading),
    };
    let has = |names: &[&str]| reading.words.iter().any(|word| names.contains(&word.plain.as_str()));
    let (minutes, confidence) = if has(&["quick", "quickly", "small", "briefly"]) {
        (minutes.min(15), 0.6)
    } else if has(&["whole", "entire", "all", "thoroughly", "every"]) {
        (minutes * 2, 0.4)
    } else {
        (minutes, 0.5)
    };
    Some(Found { minutes, confidence, reason: format!("usual for \"{what}\"") })
}
