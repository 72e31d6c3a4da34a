//! Days as people type them. Not here: times of day and the clock; the caller says what day it is.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

use super::Invalid;

const HINT: &str = "use 2026-12-01, today, tomorrow, fri, next week, in 3 days, end of month or 24 dec";

/// Understands a day in any case: `today`, `tomorrow`, `yesterday`, a weekday (the next one, never today), `next fri`
/// (the one in the week after this), `next week|month|year`, `in 3 days`, `2w`, `end of week|month|year`, `2026-12-01`,
/// `24.12.`, `24.12.2026`, `24 dec`, `dec 24 2026` (without a year the next such day).
///
/// # Errors
/// Words it does not know, days that do not exist, years outside 1970 to 9999.
pub fn parse(input: &str, today: Date) -> Result<Date, Invalid> {
    parse_in_week(input, today, Weekday::Monday)
}

/// [`parse`] with the day a week starts on, which `next fri` and `end of week` depend on.
pub fn parse_in_week(input: &str, today: Date, first_day: Weekday) -> Result<Date, Invalid> {
    let text = input.trim().to_lowercase().replace(',', " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let date = match words.as_slice() {
        [] => return Err(Invalid::new("due", "the date is empty", HINT)),
        ["today" | "tod" | "now"] => Some(today),
        ["tomorrow" | "tom" | "tmr" | "tmrw"] => today.checked_add(1.day()).ok(),
        ["yesterday"] => today.checked_sub(1.day()).ok(),
        ["eow"] | ["end", "of", "week"] | ["end", "of", "the", "week"] => last_day_of_week(today, first_day),
        ["eom"] | ["end", "of", "month"] | ["end", "of", "the", "month"] => Some(today.last_of_month()),
        ["eoy"] | ["end", "of", "year"] | ["end", "of", "the", "year"] => Some(today.last_of_year()),
        ["next", "week"] => today.checked_add(1.week()).ok(),
        ["next", "month"] => today.checked_add(1.month()).ok(),
        ["next", "year"] => today.checked_add(1.year()).ok(),
        ["next", day] if weekday(day).is_some() => {
            weekday(day).zip(last_day_of_week(today, first_day)).and_then(|(day, end)| end.nth_weekday(1, day).ok())
        }
        ["this" | "on", day] | [day] if weekday(day).is_some() => {
            weekday(day).and_then(|day| today.nth_weekday(1, day).ok())
        }
        ["in", rest @ ..] if !rest.is_empty() => span(rest, today),
        words => match span(words, today) {
            Some(date) => Some(date),
            None => return calendar_day(words, input, today),
        },
    };
    match date {
        Some(date) => in_range(date, input),
        None => Err(unknown(input)),
    }
}

/// `3 days`, `3d`, `a week`, `2 months`.
fn span(words: &[&str], today: Date) -> Option<Date> {
    let (count, unit) = match words {
        ["a" | "an" | "one", unit] => (1, *unit),
        [count, unit] => (digits(count)?, *unit),
        [word] => {
            let split = word.find(|c: char| !c.is_ascii_digit())?;
            (digits(&word[..split])?, &word[split..])
        }
        _ => return None,
    };
    let count = i64::from(count);
    let span = match unit {
        "d" | "day" | "days" => jiff::Span::new().try_days(count),
        "w" | "wk" | "week" | "weeks" => jiff::Span::new().try_weeks(count),
        "m" | "mo" | "month" | "months" => jiff::Span::new().try_months(count),
        "y" | "yr" | "year" | "years" => jiff::Span::new().try_years(count),
        _ => return None,
    };
    today.checked_add(span.ok()?).ok()
}

/// `2026-12-01`, `24.12.`, `24 dec`, `dec 24 2026`. Tells a day that does not exist from a text that is no day.
fn calendar_day(words: &[&str], input: &str, today: Date) -> Result<Date, Invalid> {
    let parts: Vec<&str> = match words {
        [iso] if iso.contains('-') => {
            let parts: Vec<&str> = iso.split('-').collect();
            if parts.len() != 3 || parts[0].len() != 4 {
                return Err(unknown(input));
            }
            vec![parts[2], parts[1], parts[0]]
        }
        [dotted] if dotted.contains('.') => dotted.split('.').filter(|part| !part.is_empty()).collect(),
        [name, day, rest @ ..] if month(name).is_some() => [&[*day, *name], rest].concat(),
        words => words.to_vec(),
    };
    let (day, month_part, year) = match parts.as_slice() {
        [day, month] => (*day, *month, None),
        [day, month, year] => (*day, *month, Some(*year)),
        _ => return Err(unknown(input)),
    };
    let day = day.trim_end_matches(|c: char| c == '.' || c.is_ascii_lowercase() && "stndrh".contains(c));
    let day: i8 = day.parse().map_err(|_| unknown(input))?;
    let month = match month(month_part) {
        Some(month) => month,
        None => month_part.parse::<i8>().map_err(|_| unknown(input))?,
    };
    match year {
        Some(year) => {
            let year: i16 = year.parse().map_err(|_| unknown(input))?;
            let date = Date::new(year, month, day).map_err(|_| impossible(input))?;
            in_range(date, input)
        }
        // 29 February may be up to eight years away.
        None => (0..=8)
            .filter_map(|ahead| Date::new(today.year().saturating_add(ahead), month, day).ok())
            .find(|date| *date >= today)
            .ok_or_else(|| impossible(input)),
    }
}

