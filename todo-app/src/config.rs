//! The app's own settings: `[ai]`, `[database]`, `[ui]` of the configuration file, and the variables beside them.
//!
//! Flag over environment over file over default, resolved once at start. The tables `[observability]` and `[grafana]`
//! of the same file belong to the telemetry runtime and are not read here.

mod file;
mod resolve;
mod template;

use resolve::Resolver;
use secrecy::SecretString;
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

pub use template::TEMPLATE;

/// What the process was started with; the only place where the app reads the environment.
#[derive(Clone, Default)]
pub struct Inputs {
    /// Environment variables.
    pub env: HashMap<String, String>,
    /// `--config`.
    pub config_flag: Option<PathBuf>,
    /// `--db`.
    pub database_flag: Option<String>,
}

impl Inputs {
    /// Variables of this process; what is not UTF-8 is left out, values are cut off at 32 KiB.
    pub fn from_process(config_flag: Option<PathBuf>, database_flag: Option<String>) -> Inputs {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(_, value)| value.len() <= 32 * 1024)
            .collect();
        Inputs { env, config_flag, database_flag }
    }

    /// Value of a variable; empty counts as unset.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `--config`, else `TODO_CONFIG`, else `$XDG_CONFIG_HOME/todo/config.toml`. True: it was asked for by name.
    pub fn config_path(&self) -> Option<(PathBuf, bool)> {
        if let Some(path) = &self.config_flag {
            return Some((path.clone(), true));
        }
        if let Some(path) = self.var("TODO_CONFIG") {
            return Some((PathBuf::from(path), true));
        }
        Some((self.xdg("XDG_CONFIG_HOME", ".config")?.join("todo/config.toml"), false))
    }

    /// The XDG rules: absolute paths only, else the default below `HOME`.
    fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name: &str| self.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
    }
}

/// Every setting of the app, resolved.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Enrichment.
    pub ai: AiConfig,
    /// Where todos are kept.
    pub database: DatabaseConfig,
    /// What people see.
    pub ui: UiConfig,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What was odd but not refused: one line each, never a secret.
    pub warnings: Vec<String>,
    rows: Vec<Row>,
}

impl AppConfig {
    /// Every setting with its effective value and where that came from, for `todo config show`. Secrets are never shown.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Where the value of a setting came from.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.rows.iter().find(|row| row.key == key).map(|row| &row.source)
    }
}

/// One line of `todo config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `table.key`.
    pub key: &'static str,
    /// Effective value; `[redacted]` for a secret, empty when unset.
    pub value: String,
    /// Where the value came from.
    pub source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// Line of the configuration file.
    File(usize),
    /// Environment variable.
    Env(&'static str),
    /// Flag of the command line.
    Flag(&'static str),
    /// Chosen by the program from what else is set.
    Auto,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Auto => f.write_str("auto"),
            Source::File(line) => write!(f, "file, line {line}"),
            Source::Env(name) => f.write_str(name),
            Source::Flag(name) => f.write_str(name),
        }
    }
}

/// Enrichment.
#[derive(Clone, Debug)]
pub struct AiConfig {
    /// Who is asked; `auto` is already resolved.
    pub vendor: Vendor,
    /// Model name as the vendor spells it.
    pub model: String,
    /// Base URL without trailing slash, with or without `/v1`.
    pub base_url: String,
    /// False: the vendor's own address.
    pub custom_base_url: bool,
    /// Absent for servers that need none.
    pub api_key: Option<SecretString>,
    /// Limit of one HTTP attempt.
    pub timeout: Duration,
    /// Limit of one enrichment in a command, with all attempts and waits.
    pub budget: Duration,
    /// What `todo add` does when no flag says otherwise.
    pub enrich: EnrichDefault,
    /// Plain http to hosts other than this one.
    pub allow_http: bool,
    /// OpenAI: which of its two interfaces to use.
    pub api: OpenAiApi,
    /// Model names that may become a metric label, beside the configured and the documented ones.
    pub models: Vec<String>,
    /// A variable of the environment that cannot be used. Only what asks the provider fails over it.
    pub refused: Option<ConfigError>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// OpenAI, or a server that speaks its protocol.
    OpenAi,
    /// Anthropic, or a server that speaks its protocol.
    Anthropic,
    /// The built-in rules: offline, deterministic.
    Local,
}

impl Vendor {
    /// `openai`, `anthropic` or `local`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Vendor::OpenAi => "openai",
            Vendor::Anthropic => "anthropic",
            Vendor::Local => "local",
        }
    }

    /// Model that is asked for when nothing is configured.
    pub const fn default_model(self) -> &'static str {
        match self {
            Vendor::OpenAi => "gpt-4.1-mini",
            Vendor::Anthropic => "claude-haiku-4-5",
            Vendor::Local => "rules-1",
        }
    }

    /// Address of the vendor; empty for `local`.
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Vendor::OpenAi => "https://api.openai.com/v1",
            Vendor::Anthropic => "https://api.anthropic.com/v1",
            Vendor::Local => "",
        }
    }
}

/// What `todo add` does when no flag says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrichDefault {
    /// Ask at once and wait.
    Inline,
    /// Leave it to the worker.
    Background,
    /// Do not ask.
    Off,
}

/// Which interface of an OpenAI-compatible server is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenAiApi {
    /// `responses` at OpenAI itself, `chat_completions` elsewhere; changes over when a server has only the other one.
    Auto,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/chat/completions`.
    ChatCompletions,
}

/// Where todos are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// A path, `sqlite://path` or `postgres://…`. May hold a password: print [`DatabaseConfig::shown`] instead.
    pub url: String,
}

impl DatabaseConfig {
    /// The URL without its password.
    pub fn shown(&self) -> String {
        resolve::without_password(&self.url)
    }
}

/// What people see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UiConfig {
    /// When output is coloured.
    pub color: Color,
    /// `relative` ("tomorrow", "Fri 4 Dec"), `iso`, or a `strftime` pattern.
    pub date_format: String,
    /// Where a week starts.
    pub first_weekday: jiff::civil::Weekday,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into pipes.
    Always,
    /// Not at all.
    Never,
}

/// A configuration that cannot be used; exit code 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What was found and what was expected, without values of secrets.
    pub problem: String,
    /// What to change.
    pub hint: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// Reads the file, if there is one, and resolves every setting.
pub fn load(inputs: &Inputs) -> Result<AppConfig, ConfigError> {
    let mut warnings = Vec::new();
    let file = match inputs.config_path() {
        Some((path, named)) => file::read(&path, named, inputs, &mut warnings)?,
        None => None,
    };
    let path = file.as_ref().map(|file| file.path.clone());
    let mut resolver = Resolver::new(inputs, file, warnings);
    let ai = resolver.ai()?;
    let database = resolver.database()?;
    let ui = resolver.ui()?;
    let (rows, warnings) = resolver.finish();
    Ok(AppConfig { ai, database, ui, file: path, warnings, rows })
}

/// False when the configuration file itself is why [`load`] fails.
pub fn is_file_usable(inputs: &Inputs) -> bool {
    inputs.config_path().is_none_or(|(path, named)| file::read(&path, named, inputs, &mut Vec::new()).is_ok())
}

/// Writes the commented template for `todo config init`: 0600, directories 0700; never over an existing file.
pub fn init_file(path: &Path) -> Result<(), ConfigError> {
    file::create(path, TEMPLATE)
}
