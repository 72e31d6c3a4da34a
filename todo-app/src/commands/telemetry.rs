//! `todo telemetry`: what waits to be sent, send it, remove it, look at the last traces; what can be emitted at all, and
//! whether it arrives.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use todo_otel_runtime::{Config, InitError, catalogue::Format, config::Signal, deliver, last_traces};

use crate::{
    app::App,
    cli::{CatalogueFormat, TelemetryAction, TelemetryArgs},
    config::ConfigError,
    error::{Error, Result},
    operate::{self, stack, verify},
    output::{
        escape, escape_lines,
        json::{self, Items},
    },
};

command!("telemetry", "todo.command.telemetry", TelemetryArgs);

fn execute(app: &mut App, args: TelemetryArgs) -> Result<()> {
    match &args.action {
        TelemetryAction::Catalogue { format } => return catalogue(app, *format),
        TelemetryAction::Dashboards { out, check } => return dashboards(app, out, *check),
        _ => {}
    }
    let Some(config) = app.telemetry.clone() else {
        return app.out.results(&json::Spools { spools: Vec::new() }, || "Telemetry is off.\n".to_owned());
    };
    match args.action {
        TelemetryAction::Status => status(app, &config),
        TelemetryAction::Flush { deadline } => flush(app, &config, Duration::from_secs(deadline)),
        TelemetryAction::Purge => purge(app, &config),
        TelemetryAction::Last { count, html } => last(app, &config, count, html.as_deref()),
        TelemetryAction::Verify(args) => verify::run(app, &config, &args),
        TelemetryAction::Mark => verify::mark(app),
        TelemetryAction::Catalogue { .. } | TelemetryAction::Dashboards { .. } => Ok(()),
    }
}

fn catalogue(app: &mut App, format: CatalogueFormat) -> Result<()> {
    let format = match format {
        CatalogueFormat::Table if !app.out.json => Format::Table,
        CatalogueFormat::Table | CatalogueFormat::Json => Format::Json,
        CatalogueFormat::Markdown => Format::Markdown,
        CatalogueFormat::Weaver => Format::Weaver,
    };
    app.out.text(&operate::catalogue::render(format))
}

fn dashboards(app: &mut App, folder: &Path, check: bool) -> Result<()> {
    let files = match check {
        true => stack::drift(folder),
        false => stack::write(folder)
            .map_err(|source| Error::Io { action: format!("writing below {}", folder.display()), source })?,
    };
    let document = json::Files { files: files.iter().map(|path| path.display().to_string()).collect() };
    app.out.results(&document, || match (check, files.len()) {
        (true, 0) => "Every file is as the program writes it.\n".to_owned(),
        (true, _) => document.files.iter().map(|file| format!("differs: {}\n", escape(file))).collect(),
        (false, count) => format!("{count} files written below {}.\n", escape(&folder.display().to_string())),
    })?;
    match check && !files.is_empty() {
        true => Err(Error::Findings(files.len())),
        false => Ok(()),
    }
}

