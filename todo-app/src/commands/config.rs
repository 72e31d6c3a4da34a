//! `todo config`

use std::path::PathBuf;

use crate::{
    app::App,
    cli::{ConfigAction, ConfigArgs},
    config::{self, ConfigError},
    error::Result,
    output::json,
};

command!("config", "todo.command.config", ConfigArgs);

fn execute(app: &mut App, args: ConfigArgs) -> Result<()> {
    match args.action {
        ConfigAction::Show => show(app),
        ConfigAction::Init => {
            let path = path(app)?;
            config::init_file(&path)?;
            file(app, path, "Wrote ")
        }
        ConfigAction::Path => {
            let path = path(app)?;
            file(app, path, "")
        }
    }
}

fn show(app: &mut App) -> Result<()> {
    let config = app.config()?.clone();
    if let Some(refused) = &config.ai.refused {
        app.out.warning(&format!("{}; {}", refused.problem, refused.hint));
    }
    let own = config.rows().iter().map(|row| json::Setting {
        key: row.key.to_owned(),
        value: row.value.clone(),
        source: row.source.to_string(),
    });
    let mut settings: Vec<json::Setting> = own.collect();
    match &app.telemetry {
        Some(telemetry) => {
            let rows = todo_otel_runtime::config::explain(telemetry).into_iter();
            settings.extend(rows.map(|row| json::Setting { key: row.name, value: row.value, source: row.source }));
        }
        None => settings.push(json::Setting {
            key: "telemetry".to_owned(),
            value: "off".to_owned(),
            source: "--no-telemetry, OTEL_SDK_DISABLED or OTEL_ENABLED".to_owned(),
        }),
    }
    let document = json::Config { config: settings, file: config.file.as_ref().map(|path| path.display().to_string()) };
    let view = app.view();
    app.out.results(&document, || view.settings(&document.config))
}

fn path(app: &App) -> Result<PathBuf> {
    app.config_path.clone().ok_or_else(|| {
        ConfigError {
            problem: "no place for the configuration: neither HOME nor XDG_CONFIG_HOME is set".to_owned(),
            hint: "pass --config, or set TODO_CONFIG".to_owned(),
        }
        .into()
    })
}

fn file(app: &mut App, path: PathBuf, prefix: &str) -> Result<()> {
    let file = path.display().to_string();
    let text = format!("{prefix}{}\n", crate::output::escape(&file));
    app.out.results(&json::File { file }, || text)
}
