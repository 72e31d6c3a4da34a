//! What several verbs understand: days, priorities, lengths of time, "none".

use jiff::civil::Date;

use crate::{
    app::App,
    cli,
    domain::{Invalid, Priority, date, exchange},
    error::Result,
};

/// A day, counted from today in this user's week.
pub fn day(app: &App, text: &str) -> Result<Date> {
    Ok(date::parse_in_week(text, app.clock.today(), app.config()?.ui.first_weekday)?)
}

/// A value, or `None` for "none" and nothing.
pub fn or_none<T>(text: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    match text.trim() {
        "" | "none" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// A format of the command line in the words of the domain.
pub fn format(format: cli::Format) -> exchange::Format {
    match format {
        cli::Format::Json => exchange::Format::Json,
        cli::Format::Taskwarrior => exchange::Format::Taskwarrior,
        cli::Format::TodoTxt => exchange::Format::TodoTxt,
        cli::Format::Csv => exchange::Format::Csv,
    }
}

/// A priority.
pub fn priority(text: &str) -> Result<Priority> {
    Ok(Priority::parse(text)?)
}

/// `90`, `45m`, `1h30m`, `2d` (of eight hours) in minutes, up to a year.
pub fn minutes(text: &str) -> Result<u32> {
    const YEAR: u32 = 366 * 24 * 60;
    let refused =
        || Invalid::new("estimate", format!("\"{}\" is no length of time", text.trim()), "use 45m, 1h30m or 2d");
    let text = text.trim().to_lowercase();
    let mut total: u32 = 0;
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let count: u32 = rest[..digits].parse().map_err(|_| refused())?;
        let factor = match rest[digits..].chars().next() {
            None | Some('m') => 1,
            Some('h') => 60,
            Some('d') => 8 * 60,
            Some(_) => return Err(refused().into()),
        };
        total = count.checked_mul(factor).and_then(|minutes| total.checked_add(minutes)).ok_or_else(refused)?;
        rest = rest.get(digits + 1..).unwrap_or_default();
    }
    if total == 0 || total > YEAR {
        return Err(refused().into());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, expected) in [("90", 90), ("45m", 45), ("1h", 60), ("1h30m", 90), ("1h30", 90), ("2d", 960)] {
            assert_eq!(minutes(text).unwrap(), expected, "{text}");
        }
        for text in ["", "0", "h", "1x", "-5", "1 h", "99999999999", "9999d", "5ä"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
