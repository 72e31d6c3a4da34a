//! The layers a setting is looked up in, and what was noticed on the way. Reads nothing by itself: the environment and
//! the file are handed in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use super::{Refusal, Signal, table};

/// Longest value of a variable that is taken.
const MAX_VALUE_BYTES: usize = 32 * 1024;

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Neither flag, variable nor file said anything.
    Default,
    /// Given by the embedding program.
    Code,
    /// A flag, by its name.
    Flag(String),
    /// A variable, by its name.
    Env(String),
    /// A key of the TOML file.
    File(String),
    /// A key of the declarative file (`OTEL_CONFIG_FILE`).
    Declarative(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Code => f.write_str("set by the program"),
            Source::Flag(name) => f.write_str(name),
            Source::Env(name) => write!(f, "environment {name}"),
            Source::File(key) => write!(f, "file [{key}]"),
            Source::Declarative(key) => write!(f, "OTEL_CONFIG_FILE {key}"),
        }
    }
}

impl Source {
    /// The name to show in a diagnostic.
    pub(super) fn name(&self) -> &str {
        match self {
            Source::Default => "default",
            Source::Code => "the program",
            Source::Flag(name) | Source::Env(name) | Source::File(name) | Source::Declarative(name) => name,
        }
    }
}

/// A text that was found for a setting.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub text: String,
    pub source: Source,
}

/// Environment and file of one resolution.
#[derive(Default)]
pub(super) struct Layers {
    /// Upper-case name of the program, the prefix of its variables.
    pub prefix: String,
    env: HashMap<String, String>,
    /// Variables that were set, but do not count.
    ignored: HashMap<String, String>,
    /// Scalars of the TOML file by dotted key.
    pub file: BTreeMap<String, String>,
    pub warnings: Vec<String>,
    pub errors: Vec<Refusal>,
    pub origins: BTreeMap<String, Source>,
    /// True once a value was refused, as opposed to merely commented on.
    pub refused: bool,
    /// True when `file` holds the `distribution` part of a declarative file.
    pub declarative: bool,
    reported: BTreeSet<String>,
}

impl Layers {
    pub fn new(app: &str, env: impl IntoIterator<Item = (String, String)>) -> Self {
        let prefix =
            app.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        // Empty = unset, for every variable.
        let env = env.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        Self { prefix, env, ..Self::default() }
    }

    /// Forgets every telemetry variable that `keep` does not name; returns the names of the forgotten ones.
    pub fn ignore_environment(&mut self, keep: &[&str]) -> Vec<String> {
        let mut known = BTreeSet::new();
        for row in table::variables() {
            known.extend(row.names(&self.prefix));
        }
        let mut ignored: Vec<String> = self
            .env
            .keys()
            .filter(|name| known.contains(*name) && !keep.iter().any(|kept| self.full(kept) == **name))
            .cloned()
            .collect();
        ignored.sort();
        for name in &ignored {
            if let Some(value) = self.env.remove(name) {
                self.ignored.insert(name.clone(), value);
            }
        }
        ignored
    }

    /// A variable as the process has it, whether it counts or not.
    pub fn original(&self, name: &str) -> Option<&str> {
        self.env.get(name).or_else(|| self.ignored.get(name)).map(String::as_str)
    }

    fn full(&self, name: &str) -> String {
        name.replace("{APP}", &self.prefix)
    }

    /// A variable that is no setting of the table, such as `HOME`; not trimmed.
    pub fn plain(&self, name: &str) -> Option<&str> {
        self.env.get(&self.full(name)).map(String::as_str)
    }

    fn variable(&mut self, name: &str) -> Option<Found> {
        let name = self.full(name);
        let text = self.env.get(&name)?.trim().to_owned();
        if text.len() > MAX_VALUE_BYTES {
            self.refuse(&name, None, "is longer than 32 KiB", "ignored");
            return None;
        }
        Some(Found { text, source: Source::Env(name) })
    }

