//! UTC time as text. Not here: time zones, parsing.

use std::time::{SystemTime, UNIX_EPOCH};

/// Year, month, day, hour, minute, second, millisecond in UTC; times before 1970 count as 1970.
fn civil(time: SystemTime) -> (i64, u32, u32, u64, u64, u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, secs) = ((since.as_secs() / 86_400) as i64, since.as_secs() % 86_400);
    // Days to date by eras of 400 years that start on 1 March (Howard Hinnant, `civil_from_days`).
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, secs / 3_600, secs / 60 % 60, secs % 60, since.subsec_millis())
}

/// `2024-01-15T10:30:45.123Z`
pub(crate) fn rfc3339_millis(time: SystemTime) -> String {
    let (year, month, day, hour, minute, second, millis) = civil(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `10:30:45.123`, UTC.
pub(crate) fn clock_millis(time: SystemTime) -> String {
    let (_, _, _, hour, minute, second, millis) = civil(time);
    format!("{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_instants() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_705_314_645_123, "2024-01-15T10:30:45.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis)), text);
        }
        assert_eq!(clock_millis(UNIX_EPOCH + Duration::from_millis(1_705_314_645_123)), "10:30:45.123");
    }
}