/// A count without a sign: days ahead.
fn digits(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn last_day_of_week(today: Date, first_day: Weekday) -> Option<Date> {
    let days = 6 - i64::from(today.weekday().since(first_day));
    today.checked_add(jiff::Span::new().days(days)).ok()
}

/// A weekday by its English name or a usual short form, in lower case.
pub fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "mon" | "monday" => Weekday::Monday,
        "tue" | "tues" | "tuesday" => Weekday::Tuesday,
        "wed" | "wednesday" => Weekday::Wednesday,
        "thu" | "thur" | "thurs" | "thursday" => Weekday::Thursday,
        "fri" | "friday" => Weekday::Friday,
        "sat" | "saturday" => Weekday::Saturday,
        "sun" | "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// A month, from 1, by its English name or its first three letters, in lower case.
pub fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.trim_end_matches('.');
    if word == "sept" {
        return Some(9);
    }
    let found = MONTHS.iter().position(|month| *month == word || (word.len() == 3 && month.starts_with(word)))?;
    i8::try_from(found + 1).ok()
}

fn in_range(date: Date, input: &str) -> Result<Date, Invalid> {
    if date.year() < 1970 {
        return Err(Invalid::new("due", format!("\"{}\" is before 1970", input.trim()), HINT));
    }
    Ok(date)
}

fn unknown(input: &str) -> Invalid {
    Invalid::new("due", format!("\"{}\" is not a date", input.trim()), HINT)
}

fn impossible(input: &str) -> Invalid {
    Invalid::new("due", format!("\"{}\" does not exist in the calendar", input.trim()), HINT)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// A Sunday.
    const TODAY: Date = date(2026, 11, 22);

    #[track_caller]
    fn check(input: &str, expected: Date) {
        assert_eq!(parse(input, TODAY), Ok(expected), "{input}");
    }

    #[test]
    fn words_people_type() {
        check("today", TODAY);
        check(" Tomorrow ", date(2026, 11, 23));
        check("yesterday", date(2026, 11, 21));
        check("fri", date(2026, 11, 27));
        check("Sunday", date(2026, 11, 29));
        check("on monday", date(2026, 11, 23));
        check("next fri", date(2026, 11, 27));
        check("next week", date(2026, 11, 29));
        check("next month", date(2026, 12, 22));
        check("in 3 days", date(2026, 11, 25));
        check("3d", date(2026, 11, 25));
        check("2 weeks", date(2026, 12, 6));
        check("in a month", date(2026, 12, 22));
        check("in 1 year", date(2027, 11, 22));
        check("eow", TODAY);
        check("end of month", date(2026, 11, 30));
        check("eoy", date(2026, 12, 31));
    }

    #[test]
    fn days_of_the_calendar() {
        check("2026-12-01", date(2026, 12, 1));
        check("24.12.", date(2026, 12, 24));
        check("24.12.2027", date(2027, 12, 24));
        check("24 dec", date(2026, 12, 24));
        check("Dec 24", date(2026, 12, 24));
        check("December 24, 2028", date(2028, 12, 24));
        check("1st january", date(2027, 1, 1));
        check("29 feb", date(2028, 2, 29));
    }

    #[test]
    fn next_friday_on_a_wednesday_is_in_the_week_after() {
        let wednesday = date(2026, 11, 18);
        assert_eq!(parse("fri", wednesday), Ok(date(2026, 11, 20)));
        assert_eq!(parse("next fri", wednesday), Ok(date(2026, 11, 27)));
        assert_eq!(parse_in_week("end of week", wednesday, Weekday::Sunday), Ok(date(2026, 11, 21)));
    }

    #[test]
    fn impossible_days_are_named_as_such() {
        for input in ["2026-02-30", "2026-13-01", "31.4.", "30 feb", "2027-02-29", "0.1.", "32 dec"] {
            let problem = parse(input, TODAY).unwrap_err().problem;
            assert!(problem.contains("does not exist"), "{input}: {problem}");
        }
        for input in [
            "in -3 days",
            "-3d",
            "in +3 days",
            "-1 week",
            "soon",
            "12/24",
            "2026",
            "in",
            "in days",
            "99999999999 days",
            "next",
            "26-12-01",
            "--",
            "d",
            ".",
        ] {
            let problem = parse(input, TODAY).unwrap_err().problem;
            assert!(problem.contains("is not a date"), "{input}: {problem}");
        }
        assert!(parse("1950-01-01", TODAY).unwrap_err().problem.contains("before 1970"));
        assert!(parse("  ", TODAY).unwrap_err().problem.contains("empty"));
    }

    #[test]
    fn no_text_panics() {
        use proptest::prelude::*;
        proptest!(|(text in "[a-z0-9 .\\-]{0,24}|\\PC{0,24}")| {
            let _ = parse(&text, TODAY);
        });
    }
}
