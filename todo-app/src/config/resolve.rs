//! One value per setting out of flag, environment, file and default, and the record of where it came from.

use super::{
    AiConfig, Color, ConfigError, DatabaseConfig, EnrichDefault, Inputs, OpenAiApi, Row, Source, UiConfig, Vendor,
    file::{self, ConfigFile, FileValue},
};
use jiff::civil::Weekday;
use secrecy::SecretString;
use std::{path::PathBuf, time::Duration};

pub(super) struct Resolver<'a> {
    inputs: &'a Inputs,
    file: Option<ConfigFile>,
    rows: Vec<Row>,
    warnings: Vec<String>,
    /// The first variable about the provider that cannot be used.
    refused: Option<ConfigError>,
}

type Resolved<T> = Result<T, ConfigError>;

impl<'a> Resolver<'a> {
    pub fn new(inputs: &'a Inputs, file: Option<ConfigFile>, warnings: Vec<String>) -> Self {
        Resolver { inputs, file, rows: Vec::new(), warnings, refused: None }
    }

    /// What is left in the file was asked for by nobody.
    pub fn finish(mut self) -> (Vec<Row>, Vec<String>) {
        if let Some(file) = &self.file {
            for (key, entry) in &file.entries {
                if !self.rows.iter().any(|row| row.key == key) {
                    let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
                    self.warnings.push(format!(
                        "{}, line {}: unknown setting `{shown}`",
                        file.path.display(),
                        entry.line
                    ));
                }
            }
        }
        (self.rows, self.warnings)
    }

    pub fn ai(&mut self) -> Resolved<AiConfig> {
        let (vendor, explicit) = self.vendor()?;
        if !explicit {
            for key in ["ai.api_key", "ai.api_key_file", "ai.base_url"] {
                if let Some((_, line)) = self.in_file(key) {
                    return Err(ConfigError {
                        problem: format!("`[ai] {}` (line {line}) needs an explicit vendor", &key[3..]),
                        hint: "add `provider = \"openai\"` or `provider = \"anthropic\"` to `[ai]`".to_owned(),
                    });
                }
            }
        }
        let model = self.text("ai.model", "TODO_AI_MODEL", vendor.default_model())?;
        // The rules have one version; a model name meant for a vendor says nothing about them.
        let model = if vendor == Vendor::Local { vendor.default_model().to_owned() } else { model };
        let (key_var, url_var) = match vendor {
            Vendor::Anthropic => ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
            Vendor::OpenAi | Vendor::Local => ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
        };
        let base_url = match vendor {
            Vendor::Local => self.row("ai.base_url", String::new(), Source::Default),
            _ => self.text("ai.base_url", url_var, vendor.default_base_url())?,
        };
        let base_url = base_url.trim_end_matches('/').to_owned();
        let shown = without_password(&base_url);
        if let Some(row) = self.rows.iter_mut().find(|row| row.key == "ai.base_url") {
            row.value = shown;
        }
        let api_key = self.api_key(vendor, key_var)?;
        Ok(AiConfig {
            vendor,
            model,
            custom_base_url: base_url != vendor.default_base_url(),
            base_url,
            api_key,
            timeout: self.duration("ai.timeout", "10s")?,
            budget: self.duration("ai.budget", "20s")?,
            enrich: self.choice(
                "ai.enrich",
                "",
                "inline",
                &[
                    ("inline", EnrichDefault::Inline),
                    ("background", EnrichDefault::Background),
                    ("off", EnrichDefault::Off),
                ],
            )?,
            allow_http: self.flag("ai.allow_http")?,
            api: self.choice(
                "ai.api",
                "",
                "auto",
                &[
                    ("auto", OpenAiApi::Auto),
                    ("responses", OpenAiApi::Responses),
                    ("chat_completions", OpenAiApi::ChatCompletions),
                ],
            )?,
            models: self.list("ai.models")?,
            refused: self.refused.take(),
        })
    }

    /// The vendor, and whether it was named rather than found.
    fn vendor(&mut self) -> Resolved<(Vendor, bool)> {
        let named = self.choice(
            "ai.provider",
            "TODO_AI_PROVIDER",
            "auto",
            &[
                ("auto", None),
                ("openai", Some(Vendor::OpenAi)),
                ("anthropic", Some(Vendor::Anthropic)),
                ("local", Some(Vendor::Local)),
            ],
        );
        let named = match named {
            Err(error) if self.inputs.var("TODO_AI_PROVIDER").is_some() => {
                self.refused = Some(error);
                return Ok((Vendor::Local, true));
            }
            named => named?,
        };
        if let Some(vendor) = named {
            return Ok((vendor, true));
        }
        const VARIABLES: [(&str, Vendor); 4] = [
            ("OPENAI_API_KEY", Vendor::OpenAi),
            ("OPENAI_BASE_URL", Vendor::OpenAi),
            ("ANTHROPIC_API_KEY", Vendor::Anthropic),
            ("ANTHROPIC_BASE_URL", Vendor::Anthropic),
        ];
        let found = VARIABLES.into_iter().find(|(name, _)| self.inputs.var(name).is_some());
        let (source, vendor) =
            found.map_or((Source::Auto, Vendor::Local), |(name, vendor)| (Source::Env(name), vendor));
        self.row("ai.provider", format!("{} (auto)", vendor.as_str()), source);
        Ok((vendor, false))
    }