fn status(app: &mut App, config: &Config) -> Result<()> {
    let found = deliver::status(config).map_err(refused)?;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    let spools = found.iter().map(|spool| json::Spool {
        endpoint: spool.endpoint.clone(),
        usable: spool.usable,
        waiting: Items::from(spool.items),
        bytes: spool.bytes,
        oldest_seconds: seconds(spool.oldest),
        lost: spool.lost.iter().map(|lost| lost.items).sum(),
        failures: spool.failures,
        retry_in_seconds: seconds(spool.waiting),
        last_success_seconds: seconds(spool.last_success),
        draining: spool.draining,
        closed: spool.closed.iter().map(json::Closed::from).collect(),
    });
    let document = json::Spools { spools: spools.collect() };
    app.out.results(&document, || {
        if found.is_empty() {
            return "Nothing is sent: no endpoint is configured.\n".to_owned();
        }
        let mut text = String::new();
        for (spool, shown) in found.iter().zip(&document.spools) {
            text.push_str(&format!("{}\n  waiting       {}\n", escape(&spool.endpoint), shown.waiting));
            for (name, time) in
                [("oldest", spool.oldest), ("last success", spool.last_success), ("next try in", spool.waiting)]
            {
                if let Some(time) = time {
                    text.push_str(&format!("  {name:<13} {} s\n", time.as_secs()));
                }
            }
            for closed in &spool.closed {
                let what = if closed.refused { "refused" } else { "failing" };
                text.push_str(&format!(
                    "  {what:<13} {}: {}; next try in {} s\n",
                    closed.signal.as_str(),
                    escape(&closed.problem),
                    closed.waiting.as_secs()
                ));
            }
            for lost in &spool.lost {
                text.push_str(&format!(
                    "  lost          {} {} ({:?})\n",
                    lost.items,
                    lost.signal.as_str(),
                    lost.reason
                ));
            }
        }
        text
    })
}

fn flush(app: &mut App, config: &Config, deadline: Duration) -> Result<()> {
    let report = deliver::flush(config, Instant::now() + deadline).map_err(refused)?;
    let document = json::Flush {
        delivered: Items::from(report.delivered),
        left: Items::from(report.left),
        closed: report.closed.iter().map(json::Closed::from).collect(),
    };
    app.out.results(&document, || {
        let mut text = format!("Delivered {}; left {}.\n", document.delivered, document.left);
        for closed in &report.closed {
            text.push_str(&format!("Not taken: {} ({}).\n", closed.signal.as_str(), escape(&closed.problem)));
        }
        text
    })?;
    match report.is_complete() {
        true => Ok(()),
        false => Err(Error::Undelivered),
    }
}

fn purge(app: &mut App, config: &Config) -> Result<()> {
    let report = deliver::purge(config).map_err(refused)?;
    let document = json::Purge { files: report.files, removed: Items::from(report.items) };
    app.out.results(&document, || format!("Removed {} files with {}.\n", document.files, document.removed))
}

fn last(app: &mut App, config: &Config, count: usize, html: Option<&Path>) -> Result<()> {
    let traces = last_traces(config)
        .map_err(|source| Error::Io { action: "reading the last traces".into(), source })?
        .newest(count);
    let document = json::Traces {
        traces: traces
            .list()
            .into_iter()
            .map(|trace| json::Trace {
                trace_id: trace.trace_id,
                name: trace.name,
                duration_ms: trace.duration.as_secs_f64() * 1000.0,
                spans: trace.spans,
                errors: trace.errors,
            })
            .collect(),
    };
    if let Some(file) = html {
        let failed = |source| Error::Io { action: format!("writing {}", file.display()), source };
        fs::write(file, traces.html("Last traces of todo")).map_err(failed)?;
        let wrote = format!("Wrote {} traces to {}.\n", document.traces.len(), file.display());
        return app.out.results(&document, || escape_lines(&wrote).into_owned());
    }
    app.out.results(&document, || match traces.is_empty() {
        true => "No trace was kept.\n".to_owned(),
        false => escape_lines(&traces.plain_tree()).into_owned(),
    })
}

fn refused(error: InitError) -> Error {
    ConfigError { problem: error.to_string(), hint: error.hint().to_owned() }.into()
}

impl From<&deliver::Closed> for json::Closed {
    fn from(closed: &deliver::Closed) -> Self {
        json::Closed {
            signal: closed.signal.as_str(),
            problem: closed.problem.clone(),
            refused: closed.refused,
            retry_in_seconds: closed.waiting.as_secs(),
        }
    }
}

impl From<[u64; 3]> for Items {
    fn from(items: [u64; 3]) -> Self {
        let of = |signal: Signal| items[signal as usize];
        Items { spans: of(Signal::Traces), metrics: of(Signal::Metrics), logs: of(Signal::Logs) }
    }
}
