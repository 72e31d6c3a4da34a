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
    let document = json::Config {
        config: config
            .rows()
            .iter()
            .map(|row| json::Setting {
                key: row.key.to_owned(),
                value: row.value.clone(),
                source: row.source.to_string(),
            })
            .collect(),
        file: config.file.as_ref().map(|path| path.display().to_string()),
    };
    let view = app.view();
    app.out.results(&document, || view.settings(config.rows()))
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