    /// Every text given for a setting, by precedence; `signal` adds the signal's own names before the generic ones.
    pub fn candidates(&mut self, setting: &str, signal: Option<Signal>) -> Vec<Found> {
        let Some(row) = table::row(setting) else {
            debug_assert!(false, "{setting} is not in the table");
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some(signal) = signal {
            let own = format!("{}_", signal.as_str().to_ascii_uppercase());
            found.extend(row.env.iter().filter_map(|name| self.variable(&name.replace('*', &own))));
        }
        let standard: Vec<Found> = row.env.iter().filter_map(|name| self.variable(&name.replace('*', ""))).collect();
        let aliases: Vec<Found> = row.alias.iter().filter_map(|name| self.variable(name)).collect();
        if let (Some(a), Some(b)) = (aliases.first(), standard.first())
            && a.text != b.text
        {
            self.note(format!("{} and {} differ: {} holds", a.source.name(), b.source.name(), b.source.name()));
        }
        found.extend(standard);
        found.extend(aliases);
        if let Some((key, text)) = row.file.and_then(|key| Some((key, self.file.get(key)?.trim())))
            && !text.is_empty()
        {
            let source = if self.declarative {
                Source::Declarative(key.replace("observability.", "distribution."))
            } else {
                Source::File(key.to_owned())
            };
            found.push(Found { text: text.to_owned(), source });
        }
        found
    }

    /// The text of a setting with the highest precedence.
    pub fn find(&mut self, setting: &str) -> Option<Found> {
        self.candidates(setting, None).into_iter().next()
    }

    /// Remembers where the value of a setting came from.
    pub fn origin(&mut self, setting: &str, source: Source) {
        self.origins.insert(setting.to_owned(), source);
    }

    /// A refused value: named once, with the value unless it is secret, and with what holds instead.
    pub fn refuse(&mut self, name: &str, value: Option<&str>, problem: &str, fallback: &str) {
        self.refused = true;
        if !self.reported.insert(name.to_owned()) {
            return;
        }
        let value = match value {
            Some(value) => format!(" {:?}", shorten(&super::redact::patterns(value))),
            None => String::new(),
        };
        self.warnings.push(format!("{name}{value}: {problem}; {fallback}"));
    }

    /// Something worth a line that refuses nothing.
    pub fn note(&mut self, line: String) {
        if self.reported.insert(line.clone()) {
            self.warnings.push(line);
        }
    }

    /// A setting that telemetry cannot start with.
    pub fn error(&mut self, setting: &str, problem: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(Refusal { setting: setting.to_owned(), problem: problem.into(), hint: hint.into() });
    }

    /// Looks a setting up and parses it; a refused value is reported and counts as unset.
    pub fn parse<T>(&mut self, setting: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let candidates = self.candidates(setting, None);
        self.take(setting, setting, candidates, parse)
    }

    /// The same for a setting that each signal may override; its origin is kept per signal.
    pub fn parse_for<T>(
        &mut self,
        setting: &str,
        signal: Signal,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let candidates = self.candidates(setting, Some(signal));
        self.take(setting, &table::signal_name(setting, signal), candidates, parse)
    }

    /// Parses the first acceptable candidate of a setting and remembers its origin under `origin`.
    pub fn take<T>(
        &mut self,
        setting: &str,
        origin: &str,
        candidates: Vec<Found>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let mut candidates = candidates.into_iter().peekable();
        while let Some(found) = candidates.next() {
            match parse(&found.text) {
                Ok(value) => {
                    self.origin(origin, found.source);
                    return Some(value);
                }
                Err(problem) => {
                    let fallback = match (candidates.peek(), table::row(setting)) {
                        (Some(next), _) => format!("using {}", next.source.name()),
                        (None, Some(row)) if !row.default.is_empty() => format!("using {}", row.default),
                        _ => "ignored".to_owned(),
                    };
                    self.refuse(found.source.name(), Some(&found.text), &problem, &fallback);
                }
            }
        }
        None
    }
}

fn shorten(value: &str) -> String {
    if value.chars().count() <= 80 { value.to_owned() } else { value.chars().take(79).chain(['…']).collect() }
}
