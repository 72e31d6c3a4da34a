//! OpenTelemetry names and units as Prometheus names, in the way of `UnderscoreEscapingWithSuffixes`.

use crate::metrics::InstrumentKind;

/// What kind of family a metric becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Counter,
    Gauge,
    Histogram,
}

impl Family {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Family::Counter => "counter",
            Family::Gauge => "gauge",
            Family::Histogram => "histogram",
        }
    }
}

/// Name of an instrument's series as receivers of OTLP and our own page write it: of a histogram without `_bucket`, `_sum`
/// or `_count`.
pub fn metric_name(name: &str, unit: &str, kind: InstrumentKind) -> String {
    let kind = match kind {
        InstrumentKind::Counter => Family::Counter,
        InstrumentKind::UpDownCounter | InstrumentKind::Gauge => Family::Gauge,
        InstrumentKind::Histogram => Family::Histogram,
    };
    let (family, _) = family(name, unit, kind);
    if kind == Family::Counter { format!("{family}_total") } else { family }
}

/// Name of the family without `_total`, and its unit when there is one.
pub(super) fn family(name: &str, unit: &str, family: Family) -> (String, Option<String>) {
    let mut words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|w| !w.is_empty()).collect();
    if family == Family::Counter {
        words.retain(|word| *word != "total");
    }
    let unit = suffix(unit, family);
    for word in unit.iter().flat_map(|unit| unit.split('_')) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let mut all = words.join("_");
    if all.starts_with(|c: char| c.is_ascii_digit()) {
        all.insert(0, '_');
    }
    // A family may only state a unit that its name ends with.
    let unit = unit.filter(|unit| all.ends_with(&format!("_{unit}")));
    (all, unit)
}

fn suffix(unit: &str, family: Family) -> Option<String> {
    let unit = unit.trim();
    if unit == "1" {
        return (family == Family::Gauge).then(|| "ratio".to_owned());
    }
    let (main, per) = unit.split_once('/').map_or((unit, None), |(main, per)| (main, Some(per)));
    let main = if main.contains('{') { String::new() } else { word(main) };
    let per = per.filter(|per| !per.contains('{')).map(per_word);
    match (main.is_empty(), per) {
        (true, None) => None,
        (true, Some(per)) => Some(format!("per_{per}")),
        (false, None) => Some(main),
        (false, Some(per)) => Some(format!("{main}_per_{per}")),
    }
}

fn word(unit: &str) -> String {
    let word = match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "%" => "percent",
        other => other,
    };
    word.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn per_word(unit: &str) -> String {
    match unit {
        "s" => "second".into(),
        "m" | "min" => "minute".into(),
        "h" => "hour".into(),
        "d" => "day".into(),
        other => word(other),
    }
}

/// Name of an attribute's label.
pub fn label(key: &str) -> String {
    let mut name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "key_");
    } else if name.starts_with('_') && !name.starts_with("__") {
        name.insert_str(0, "key");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, unit: &str, kind: Family, expected: &str) {
        assert_eq!(family(name, unit, kind).0, expected);
    }

    #[test]
    fn names_are_translated_as_the_receivers_of_otlp_do_it() {
        check("todo.command.duration", "s", Family::Histogram, "todo_command_duration_seconds");
        check("todo.commands", "{command}", Family::Counter, "todo_commands");
        check("ai.enrichment.calls", "{call}", Family::Counter, "ai_enrichment_calls");
        check("database.connections.active", "{connection}", Family::Gauge, "database_connections_active");
        check("api.rate_limit.remaining", "{request}", Family::Gauge, "api_rate_limit_remaining");
        check("todo.jobs.oldest.age", "s", Family::Gauge, "todo_jobs_oldest_age_seconds");
        check("process.memory.usage", "By", Family::Gauge, "process_memory_usage_bytes");
        check("process.cpu.time", "s", Family::Counter, "process_cpu_time_seconds");
        check("cache.hit", "1", Family::Gauge, "cache_hit_ratio");
        check("cache.hit", "1", Family::Counter, "cache_hit");
        check("disk.speed", "By/s", Family::Gauge, "disk_speed_bytes_per_second");
        check("jobs.rate", "{job}/s", Family::Gauge, "jobs_rate_per_second");
        check("already.seconds", "s", Family::Gauge, "already_seconds");
        check("9lives", "{life}", Family::Gauge, "_9lives");
    }

    #[test]
    fn label_names_are_words() {
        assert_eq!(label("todo.command"), "todo_command");
        assert_eq!(label("1st"), "key_1st");
        assert_eq!(label("_OTHER"), "key_OTHER");
    }
}
