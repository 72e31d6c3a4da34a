//! Dates as people write them into a title, English only. Times of day are recognised, but only to leave them out.

use super::words::{Word, number};
use crate::domain::date::{month, weekday};
use jiff::{
    Span, ToSpan,
    civil::{Date, Weekday},
};

/// A date and the words that named it.
pub(super) struct Found {
    pub date: Date,
    pub text: String,
    /// 0.5 where the order of day and month is a guess, else near 1.
    pub confidence: f64,
}

/// Date, number of words, confidence.
type Match = Option<(Date, usize, f64)>;

/// The first date in a title; marks the words that belong to it.
pub(super) fn find(words: &mut [Word<'_>], today: Date) -> Option<Found> {
    let plain: Vec<String> = words.iter().map(|word| word.plain.clone()).collect();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    let found = (0..plain.len()).find_map(|at| {
        let mut before = at.checked_sub(1).map_or("", |i| plain[i]);
        if before == "the" && at > 1 {
            before = plain[at - 2];
        }
        if matches!(before, "last" | "since" | "past") {
            return None;
        }
        let (date, length, confidence) = at_position(&plain, at, before, today)?;
        Some((at, date, length, confidence, before))
    });
    let clock = clock_words(&plain);
    let Some((at, mut date, length, confidence, before)) = found else {
        mark(words, &clock);
        return None;
    };
    if before == "before" && date > today {
        date = date.yesterday().ok()?;
    }
    let text = plain[at..at + length].join(" ");
    let mut used: Vec<usize> = (at..at + length).collect();
    used.extend(clock);
    let last = plain.len() == at + length || used.contains(&(at + length));
    let preposition = |i: usize| {
        matches!(
            plain[i],
            "by" | "on" | "before" | "until" | "till" | "due" | "for" | "every" | "from" | "starting" | "the" | "to"
        )
    };
    if last {
        let mut i = at;
        while i > 0 && preposition(i - 1) {
            i -= 1;
            used.push(i);
        }
    }
    mark(words, &used);
    Some(Found { date, text, confidence })
}

fn mark(words: &mut [Word<'_>], used: &[usize]) {
    for i in used {
        words[*i].used = true;
    }
}

fn at_position(words: &[&str], at: usize, before: &str, today: Date) -> Match {
    let word = |offset: usize| words.get(at + offset).copied().unwrap_or("");
    let days = |n: i64| today.checked_add(n.days()).ok();
    let (first, second, third) = (word(0), word(1), word(2));
    let sure = |date: Option<Date>, length: usize| date.map(|date| (date, length, 0.95));
    match (first, second, third) {
        ("today" | "tonight" | "eod", ..) => return sure(Some(today), 1),
        ("end", "of", "day") | ("this", "morning" | "afternoon" | "evening", _) => {
            return sure(Some(today), if first == "end" { 3 } else { 2 });
        }
        ("tomorrow" | "tmrw" | "tmr", ..) => {
            let length = if matches!(second, "morning" | "afternoon" | "evening" | "night") { 2 } else { 1 };
            return sure(days(1), length);
        }
        ("day", "after", "tomorrow") => return sure(days(2), 3),
        ("next", "week", _) => return sure(next_monday(today), 2),
        ("next", "month", _) => return sure(today.first_of_month().checked_add(1.month()).ok(), 2),
        ("next", "year", _) => return sure(today.first_of_year().checked_add(1.year()).ok(), 2),
        ("next", "weekend", _) => return sure(upcoming(today, Weekday::Saturday)?.checked_add(7.days()).ok(), 2),
        ("this" | "the", "weekend", _) => return sure(upcoming(today, Weekday::Saturday), 2),
        ("this", "week", _) => return sure(end_of_week(today), 2),
        ("this", "month", _) | ("eom", ..) => {
            return sure(Some(today.last_of_month()), if first == "eom" { 1 } else { 2 });
        }
        ("eow", ..) => return sure(end_of_week(today), 1),
        ("eoy", ..) => return sure(Some(today.last_of_year()), 1),
        ("end", "of", _) => {
            let skip = usize::from(matches!(third, "the" | "this"));
            let date = match word(2 + skip) {
                "week" => end_of_week(today),
                "month" => Some(today.last_of_month()),
                "year" => Some(today.last_of_year()),
                name => month(name).and_then(|month| next_in_year(today, month, 1)).map(Date::last_of_month),
            };
            return sure(date, 3 + skip);
        }
        ("in" | "within", count, unit) => {
            let date = number(count).and_then(|n| after(today, n, unit));
            return sure(date, 3);
        }
        (count, unit, "from") if word(3) == "now" => {
            return sure(number(count).and_then(|n| after(today, n, unit)), 4);
        }
        _ => {}
    }
    if let Some(found) = weekday_at(first, second, before, at + 1 == words.len(), today) {
        return Some(found);
    }
    if let Some(found) = month_and_day(words, at, before, today) {
        return Some(found);
    }
    if let Some(found) = holiday(first, second, third, before, today) {
        return Some(found);
    }
    numeric(first, today)
}

fn after(today: Date, count: u32, unit: &str) -> Option<Date> {
    let n = i64::from(count);
    let span: Span = match unit.trim_end_matches('s') {
        "day" => n.days(),
        "week" => n.weeks(),
        "fortnight" => (n * 2).weeks(),
        "month" => n.months(),
        "year" => n.years(),
        _ => return None,
    };
    today.checked_add(span).ok()
}

fn next_monday(today: Date) -> Option<Date> {
    today.nth_weekday(1, Weekday::Monday).ok()
}

/// This day of the week, today included.
fn upcoming(today: Date, day: Weekday) -> Option<Date> {
    today.yesterday().ok()?.nth_weekday(1, day).ok()
}

/// Friday; on a weekend the Sunday.
fn end_of_week(today: Date) -> Option<Date> {
    match today.weekday() {
        Weekday::Saturday | Weekday::Sunday => upcoming(today, Weekday::Sunday),
        _ => upcoming(today, Weekday::Friday),
    }
}

/// `friday`, `fri`, `friday's`, `next friday`. Short forms that are words of their own need a preposition before them.
fn weekday_at(first: &str, second: &str, before: &str, last: bool, today: Date) -> Match {
    let (name, length, next) = match first {
        "next" => (second, 2, true),
        "this" => (second, 2, false),
        _ => (first, 1, false),
    };
    let name = name.strip_suffix("'s").unwrap_or(name);
    let name = name.strip_suffix('s').filter(|name| name.ends_with("day")).unwrap_or(name);
    let preposition = length == 2
        || matches!(before, "on" | "by" | "before" | "until" | "till" | "due" | "every" | "for" | "from" | "to");
    let is_clear = match name {
        "sat" | "sun" => preposition,
        "mon" | "tue" | "wed" | "thu" | "thur" | "fri" => preposition || last,
        _ => true,
    };
    let day = weekday(name).filter(|_| is_clear)?;
    let date = if next {
        // "Next Friday" is the one of the week that starts on the coming Monday.
        upcoming(next_monday(today)?, day)?
    } else {
        today.nth_weekday(1, day).ok()?
    };
    Some((date, length, if next { 0.8 } else { 0.9 }))
}

/// `1st`, `2nd`, `15th`, `15`; the last one only where `bare` allows it.
fn day_of_month(word: &str, bare: bool) -> Option<i8> {
    let ordinal = ["st", "nd", "rd", "th"].iter().find_map(|suffix| word.strip_suffix(suffix));
    let digits = ordinal.or(bare.then_some(word).map(|word| word.trim_end_matches('.')))?;
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

/// The next such day, today included.
fn next_in_year(today: Date, month: i8, day: i8) -> Option<Date> {
    let this_year = Date::new(today.year(), month, day).ok();
    match this_year {
        Some(date) if date >= today => Some(date),
        // A 29 February waits for the next leap year.
        _ => (1..=8).find_map(|years| Date::new(today.year() + years, month, day).ok()),
    }
}

/// `april 15`, `15th of april`, `april 15 2027`, `by the 15th`, `by june`.
fn month_and_day(words: &[&str], at: usize, before: &str, today: Date) -> Match {
    let word = |offset: usize| words.get(at + offset).copied().unwrap_or("");
    let year_at = |offset: usize| word(offset).parse::<i16>().ok().filter(|year| (2000..=2100).contains(year));
    let dated = |month: i8, day: i8, length: usize| {
        let (date, length) = match year_at(length) {
            Some(year) => (Date::new(year, month, day).ok(), length + 1),
            None => (next_in_year(today, month, day), length),
        };
        date.map(|date| (date, length, 0.95))
    };
    if let Some(name) = month(word(0)) {
        if let Some(day) = day_of_month(word(1), true) {
            return dated(name, day, 2);
        }
        let deadline = matches!(before, "by" | "before" | "until" | "till") && word(0) != "may";
        return if deadline { next_in_year(today, name, 1).map(|date| (date, 1, 0.6)) } else { None };
    }
    if let Some(day) = day_of_month(word(0), true) {
        let of = usize::from(word(1) == "of");
        if let Some(name) = month(word(1 + of)) {
            return dated(name, day, 2 + of);
        }
    }
    let day = day_of_month(word(1), false).filter(|_| word(0) == "the")?;
    let deadline = matches!(before, "by" | "on" | "before" | "until" | "till" | "due");
    if !deadline {
        return None;
    }
    (0..12)
        .find_map(|months| {
            let month = today.first_of_month().checked_add(i64::from(months).months()).ok()?;
            Date::new(month.year(), month.month(), day).ok().filter(|date| *date >= today)
        })
        .map(|date| (date, 2, 0.9))
}

/// Days everybody has at the same date. With "for" the thing is needed the day before.
fn holiday(first: &str, second: &str, third: &str, before: &str, today: Date) -> Match {
    let (month, day, length) = match (first.trim_end_matches("'s"), second, third) {
        ("christmas", "eve", _) => (12, 24, 2),
        ("christmas" | "xmas", "day", _) => (12, 25, 2),
        ("christmas" | "xmas", ..) => (12, 25, 1),
        ("new", "year's" | "years", "eve") => (12, 31, 3),
        ("halloween", ..) => (10, 31, 1),
        ("valentine" | "valentines", "day", _) => (2, 14, 2),
        _ => return None,
    };
    if !matches!(before, "on" | "by" | "before" | "until" | "till" | "for" | "at") {
        return None;
    }
    let date = next_in_year(today, month, day)?;
    let date = if before == "for" && date > today { date.yesterday().ok()? } else { date };
    Some((date, length, 0.8))
}

/// `2026-04-02`, `17.3.`, `17.03.2026`, `3/17`, `17/3/2026`.
fn numeric(word: &str, today: Date) -> Match {
    if word.len() == 10 && word.as_bytes()[4] == b'-' {
        return word.parse().ok().map(|date| (date, 1, 1.0));
    }
    let separator = if word.contains('/') { '/' } else { '.' };
    let mut parts = word.split(separator);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() || a.len() > 2 || b.len() > 2 {
        return None;
    }
    let year = match c {
        None if separator == '/' => None,
        Some("") if separator == '.' => None,
        Some(year) if year.len() == 4 => Some(year.parse().ok()?),
        _ => return None,
    };
    let (a, b): (i8, i8) = (a.parse().ok()?, b.parse().ok()?);
    let (month, day, confidence) = match (separator, a, b) {
        ('.', day, month) => (month, day, 0.9),
        (_, day, month) if day > 12 => (month, day, 0.9),
        (_, month, day) if day > 12 => (month, day, 0.9),
        (_, month, day) => (month, day, 0.5),
    };
    let date = match year {
        Some(year) => Date::new(year, month, day).ok(),
        None => next_in_year(today, month, day),
    };
    date.map(|date| (date, 1, confidence))
}

/// Words such as `at 3pm`, `17:00`, `at noon`.
fn clock_words(words: &[&str]) -> Vec<usize> {
    let mut used = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let at = i > 0 && words[i - 1] == "at";
        let digits = word.trim_end_matches("pm").trim_end_matches("am").trim_end_matches('h');
        let clock = match digits.split_once(':') {
            Some((hour, minute)) => {
                hour.parse().is_ok_and(|hour: u8| (5..24).contains(&hour))
                    && minute.len() == 2
                    && minute.parse::<u8>().is_ok()
            }
            None => {
                digits.parse::<u8>().is_ok_and(|hour| hour < 25) && (at || word.ends_with("pm") || word.ends_with("am"))
            }
        };
        if clock || (at && matches!(*word, "noon" | "midnight" | "lunch" | "night")) {
            used.push(i);
            if at {
                used.push(i - 1);
            }
        }
    }
    used
}
