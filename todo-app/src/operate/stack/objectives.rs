//! Objectives over 30 days as queries. What is promised stands on the attributes (`objective(...)`) and, for shares of two
//! counters, in the table of names; here are only the names for people and the alerts.

use todo_otel_runtime::{
    catalogue::{self, Declaration},
    metrics::prometheus::{label_name, metric_name},
};

use super::rules::{Burn, Objective, Severity, Window};
use crate::{
    error::NOT_OURS,
    names::{RATIOS, Ratio},
};

const BY: &str = "sum by (deployment_environment_name)";

const FAST: [Window; 2] = [
    Window { long: "1h", short: "5m", factor: 14.4, events: 30 },
    Window { long: "6h", short: "30m", factor: 6.0, events: 60 },
];
const SLOW: [Window; 2] = [
    Window { long: "1d", short: "2h", factor: 3.0, events: 60 },
    Window { long: "3d", short: "6h", factor: 1.0, events: 60 },
];

/// What code cannot say about an objective.
struct Face {
    /// OpenTelemetry name of the metric whose events are judged; of a ratio the good ones.
    metric: &'static str,
    slo: &'static str,
    alerts: &'static [Burn],
}

const FACES: [Face; 3] = [
    Face {
        metric: "todo.commands",
        slo: "command-success",
        alerts: &[
            Burn {
                name: "TodoCommandBudgetFastBurn",
                windows: &FAST,
                severity: Severity::Page,
                summary: "Commands fail so often that the month's budget is gone in days",
                dashboard: "todo-slo",
            },
            Burn {
                name: "TodoCommandBudgetSlowBurn",
                windows: &SLOW,
                severity: Severity::Ticket,
                summary: "Commands fail more often than the objective allows",
                dashboard: "todo-slo",
            },
        ],
    },
    Face {
        metric: "ai.enrichment.duration",
        slo: "ai-latency",
        alerts: &[
            Burn {
                name: "TodoAiLatencyBudgetFastBurn",
                windows: &FAST,
                severity: Severity::Page,
                summary: "Enrichments are so slow or fail so often that the month's budget is gone in days",
                dashboard: "todo-ai",
            },
            Burn {
                name: "TodoAiLatencyBudgetSlowBurn",
                windows: &SLOW,
                severity: Severity::Ticket,
                summary: "More enrichments are slow or fail than the objective allows",
                dashboard: "todo-ai",
            },
        ],
    },
    Face {
        metric: "ai.suggestions.accepted",
        slo: "ai-acceptance",
        // The largest burn rate that can exist at 80 % is 5, so no paging row could ever fire.
        alerts: &[Burn {
            name: "TodoAiAcceptanceLow",
            windows: &[Window { long: "7d", short: "1d", factor: 1.0, events: 20 }],
            severity: Severity::Ticket,
            summary: "People reject more suggestions than the objective allows",
            dashboard: "todo-business",
        }],
    },
];

/// All objectives that the program declares.
pub fn all() -> Vec<Objective> {
    let metrics = catalogue::declarations();
    let series = |name: &str| series(&metrics, name);
    let mut all = Vec::new();
    for declared in catalogue::objectives() {
        if let (Some(percent), Some(calls), Some(errors)) = (declared.success, declared.calls, declared.errors) {
            all.extend(success(calls, percent, &series(calls), &series(errors)));
        }
        if let (Some((seconds, percent)), Some(duration)) = (declared.latency, declared.duration) {
            all.extend(latency(duration, seconds, percent, declared.except, &series(duration)));
        }
    }
    all.extend(RATIOS.iter().filter_map(|ratio| share(ratio, &series(ratio.good), &series(ratio.bad))));
    all.sort_by_key(|objective| FACES.iter().position(|face| face.slo == objective.slo));
    all
}

/// How many objectives the program declares, with a face or without.
#[cfg(test)]
pub fn declared() -> usize {
    let on_functions = catalogue::objectives();
    let count = |o: &catalogue::Objective| usize::from(o.success.is_some()) + usize::from(o.latency.is_some());
    on_functions.iter().map(count).sum::<usize>() + RATIOS.len()
}

fn series(metrics: &[Declaration], name: &str) -> String {
    let declared = metrics.iter().find(|metric| metric.name == name);
    declared.map_or_else(String::new, |metric| metric_name(metric.name, metric.unit, metric.kind))
}

fn objective(metric: &str, percent: f64, bad: String, all: String, events: String) -> Option<Objective> {
    let face = FACES.iter().find(|face| face.metric == metric)?;
    Some(Objective { slo: face.slo, target: percent / 100.0, bad, all, events, alerts: face.alerts })
}

/// Bad are the errors that are not people's own; good is what ended well.
fn success(metric: &str, percent: f64, calls: &str, errors: &str) -> Option<Objective> {
    let bad = format!("{BY} (rate({errors}{{error_type!~\"{}\"}}[$w]))", NOT_OURS.join("|"));
    let all = format!("({BY} (rate({calls}{{outcome=\"ok\"}}[$w])) + {bad})");
    let events = format!("{BY} (increase({calls}{{outcome=~\"ok|error|panic\"}}[$w]))");
    objective(metric, percent, bad, all, events)
}

/// Bad is what failed or took longer; what was cancelled counts on neither side.
fn latency(metric: &str, seconds: f64, percent: f64, except: &[(&str, &str)], series: &str) -> Option<Objective> {
    let except: String = except.iter().map(|(key, value)| format!("{}!=\"{value}\",", label_name(key))).collect();
    let counted = format!("{series}_count{{{except}outcome!=\"cancelled\"}}[$w]");
    let bound = seconds.to_string().replace('.', "\\\\.");
    // OTLP writes le="5", OpenMetrics le="5.0".
    let bound = if seconds.fract() == 0.0 { format!("{bound}(\\\\.0)?") } else { bound };
    let all = format!("{BY} (rate({counted}))");
    let good = format!("{BY} (rate({series}_bucket{{{except}outcome=\"ok\",le=~\"{bound}\"}}[$w]))");
    objective(metric, percent, format!("({all} - ({good} or 0 * {all}))"), all, format!("{BY} (increase({counted}))"))
}

fn share(ratio: &Ratio, good: &str, bad: &str) -> Option<Objective> {
    let of = |function: &str, metric: &str| format!("{BY} ({function}({metric}[$w]))");
    let all = |function: &str| format!("({} + {})", of(function, good), of(function, bad));
    objective(ratio.good, ratio.percent, of("rate", bad), all("rate"), all("increase"))
}
