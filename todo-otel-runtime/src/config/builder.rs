//! The way from a program's name to a [`Config`]: name, flags, environment, file.

use std::path::PathBuf;

use opentelemetry::Value;

use super::{Config, ExporterKind, LogFormat, Refusal, Role, file::FileSource, resolve};
use crate::InitError;

/// What the command line said about telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Level DEBUG; log lines on standard error for people.
    pub verbose: bool,
    /// Level DEBUG with ids, targets, opened and closed spans; JSON lines unless `log_format` says otherwise.
    pub debug: bool,
    /// The span tree on standard error at the end.
    pub trace: bool,
    /// Nothing is recorded, no thread, no file, no connection.
    pub no_telemetry: bool,
    /// Form of log lines on standard error.
    pub log_format: Option<LogFormat>,
}

/// Collects what the program knows; [`ConfigBuilder::resolve`] does the rest.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `resolve` is called"]
pub struct ConfigBuilder {
    pub(super) app: String,
    pub(super) role: Role,
    pub(super) service_name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) flags: Flags,
    pub(super) env: Option<Vec<(String, String)>>,
    pub(super) file: FileSource,
    pub(super) attributes: Vec<(String, Value)>,
    pub(super) secrets: Vec<String>,
    pub(super) propagate_to: Vec<String>,
    pub(super) drainer: Option<bool>,
    pub(super) vocabulary: crate::logs::Vocabulary,
}

impl Config {
    /// Starts the configuration of the program `app`: its upper-case name prefixes its variables, its name is the
    /// namespace of its own telemetry and the name of its directories.
    pub fn for_app(app: impl Into<String>, role: Role) -> ConfigBuilder {
        ConfigBuilder {
            app: app.into(),
            role,
            service_name: None,
            version: None,
            flags: Flags::default(),
            env: None,
            file: FileSource::Default,
            attributes: Vec::new(),
            secrets: Vec::new(),
            propagate_to: Vec::new(),
            drainer: None,
            vocabulary: crate::logs::Vocabulary::EMPTY,
        }
    }
}

impl Config {
    /// True when any signal goes to somebody else than this terminal.
    pub(crate) fn leaves(&self) -> bool {
        [&self.traces.exporters, &self.metrics.exporters, &self.logs.exporters]
            .iter()
            .any(|exporters| exporters.iter().any(|kind| *kind != ExporterKind::Console))
    }

    /// Refuses what telemetry cannot start with.
    pub(crate) fn check(&self) -> Result<(), InitError> {
        if let Some(Refusal { setting, problem, hint }) = self.errors.first().cloned() {
            return Err(InitError::Setting { setting, problem, hint });
        }
        if self.refused_in_strict {
            return Err(InitError::Setting {
                setting: "strict".to_owned(),
                problem: self.warnings.join("; "),
                hint: "correct the settings named, or switch `strict` off".to_owned(),
            });
        }
        Ok(())
    }
}

impl ConfigBuilder {
    /// `service.name` unless the user sets one. Default: the program's name.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// `service.version` unless the user sets one; usually `env!("CARGO_PKG_VERSION")`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// What the command line said. Default: nothing.
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// The environment to read. Default: that of the process; tests give their own.
    pub fn env<K: Into<String>, V: Into<String>>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env = Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// The TOML file to read instead of `$XDG_CONFIG_HOME/<app>/config.toml`.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = FileSource::Path(path.into());
        self
    }

    /// The contents of the TOML file; the program vouches for them, so a literal key is accepted.
    pub fn file_contents(mut self, contents: impl Into<String>) -> Self {
        self.file = FileSource::Contents(contents.into());
        self
    }

    /// No TOML file at all.
    pub fn no_file(mut self) -> Self {
        self.file = FileSource::None;
        self
    }

    /// A resource attribute that nothing overrides.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// A credential of the program that must never appear in telemetry.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// A host that gets context headers, beside those of the file; `*.example.org` covers subdomains.
    pub fn propagate_to(mut self, host: impl Into<String>) -> Self {
        self.propagate_to.push(host.into());
        self
    }

    /// The program's own names on its log lines. Default: none.
    pub fn vocabulary(mut self, vocabulary: crate::logs::Vocabulary) -> Self {
        self.vocabulary = vocabulary;
        self
    }

    /// Whether a detached child can deliver after the end of a command. Default: whether `on_start` was called.
    pub fn drainer(mut self, available: bool) -> Self {
        self.drainer = Some(available);
        self
    }

    /// Reads environment and file once and settles every value. Never fails: what is refused stands in
    /// [`Config::warnings`], what telemetry cannot start with in [`Config::errors`].
    pub fn resolve(self) -> Config {
        resolve::resolve(self)
    }
}
