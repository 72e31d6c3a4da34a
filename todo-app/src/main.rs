//! Puts the parts together: command line, configuration, telemetry, run, error, exit code. Not here: any work.

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use todo_app::{
    app::{App, Clock, Process},
    cli::{Cli, When},
    config::{self, Color, Inputs},
    error::Error,
    output::{Colors, Output, escape_lines},
    signals::{self, Signals},
};

fn main() -> ExitCode {
    // Files are for their owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = Cli::command();
    let parsed = command.try_get_matches_from_mut(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };

    let inputs = Inputs::from_process(cli.global.config.clone(), cli.global.db.clone());
    let config = config::load(&inputs);
    let color = config.as_ref().map_or(Color::Auto, |config| config.ui.color);
    let colors = match (cli.global.color, color) {
        (Some(When::Always), _) | (None, Color::Always) => Colors::Always,
        (Some(When::Never), _) | (None, Color::Never) => Colors::Never,
        (Some(When::Auto), _) | (None, Color::Auto) => Colors::Auto,
    };
    let columns = inputs.env.get("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let mut out = Output::process(cli.global.json, colors, columns);
    if let Ok(config) = &config {
        config.warnings.iter().for_each(|warning| out.warning(warning));
    }
    let process = process(&arguments);
    let config_path = inputs.config_path().map(|(path, _)| path);
    let mut app = App::new(config, config_path, out, Clock::System, Signals::install(), process);

    let result = todo_app::run(cli, &mut app);
    let Err(error) = result else { return ExitCode::SUCCESS };
    app.out.error(&error);
    if let Some(signal) = error.signal() {
        signals::die_of(signal);
    }
    ExitCode::from(error.exit_code())
}

/// Help and version go to standard output, mistakes to standard error.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let json = arguments.iter().any(|argument| argument == "--json");
    let mut out = Output::process(json, Colors::Auto, None);
    let text = error.render().to_string();
    let result = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => out.text(&escape_lines(&text)).and_then(|()| out.flush()),
        _ => Err(Error::Usage(text)),
    };
    match result {
        Ok(()) | Err(Error::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// What the command's span says about the process: names of verb and flags, never a value.
fn process(arguments: &[OsString]) -> Process {
    let executable = arguments.first().and_then(|path| Path::new(path).file_name());
    let shown = arguments.iter().skip(1).enumerate().map(|(position, argument)| {
        let argument = argument.to_string_lossy();
        match argument.split_once('=') {
            _ if position == 0 && !argument.starts_with('-') => argument.into_owned(),
            Some((flag, _)) if flag.starts_with("--") => format!("{flag}=?"),
            None if argument.starts_with("--") => argument.into_owned(),
            None if argument.starts_with('-') && argument.len() == 2 => argument.into_owned(),
            _ => "?".to_owned(),
        }
    });
    Process {
        executable: executable.map_or_else(|| "todo".into(), |name| name.to_string_lossy().into_owned()),
        pid: std::process::id(),
        arguments: shown.collect(),
    }
}
