//! Every panel's queries, as Grafana would send them with all variables at *All*.

use super::servers::{Servers, Window};
use crate::operate::stack::{dashboard::Target, panels};

/// What one query of a panel returned.
#[derive(Clone, Debug)]
pub struct Probed {
    /// `uid` of the dashboard.
    pub dashboard: &'static str,
    /// Title of the panel.
    pub panel: &'static str,
    /// The query as it was sent.
    pub query: String,
    /// Points that are neither null nor NaN, or what the server said.
    pub points: Result<usize, String>,
}

/// Asks for every panel whose server is known. `window` is made from the dashboard's default range, such as `now-6h`.
pub fn probe(servers: &Servers, rate_interval: &str, window: impl Fn(&str) -> Window) -> Vec<Probed> {
    let mut all = Vec::new();
    for dashboard in panels::dashboards() {
        let window = window(dashboard.from);
        for panel in &dashboard.panels {
            for target in panel.targets.iter().filter(|target| servers.has(target.source)) {
                let query = expand(target, rate_interval, window);
                let points = servers.points(target.source, &query, target.instant, window);
                all.push(Probed { dashboard: dashboard.uid, panel: panel.title, query, points });
            }
        }
    }
    all
}

/// A target's query with Grafana's variables filled in.
pub fn expand(target: &Target, rate_interval: &str, window: Window) -> String {
    let range = format!("{}s", window.to.saturating_sub(window.from).max(1));
    let values = [
        ("$__rate_interval", rate_interval),
        ("$__range", &range),
        ("$__auto", rate_interval),
        ("$environment", ".*"),
        ("$service", ".*"),
        ("$instance", ".*"),
        ("$command", ".*"),
        ("$price_in", "1"),
        ("$price_out", "1"),
    ];
    values.iter().fold(target.expression(), |query, (variable, value)| query.replace(variable, value))
}

/// Seconds of a dashboard's default range: `now-6h`, `now-30d`.
pub fn seconds(from: &str) -> u64 {
    let length = from.trim_start_matches("now-");
    let (count, unit) = length.split_at(length.len().saturating_sub(1));
    let unit = match unit {
        "d" => 86_400,
        "h" => 3_600,
        _ => 60,
    };
    count.parse::<u64>().unwrap_or(1) * unit
}