    fn api_key(&mut self, vendor: Vendor, variable: &'static str) -> Resolved<Option<SecretString>> {
        const KEY: &str = "ai.api_key";
        let literal = self.in_file(KEY);
        let key_file = self.in_file("ai.api_key_file");
        let file_source = key_file.as_ref().map_or(Source::Default, |(_, line)| Source::File(*line));
        let key_path = match key_file {
            Some((FileValue::Text(path), _)) => path,
            Some((_, line)) => return Err(wrong_type("ai.api_key_file", line, "the path of a file")),
            None => String::new(),
        };
        self.row("ai.api_key_file", key_path.clone(), file_source.clone());
        if vendor == Vendor::Local {
            self.row(KEY, String::new(), Source::Default);
            return Ok(None);
        }
        let (key, source) = if let Some(key) = self.inputs.var(variable) {
            (key.trim().to_owned(), Source::Env(variable))
        } else if let Some((value, line)) = literal {
            let FileValue::Text(key) = value else {
                return Err(wrong_type(KEY, line, "text"));
            };
            self.refuse_readable_literal(line)?;
            (key.trim().to_owned(), Source::File(line))
        } else if !key_path.is_empty() {
            (file::read_key(&self.expand_home(&key_path))?, file_source)
        } else {
            (String::new(), Source::Default)
        };
        if key.is_empty() {
            self.row(KEY, String::new(), Source::Default);
            return Ok(None);
        }
        if key.chars().any(|c| !c.is_ascii_graphic()) {
            let error = ConfigError {
                problem: format!("the API key of {} holds white space or other characters no key has", vendor.as_str()),
                hint: format!("copy the key again ({source})"),
            };
            if !matches!(source, Source::Env(_)) {
                return Err(error);
            }
            self.row(KEY, "[refused]".to_owned(), source);
            self.refused = Some(error);
            return Ok(None);
        }
        self.row(KEY, "[redacted]".to_owned(), source);
        Ok(Some(SecretString::from(key)))
    }

