//! Where telemetry goes: one marked trace, metric and log are sent, and what the receiver made of each is told.

use std::time::{Duration, Instant};

use todo_otel_runtime::{
    Config,
    config::{ExporterKind, Signal},
    deliver::{self, FlushReport, SpoolStatus},
};

use super::Check;
use crate::{app::App, operate::verify};

const AREA: &str = "endpoint";
/// Longest time for the way there and back.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn check(app: &App) -> Vec<Check> {
    let Some(config) = &app.telemetry else {
        return vec![Check::good(AREA, "telemetry is off, nothing is sent")];
    };
    match deliver::status(config) {
        Err(error) => return vec![Check::finding(AREA, error.to_string(), error.hint())],
        Ok(spools) if spools.is_empty() => return vec![Check::good(AREA, "none is configured, nothing is sent")],
        Ok(_) => {}
    }
    if let Err(error) = verify::send(app) {
        return vec![Check::failed(AREA, &error)];
    }
    let started = Instant::now();
    let flushed = deliver::flush(config, started + LIMIT).and_then(|report| Ok((report, deliver::status(config)?)));
    match flushed {
        Ok((report, spools)) => told(config, &report, &spools, started.elapsed()),
        Err(error) => vec![Check::finding(AREA, error.to_string(), error.hint())],
    }
}

fn told(config: &Config, report: &FlushReport, spools: &[SpoolStatus], took: Duration) -> Vec<Check> {
    let mut checks = Vec::new();
    for signal in Signal::ALL {
        let (name, index) = (signal.as_str(), signal as usize);
        let endpoint = config.otlp[index].endpoint.as_deref().unwrap_or_default();
        let problem = spools.iter().flat_map(|spool| &spool.closed).find(|closed| closed.signal == signal);
        checks.push(match (report.delivered[index], report.left[index]) {
            (0, 0) if !is_sent(config, signal) => Check::good(AREA, format!("{name}: switched off")),
            (0, 0) => Check::good(AREA, format!("{name}: another process of this program is delivering")),
            (items, 0) => Check::good(AREA, format!("{name}: {items} items taken, round trip {} ms", took.as_millis())),
            (_, left) => {
                let why = problem.map_or("no answer in time", |closed| &closed.problem);
                Check::finding(AREA, format!("{name}: {left} items not taken by {}: {why}", shown(endpoint)), fix(why))
            }
        });
    }
    for lost in report.lost.iter().filter(|lost| lost.items > 0) {
        checks.push(Check::finding(
            AREA,
            format!("{}: {} items lost ({:?})", lost.signal.as_str(), lost.items, lost.reason),
            "a receiver that rejects part of what it gets says why in its own log",
        ));
    }
    checks
}

fn is_sent(config: &Config, signal: Signal) -> bool {
    let exporters = match signal {
        Signal::Traces => &config.traces.exporters,
        Signal::Metrics => &config.metrics.exporters,
        Signal::Logs => &config.logs.exporters,
    };
    exporters.contains(&ExporterKind::Otlp)
}

/// Scheme, host, port and path; never what stands before an `@`.
fn shown(endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        None => endpoint.to_owned(),
    }
}

fn fix(why: &str) -> &'static str {
    match why {
        _ if why.contains("401") || why.contains("403") => "check OTEL_EXPORTER_OTLP_HEADERS, or `[grafana] api_key`",
        _ if why.contains("404") || why.contains("UNIMPLEMENTED") => {
            "the receiver does not take this signal at this path: correct the endpoint, or switch the signal off with \
             OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER or OTEL_LOGS_EXPORTER=none"
        }
        _ if why.contains("refused") => "start the receiver, or correct OTEL_EXPORTER_OTLP_ENDPOINT",
        _ => {
            "check OTEL_EXPORTER_OTLP_ENDPOINT; a receiver that speaks gRPC on another port than 4317 needs \
             OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        }
    }
}
