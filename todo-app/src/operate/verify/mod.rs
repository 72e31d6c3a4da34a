//! `todo telemetry verify`: sends one marked trace, metric and log with the settings in force, follows them into the given
//! servers, and runs every panel's query. Not here: the servers' APIs.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use todo_otel_runtime::{Config, deliver};

pub mod panels;
pub mod servers;

use self::servers::{Servers, Window, list};
use super::stack::dashboard::Source;
use crate::{
    app::App,
    cli::VerifyArgs,
    config::ConfigError,
    error::{Error, Result},
    output::{escape, json},
};

const PAUSE: Duration = Duration::from_millis(250);
const COMMANDS: &str = r#"sum(todo_commands_total{todo_command="telemetry"})"#;

/// Emits what is followed: one span, one count, one log record. Prints the trace's id.
///
/// # Errors
/// Those of output.
pub fn mark(app: &mut App) -> Result<()> {
    tracing::info!(name: "telemetry.mark", "a mark that `todo telemetry verify` follows");
    let trace = todo_otel_runtime::current().map(|ids| format!("{:032x}", ids.trace));
    app.out.text(&format!("{}\n", trace.unwrap_or_default()))
}

/// Runs the whole check and prints what it found.
///
/// # Errors
/// [`Error::Findings`] when a mark did not arrive or a server refused a query.
pub fn run(app: &mut App, config: &Config, args: &VerifyArgs) -> Result<()> {
    let servers = Servers::new(args.prometheus.as_deref(), args.tempo.as_deref(), args.loki.as_deref())
        .map_err(|problem| refused(problem, "give base URLs such as http://127.0.0.1:9090"))?;
    if !config.otlp.iter().any(|otlp| otlp.endpoint.is_some()) {
        return Err(refused("no endpoint is configured, so nothing is sent".into(), "set OTEL_EXPORTER_OTLP_ENDPOINT"));
    }
    let limit = Duration::from_secs(args.deadline);
    let before =
        servers.has(Source::Prometheus).then(|| commands(&servers)).and_then(|found| found.ok()).unwrap_or(0.0);
    let sent_at = unix_now();
    let trace = send(app)?;
    let flushed =
        deliver::flush(config, Instant::now() + limit).map_err(|error| refused(error.to_string(), error.hint()))?;
    let left: u64 = flushed.left.iter().sum();
    let mut marks = vec![json::MarkFound {
        server: "delivery",
        found: left == 0,
        detail: match left {
            0 => format!("trace {trace} left this machine"),
            left => format!("{left} items are still here: see `todo telemetry status`"),
        },
    }];
    for source in [Source::Tempo, Source::Prometheus, Source::Loki].into_iter().filter(|source| servers.has(*source)) {
        let found = follow(limit, || match source {
            Source::Tempo => trace_arrived(&servers, &trace),
            Source::Prometheus => counted(&servers, before),
            Source::Loki => log_arrived(&servers, &trace, sent_at),
        });
        let (found, detail) = match found {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        marks.push(json::MarkFound { server: source.id(), found, detail });
    }
    let probed = panels::probe(&servers, "4m", |from| {
        let (to, seconds) = (unix_now(), panels::seconds(from));
        Window { from: to - seconds, to, step: seconds / 100 }
    });
    report(app, marks, &probed)
}

fn report(app: &mut App, marks: Vec<json::MarkFound>, probed: &[panels::Probed]) -> Result<()> {
    let panel = |probed: &panels::Probed| json::PanelProbed {
        dashboard: probed.dashboard,
        panel: probed.panel,
        query: probed.query.clone(),
        points: probed.points.as_ref().ok().copied(),
        error: probed.points.as_ref().err().cloned(),
    };
    let document = json::Verified { marks, panels: probed.iter().map(panel).collect() };
    let refused = document.panels.iter().filter(|panel| panel.error.is_some()).count();
    let findings = document.marks.iter().filter(|mark| !mark.found).count() + refused;
    app.out.results(&document, || {
        let mut text = String::new();
        for mark in &document.marks {
            let word = if mark.found { "found" } else { "MISSING" };
            text.push_str(&format!("{:<11} {word:<8} {}\n", mark.server, escape(&mark.detail)));
        }
        for panel in &document.panels {
            let points = match (&panel.error, panel.points) {
                (Some(error), _) => format!("REFUSED: {}", escape(error)),
                (None, Some(0)) => "no data".to_owned(),
                (None, points) => format!("{} points", points.unwrap_or_default()),
            };
            text.push_str(&format!("{:<20} {:<36} {points}\n", panel.dashboard, panel.panel));
        }
        text
    })?;
    match findings {
        0 => Ok(()),
        count => Err(Error::Findings(count)),
    }
}

/// Runs this program once more, with telemetry on; the id of its trace. What it recorded is left to a flush.
pub(super) fn send(app: &App) -> Result<String> {
    let failed = |source| Error::Io { action: "sending a mark".into(), source };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["telemetry", "mark"]).stdin(Stdio::null()).stderr(Stdio::null());
    command.env("TODO_DETACHED_FLUSH", "false").env("TODO_EXIT_FLUSH_MS", "0");
    if let Some(path) = app.config_path.as_ref().filter(|path| path.exists()) {
        command.arg("--config").arg(path);
    }
    let output = command.output().map_err(failed)?;
    let trace = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match trace.len() {
        32 => Ok(trace),
        _ => {
            Err(refused("nothing was recorded".into(), "telemetry or its traces are switched off: `todo config show`"))
        }
    }
}

/// Asks until the answer is yes or the time is over.
fn follow(limit: Duration, mut ask: impl FnMut() -> Result<Option<String>, String>) -> Result<String, String> {
    let deadline = Instant::now() + limit;
    loop {
        let last = match ask() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => format!("did not arrive within {} s", limit.as_secs()),
            Err(error) => error,
        };
        if Instant::now() >= deadline {
            return Err(last);
        }
        thread::sleep(PAUSE);
    }
}

fn trace_arrived(servers: &Servers, trace: &str) -> Result<Option<String>, String> {
    match servers.get(Source::Tempo, &format!("api/v2/traces/{trace}"), &[]) {
        Ok(answer) => Ok(list(&answer["trace"]["resourceSpans"]).next().map(|_| format!("trace {trace} is stored"))),
        Err(error) if error.starts_with("404") => Ok(None),
        Err(error) => Err(error),
    }
}

fn commands(servers: &Servers) -> Result<f64, String> {
    let answer = servers.get(Source::Prometheus, "api/v1/query", &[("query", COMMANDS)])?;
    let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok());
    Ok(value.unwrap_or(0.0))
}

fn counted(servers: &Servers, before: f64) -> Result<Option<String>, String> {
    let now = commands(servers)?;
    Ok((now > before).then(|| format!("todo_commands_total went from {before} to {now}")))
}

fn log_arrived(servers: &Servers, trace: &str, sent_at: u64) -> Result<Option<String>, String> {
    let query = format!(r#"{{service_namespace="todo"}} | trace_id="{trace}""#);
    let window = Window { from: sent_at - 60, to: unix_now() + 60, step: 60 };
    let lines = servers.points(Source::Loki, &query, false, window)?;
    Ok((lines > 0).then(|| format!("{lines} log lines carry the trace's id")))
}

/// Unix time in seconds.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn refused(problem: String, hint: &str) -> Error {
    ConfigError { problem, hint: hint.to_owned() }.into()
}
