//! Everything a command may touch: where todos are kept, who suggests, what time it is, where output goes.

use std::{cell::OnceCell, path::PathBuf};

use jiff::{Timestamp, Zoned, civil::Date};
use todo_otel_runtime::{Telemetry, metrics::Listed};

use crate::{
    config::{AppConfig, ConfigError, Source},
    enrich::{self, Enricher},
    error::Result,
    output::{Output, text::View},
    signals::Signals,
    store::{Store, StoreError},
};

/// What a command works with. Store and enricher are made at first use, so that `todo version` needs neither.
pub struct App {
    /// Where output goes.
    pub out: Output,
    /// What time it is.
    pub clock: Clock,
    /// Signals that came in.
    pub signals: Signals,
    /// How the process was started, for the command's span.
    pub process: Process,
    /// Where the configuration file is looked for.
    pub config_path: Option<PathBuf>,
    /// Settings of telemetry, for those who ask about it; `None` when it is off.
    pub telemetry: Option<todo_otel_runtime::Config>,
    /// Telemetry that runs, for who has it flushed; ended by nobody but `main`.
    pub running: Telemetry,
    config: Result<AppConfig, ConfigError>,
    store: OnceCell<Store>,
    enricher: OnceCell<Enricher>,
}

/// How the process was started.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Base name of the program.
    pub executable: String,
    /// Process id.
    pub pid: u32,
    /// Verb and names of flags; values are replaced by `?`.
    pub arguments: Vec<String>,
}

/// Source of time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's.
    System,
    /// Stands still.
    Fixed(Zoned),
}

impl Clock {
    /// This instant.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp::now(),
            Clock::Fixed(at) => at.timestamp(),
        }
    }

    /// This instant where the user lives.
    pub fn local(&self) -> Zoned {
        match self {
            Clock::System => Zoned::now(),
            Clock::Fixed(at) => at.clone(),
        }
    }

    /// The day where the user lives.
    pub fn today(&self) -> Date {
        self.local().date()
    }
}

impl App {
    /// An app over a resolved configuration, or the reason why there is none.
    pub fn new(
        config: Result<AppConfig, ConfigError>,
        config_path: Option<PathBuf>,
        out: Output,
        clock: Clock,
        signals: Signals,
        process: Process,
    ) -> App {
        App {
            out,
            clock,
            signals,
            process,
            config_path,
            telemetry: None,
            running: Telemetry::off(),
            config,
            store: OnceCell::new(),
            enricher: OnceCell::new(),
        }
    }

    /// The settings.
    ///
    /// # Errors
    /// A configuration that exists but cannot be used stops every command that needs one.
    pub fn config(&self) -> Result<&AppConfig> {
        self.config.as_ref().map_err(|error| error.clone().into())
    }

    /// The database, opened at first use.
    ///
    /// # Errors
    /// See [`Store::connect`].
    pub fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::connect(&self.config()?.database.url)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// The database for a command that only looks: one that was named and is not there is not made.
    ///
    /// # Errors
    /// As [`App::store`].
    pub fn store_to_read(&self) -> Result<&Store> {
        let config = self.config()?;
        let is_named = config.source("database.url").is_some_and(|source| *source != Source::Default);
        if let Some(path) = Store::file_of(&config.database.url)
            && is_named
            && std::fs::metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return Err(StoreError::CannotOpen { path, reason: "there is no such file".into() }.into());
        }
        self.store()
    }

    /// The provider of suggestions, made at first use.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn enricher(&self) -> Result<&Enricher> {
        if let Some(enricher) = self.enricher.get() {
            return Ok(enricher);
        }
        let enricher = self.new_enricher()?;
        Ok(self.enricher.get_or_init(|| enricher))
    }

    /// A provider of suggestions for a caller that keeps its own.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new_enricher(&self) -> Result<Enricher> {
        let config = self.config()?;
        if let Some(refused) = &config.ai.refused {
            return Err(refused.clone().into());
        }
        let enricher = enrich::from_config(&config.ai)?;
        tracing::debug!(
            gen_ai.provider.name = enricher.provider(),
            gen_ai.request.model = enricher.model(),
            todo.setting.source = config.source("ai.provider").map(ToString::to_string),
            "provider of suggestions chosen"
        );
        Ok(enricher)
    }

    /// A model's name as a metric label: `_OTHER` unless it is a documented or configured one.
    pub fn model_label(&self, model: &str) -> Listed {
        // Making the enricher is what announces the configured names.
        let _ = self.enricher();
        enrich::model_label(model)
    }

    /// How things are shown to this user today.
    pub fn view(&self) -> View {
        let date_format =
            self.config.as_ref().map_or_else(|_| "relative".into(), |config| config.ui.date_format.clone());
        View { styles: self.out.styles, width: self.out.width, today: self.clock.today(), date_format }
    }
}
