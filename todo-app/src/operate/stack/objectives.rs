//! The three objectives over 30 days as queries.

use super::rules::{Burn, Objective, Severity, Window};

const BAD_COMMANDS: &str = r#"todo_command_errors_total{error_type!~"usage|not_found|invalid_input|interrupted"}"#;
const BY: &str = "sum by (deployment_environment_name)";

/// All objectives.
pub fn all() -> Vec<Objective> {
    vec![commands(), enrichment(), acceptance()]
}

const FAST: [Window; 2] = [
    Window { long: "1h", short: "5m", factor: 14.4, events: 30 },
    Window { long: "6h", short: "30m", factor: 6.0, events: 60 },
];
const SLOW: [Window; 2] = [
    Window { long: "1d", short: "2h", factor: 3.0, events: 60 },
    Window { long: "3d", short: "6h", factor: 1.0, events: 60 },
];

fn commands() -> Objective {
    Objective {
        slo: "command-success",
        target: 0.995,
        bad: format!("{BY} (rate({BAD_COMMANDS}[$w]))"),
        all: format!("({BY} (rate(todo_commands_total{{outcome=\"ok\"}}[$w])) + {BY} (rate({BAD_COMMANDS}[$w])))"),
        events: format!("{BY} (increase(todo_commands_total{{outcome=~\"ok|error|panic\"}}[$w]))"),
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
    }
}

fn enrichment() -> Objective {
    let vendors = r#"gen_ai_provider_name!="local""#;
    let all = format!(r#"{BY} (rate(ai_enrichment_duration_seconds_count{{{vendors},outcome!="cancelled"}}[$w]))"#);
    let good =
        format!(r#"{BY} (rate(ai_enrichment_duration_seconds_bucket{{{vendors},outcome="ok",le=~"5(\\.0)?"}}[$w]))"#);
    Objective {
        slo: "ai-latency",
        target: 0.95,
        bad: format!("({all} - ({good} or 0 * {all}))"),
        all,
        events: format!(
            r#"{BY} (increase(ai_enrichment_duration_seconds_count{{{vendors},outcome!="cancelled"}}[$w]))"#
        ),
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
    }
}

fn acceptance() -> Objective {
    let rejected = format!("{BY} (rate(ai_suggestions_rejected_total[$w]))");
    let accepted = format!("{BY} (rate(ai_suggestions_accepted_total[$w]))");
    Objective {
        slo: "ai-acceptance",
        target: 0.8,
        bad: rejected.clone(),
        all: format!("({accepted} + {rejected})"),
        events: format!(
            "({BY} (increase(ai_suggestions_accepted_total[$w])) + {BY} (increase(ai_suggestions_rejected_total[$w])))"
        ),
        // The largest burn rate that can exist at 80 % is 5, so no paging row could ever fire.
        alerts: &[Burn {
            name: "TodoAiAcceptanceLow",
            windows: &[Window { long: "7d", short: "1d", factor: 1.0, events: 20 }],
            severity: Severity::Ticket,
            summary: "People reject more suggestions than the objective allows",
            dashboard: "todo-business",
        }],
    }
}
