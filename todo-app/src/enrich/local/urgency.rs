//! How much a title says that it matters.

use super::{Reading, topics::Category, words::Word};
use crate::domain::Priority;

/// A priority and the words that gave it.
pub(super) struct Found {
    pub priority: Priority,
    pub confidence: f64,
    pub reason: String,
}

/// Phrases that say it, longest first, so that "not urgent" is read before "urgent".
static PHRASES: &[(&str, Priority)] = &[
    ("if there is time", Priority::Low),
    ("at some point", Priority::Low),
    ("nice to have", Priority::Low),
    ("when i have time", Priority::Low),
    ("when possible", Priority::Low),
    ("low priority", Priority::Low),
    ("not important", Priority::Low),
    ("not urgent", Priority::Low),
    ("no rush", Priority::Low),
    ("no hurry", Priority::Low),
    ("one day", Priority::Low),
    ("some day", Priority::Low),
    ("medium priority", Priority::Medium),
    ("as soon as possible", Priority::High),
    ("high priority", Priority::High),
    ("top priority", Priority::High),
    ("final notice", Priority::High),
    ("last chance", Priority::High),
    ("right away", Priority::High),
    ("very important", Priority::High),
    ("someday", Priority::Low),
    ("sometime", Priority::Low),
    ("maybe", Priority::Low),
    ("eventually", Priority::Low),
    ("whenever", Priority::Low),
    ("optional", Priority::Low),
    ("p3", Priority::Low),
    ("p4", Priority::Low),
    ("p2", Priority::Medium),
    ("urgent", Priority::High),
    ("urgently", Priority::High),
    ("asap", Priority::High),
    ("important", Priority::High),
    ("critical", Priority::High),
    ("immediately", Priority::High),
    ("emergency", Priority::High),
    ("overdue", Priority::High),
    ("blocker", Priority::High),
    ("p0", Priority::High),
    ("p1", Priority::High),
];

/// What the title says outright; marks the words that say it.
pub(super) fn find(words: &mut [Word<'_>]) -> Option<Found> {
    if let Some(i) = words.iter().position(|word| word.raw.ends_with("!!")) {
        words[i].used = words[i].plain.is_empty();
        return Some(Found {
            priority: Priority::High,
            confidence: 0.85,
            reason: "the title has exclamation marks".to_owned(),
        });
    }
    // todo.txt writes (A) to (Z) in front.
    if let Some(first) = words.first_mut()
        && let Some((priority, name)) = match first.raw {
            "(A)" => Some((Priority::High, "(A)")),
            "(B)" => Some((Priority::Medium, "(B)")),
            "(C)" | "(D)" => Some((Priority::Low, "(C)")),
            _ => None,
        }
    {
        first.used = true;
        return Some(Found { priority, confidence: 0.95, reason: format!("the title starts with {name}") });
    }
    for (phrase, priority) in PHRASES {
        let parts: Vec<&str> = phrase.split(' ').collect();
        let at = (0..words.len()).find(|at| {
            parts.iter().enumerate().all(|(i, part)| words.get(at + i).is_some_and(|word| word.plain == *part))
        });
        if let Some(at) = at {
            for word in &mut words[at..at + parts.len()] {
                word.used = true;
            }
            return Some(Found {
                priority: *priority,
                confidence: 0.9,
                reason: format!("the title says \"{phrase}\""),
            });
        }
    }
    None
}

/// What follows from the subject: lateness costs money or a chance; leisure can wait.
pub(super) fn implied(reading: &Reading<'_>) -> Option<Found> {
    let verb = reading.verb.map_or("", |verb| verb.phrase);
    let has = |phrase: &str| reading.topics.iter().any(|topic| topic.phrase == phrase);
    let tax = has("tax") || has("tax return") || has("tax office");
    let reason = if verb == "pay" || (tax && matches!(verb, "file" | "submit" | "respond" | "reply" | "answer")) {
        "being late costs money"
    } else if has("exam") && matches!(verb, "study" | "prepare" | "") {
        "an exam does not wait"
    } else if has("prescription") || has("medication") || has("medicine") {
        "it concerns medication"
    } else if has("production") || has("security") {
        "it concerns production or security"
    } else {
        let leisure = reading.topics.iter().any(|topic| topic.category == Category::Leisure);
        return (leisure && matches!(verb, "watch" | "listen to" | "play" | "try")).then(|| Found {
            priority: Priority::Low,
            confidence: 0.5,
            reason: "leisure can wait".to_owned(),
        });
    };
    Some(Found { priority: Priority::High, confidence: 0.6, reason: reason.to_owned() })
}