    fn refuse_readable_literal(&self, line: usize) -> Resolved<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let substituted = file.entries.get("ai.api_key").is_some_and(|entry| entry.substituted);
        if file.private || substituted {
            return Ok(());
        }
        Err(ConfigError {
            problem: format!("{}, line {line}: holds an API key and can be read by other users", file.path.display()),
            hint: format!("chmod 600 '{}', or name a file in `api_key_file`", file.path.display()),
        })
    }

    fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.inputs.var("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => PathBuf::from(path),
        }
    }

    pub fn database(&mut self) -> Resolved<DatabaseConfig> {
        const KEY: &str = "database.url";
        if let Some(url) = self.inputs.database_flag.clone() {
            self.row(KEY, without_password(&url), Source::Flag("--db"));
            return Ok(DatabaseConfig { url });
        }
        let default = self.inputs.xdg("XDG_DATA_HOME", ".local/share").map(|directory| directory.join("todo/todo.db"));
        let url =
            self.text(KEY, "TODO_DATABASE_URL", &default.map_or(String::new(), |path| path.display().to_string()))?;
        if url.is_empty() {
            return Err(ConfigError {
                problem: "no place for the database: neither HOME nor XDG_DATA_HOME is set".to_owned(),
                hint: "set TODO_DATABASE_URL, or pass --db".to_owned(),
            });
        }
        let url = match url.starts_with("~/") {
            true => self.expand_home(&url).display().to_string(),
            false => url,
        };
        let shown = without_password(&url);
        if let Some(row) = self.rows.iter_mut().find(|row| row.key == KEY) {
            row.value = shown;
        }
        Ok(DatabaseConfig { url })
    }

    pub fn ui(&mut self) -> Resolved<UiConfig> {
        let colors = [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];
        let mut color = self.choice("ui.color", "TODO_COLOR", "auto", &colors)?;
        let from_env = self.rows.last().is_some_and(|row| matches!(row.source, Source::Env(_)));
        if !from_env && self.inputs.var("NO_COLOR").is_some() {
            color = Color::Never;
            self.row("ui.color", "never".to_owned(), Source::Env("NO_COLOR"));
        }
        let date_format = self.text("ui.date_format", "", "relative")?;
        if date_format.contains('%')
            && jiff::fmt::strtime::format(&date_format, jiff::civil::date(2026, 1, 31)).is_err()
        {
            return Err(ConfigError {
                problem: format!("`[ui] date_format`: not a pattern for dates: {}", date_format.escape_debug()),
                hint: "use `relative`, `iso`, or a pattern such as `%d %b %Y`".to_owned(),
            });
        }
        let first_weekday = self.choice(
            "ui.first_weekday",
            "",
            "monday",
            &[("monday", Weekday::Monday), ("sunday", Weekday::Sunday), ("saturday", Weekday::Saturday)],
        )?;
        Ok(UiConfig { color, date_format, first_weekday })
    }

    /// An empty text counts as absent, as it does in the environment.
    fn in_file(&self, key: &str) -> Option<(FileValue, usize)> {
        let entry = self.file.as_ref()?.entries.get(key)?;
        let empty = matches!(&entry.value, FileValue::Text(text) if text.is_empty());
        (!empty).then(|| (entry.value.clone(), entry.line))
    }

    fn row(&mut self, key: &'static str, value: String, source: Source) -> String {
        self.rows.retain(|row| row.key != key);
        self.rows.push(Row { key, value: value.clone(), source });
        value
    }

    fn text(&mut self, key: &'static str, variable: &'static str, default: &str) -> Resolved<String> {
        let (value, source) = if let Some(value) = self.inputs.var(variable) {
            (value.to_owned(), Source::Env(variable))
        } else {
            match self.in_file(key) {
                Some((FileValue::Text(text), line)) => (text, Source::File(line)),
                None => (default.to_owned(), Source::Default),
                Some((_, line)) => return Err(wrong_type(key, line, "text in quotes")),
            }
        };
        Ok(self.row(key, value, source))
    }

    fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        variable: &'static str,
        default: &'static str,
        values: &[(&'static str, T)],
    ) -> Resolved<T> {
        let text = self.text(key, variable, default)?;
        if let Some((_, value)) = values.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim())) {
            return Ok(*value);
        }
        let source = self.rows.last().map_or(String::new(), |row| row.source.to_string());
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        let found: String = text.escape_debug().take(40).collect();
        Err(ConfigError {
            problem: format!("{key} ({source}): unknown value `{found}`"),
            hint: format!("use one of {}", names.join(", ")),
        })
    }

    fn flag(&mut self, key: &'static str) -> Resolved<bool> {
        let (value, source) = match self.in_file(key) {
            Some((FileValue::Bool(value), line)) => (value, Source::File(line)),
            Some((_, line)) => return Err(wrong_type(key, line, "true or false")),
            None => (false, Source::Default),
        };
        self.row(key, value.to_string(), source);
        Ok(value)
    }

    fn list(&mut self, key: &'static str) -> Resolved<Vec<String>> {
        let (value, source) = match self.in_file(key) {
            Some((FileValue::List(value), line)) => (value, Source::File(line)),
            Some((_, line)) => return Err(wrong_type(key, line, "a list of texts")),
            None => (Vec::new(), Source::Default),
        };
        self.row(key, value.join(", "), source);
        Ok(value)
    }

    /// 100 ms to 1 h, with a unit.
    fn duration(&mut self, key: &'static str, default: &'static str) -> Resolved<Duration> {
        let refused = |found: &str| ConfigError {
            problem: format!(
                "{key}: not a time between 100ms and 1h: `{}`",
                found.escape_debug().take(40).collect::<String>()
            ),
            hint: format!("write a number and a unit, as in \"{default}\""),
        };
        if let Some((FileValue::Number(number), _)) = self.in_file(key) {
            return Err(refused(&number));
        }
        let text = self.text(key, "", default)?;
        parse_duration(&text)
            .filter(|value| (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(value))
            .ok_or_else(|| refused(&text))
    }
}

fn wrong_type(key: &str, line: usize, expected: &str) -> ConfigError {
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    ConfigError {
        problem: format!("`[{table}] {name}` (line {line}) must be {expected}"),
        hint: "`todo config init` writes an example of every setting".to_owned(),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..unit_at].parse().ok()?;
    let seconds = match text[unit_at..].trim() {
        "ms" => number / 1000.0,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// `scheme://user:password@host` with the password replaced; also values of parameters that look like a secret.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:[redacted]@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let tail = match tail.split_once('?') {
        Some((path, query)) => {
            let shown = |pair: &str| match pair.split_once('=') {
                Some((name, _)) if ["pass", "secret", "token", "key"].iter().any(|part| name.contains(part)) => {
                    format!("{name}=[redacted]")
                }
                _ => pair.to_owned(),
            };
            format!("{path}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&"))
        }
        None => tail.to_owned(),
    };
    format!("{scheme}://{authority}{tail}")
}
