//! Puts the parts together: command line, configuration, telemetry, run, error, exit code. Not here: any work.

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use secrecy::ExposeSecret;
use todo_app::{
    app::{App, Clock, Process},
    cli::{Cli, Command, LogFormat, TelemetryAction, When},
    config::{self, Color, ConfigError, Inputs},
    error::Error,
    names,
    operate::outlook,
    output::{Colors, Output, escape_lines},
    signals::{self, Signals},
};
use todo_otel_runtime::{
    Config, Role, Telemetry,
    config::{self as telemetry, Flags, LevelFilter},
};

fn main() -> ExitCode {
    todo_otel_runtime::on_start();
    // Files are for their owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = Cli::command();
    let parsed = command.try_get_matches_from_mut(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let watched = cli.global.verbose || cli.global.debug;

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
    let is_worker = matches!(cli.command, Command::Worker(_));
    let config_path = inputs.config_path().map(|(path, _)| path);
    let mut app = App::new(config, config_path, out, Clock::System, Signals::install(is_worker), process);

    let mut config = telemetry_config(&cli, &inputs, &app);
    app.telemetry = config.enabled.then(|| config.clone());
    // Who asks about telemetry must not add to it; the tree may be looked at.
    if matches!(&cli.command, Command::Telemetry(args) if args.action != TelemetryAction::Mark) {
        let stays = |kind: &telemetry::ExporterKind| *kind == telemetry::ExporterKind::Console;
        config.traces.exporters.retain(stays);
        config.metrics.exporters.retain(stays);
        config.logs.exporters.retain(stays);
        config.delivery.keep_last = 0;
    }
    // With `prometheus` among the exporters it serves from the start.
    let serves = matches!(&cli.command, Command::Worker(worker) if !worker.once)
        && !config.metrics.exporters.contains(&telemetry::ExporterKind::Prometheus);
    let (host, port) = (config.metrics.prometheus_host.clone(), config.metrics.prometheus_port);
    let telemetry = match todo_otel_runtime::init(config) {
        Ok(telemetry) => telemetry,
        // A command does its work without; a worker nobody can observe is not started.
        Err(error) if is_worker => {
            let error = Error::Config(ConfigError { problem: error.to_string(), hint: error.hint().to_owned() });
            app.out.error(&error);
            return ExitCode::from(error.exit_code());
        }
        Err(error) => {
            app.out.warning(&format!("no telemetry: {error}; {}", error.hint()));
            Telemetry::off()
        }
    };
    if serves && let Err(error) = telemetry.serve() {
        app.out.warning(&format!("no page for scrapers and health checks on {host}:{port}: {error}"));
    }
    app.running = telemetry.handle();
    let result = todo_app::run(cli, &mut app);
    if let Err(error) = &result {
        app.out.error(error);
    }
    let report = telemetry.shutdown();
    if watched && let Some(config) = &app.telemetry {
        outlook::tell(&report, config);
    }
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(signal) = error.signal() {
        signals::die_of(signal);
    }
    ExitCode::from(error.exit_code())
}

/// Flags, environment and file of telemetry; the names this program gives to things.
fn telemetry_config(cli: &Cli, inputs: &Inputs, app: &App) -> Config {
    let (role, service) = match cli.command {
        Command::Worker(_) => (Role::Service, "todo-worker"),
        _ => (Role::Cli, "todo-cli"),
    };
    let flags = Flags {
        verbose: cli.global.verbose,
        debug: cli.global.debug,
        trace: cli.global.trace,
        no_telemetry: cli.global.no_telemetry,
        log_format: cli.global.log_format.map(|form| match form {
            LogFormat::Json => telemetry::LogFormat::Json,
            LogFormat::Console => telemetry::LogFormat::Console,
        }),
    };
    let mut config = Config::for_app("todo", role)
        .service_name(service)
        .version(env!("CARGO_PKG_VERSION"))
        .flags(flags)
        .env(inputs.env.clone())
        .vocabulary(names::VOCABULARY);
    config = match &app.config_path {
        // A file that nobody can use is complained about once, by the app.
        Some(path) if path.exists() && (app.config().is_ok() || config::is_file_usable(inputs)) => config.file(path),
        _ => config.no_file(),
    };
    if let Some(key) = app.config().ok().and_then(|config| config.ai.api_key.as_ref()) {
        config = config.secret(key.expose_secret());
    }
    let mut config = config.resolve();
    if cli.global.json {
        // A program reads standard error too: it finds the error object there, and what flags ask for.
        config.self_log_level = LevelFilter::Off;
    }
    config
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
    // A word that is a verb tells nothing more when it happens to be the value of a flag in front of it.
    let verbs = Cli::command();
    let is_verb = |word: &OsString| word.to_str().is_some_and(|word| verbs.find_subcommand(word).is_some());
    let verb = arguments.iter().skip(1).position(is_verb);
    let shown = arguments.iter().skip(1).enumerate().map(|(position, argument)| {
        let argument = argument.to_string_lossy();
        match argument.split_once('=') {
            _ if Some(position) == verb => argument.into_owned(),
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
