//! Dates as people write them into a title.

use jiff::{ToSpan, civil::Date};

/// A date and the words that named it.
pub(super) struct Found {
    pub date: Date,
    pub text: String,
}

/// The first date in a lower-case title.
pub(super) fn find(title: &str, today: Date) -> Option<Found> {
    for word in title.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let date = match word {
            "today" | "tonight" => Some(today),
            "tomorrow" => today.checked_add(1.day()).ok(),
            _ => word.parse().ok(),
        };
        if let Some(date) = date {
            return Some(Found { date, text: word.to_owned() });
        }
    }
    None
}
