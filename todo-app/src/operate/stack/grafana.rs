//! The same alerts as Grafana-managed rules, for Grafana Cloud, where no rule file is read. Paused where Prometheus
//! evaluates already. Written as JSON, which every reader of YAML takes.

use serde_json::{Value, json};

use super::rules::{Alert, RUNBOOKS};

/// The provisioning file with a copy of every alert.
pub fn alert_copies(alerts: &[Alert]) -> String {
    let file = json!({
        "apiVersion": 1,
        "groups": [{
            "orgId": 1, "name": "todo", "folder": "Todo", "interval": "1m",
            "rules": alerts.iter().map(copy).collect::<Vec<_>>(),
        }],
    });
    format!("{}{file:#}\n", super::rules::HEADER)
}

fn copy(alert: &Alert) -> Value {
    // Absence is told by the rules themselves; only the one about absence may not be silenced by an unreachable server.
    let on_error = if alert.name == "TodoNoMetrics" { "Alerting" } else { "Error" };
    let mut rule = json!({
        "uid": uid(alert.name), "title": alert.name, "condition": "B", "for": alert.hold.unwrap_or("0s"), "isPaused": true,
        // Panel 2 of every dashboard is the list of its alerts.
        "dashboardUid": alert.dashboard, "panelId": 2, "noDataState": "OK", "execErrState": on_error,
        "labels": {"severity": alert.severity.as_str(), "service": "todo"},
        "annotations": {
            "summary": alert.summary, "runbook_url": format!("{RUNBOOKS}/{}.md", alert.name), "dashboard": alert.dashboard,
        },
        "data": [
            {
                "refId": "A", "relativeTimeRange": {"from": 900, "to": 0}, "datasourceUid": "prometheus",
                "model": {"refId": "A", "expr": alert.expr, "instant": true, "range": false},
            },
            {
                "refId": "B", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__",
                "model": {
                    "refId": "B", "type": "threshold", "expression": "A",
                    "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
                },
            },
        ],
    });
    if alert.keep_firing {
        rule["keepFiringFor"] = "10m".into();
    }
    rule
}

/// `TodoHighErrorRate` as `todo-high-error-rate`.
fn uid(name: &str) -> String {
    let mut uid = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !uid.is_empty() {
            uid.push('-');
        }
        uid.push(letter.to_ascii_lowercase());
    }
    uid
}
