//! The service level objectives that attributes declare. Not here: how they become queries.

use super::list::sites;
use crate::metrics::Role;

/// A service level objective of one metric, declared by `objective(...)` on one call site or on many alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Name of the counter of calls.
    pub calls: Option<&'static str>,
    /// Name of the counter of errors.
    pub errors: Option<&'static str>,
    /// Name of the histogram of durations.
    pub duration: Option<&'static str>,
    /// Share of calls that succeed, in percent.
    pub success: Option<f64>,
    /// Longest duration in seconds, and the share of calls within it, in percent.
    pub latency: Option<(f64, f64)>,
    /// Label values whose calls are left out of the latency objective.
    pub except: &'static [(&'static str, &'static str)],
}

/// Every objective that the program declares, once each, in the order of their metrics.
pub fn objectives() -> Vec<Objective> {
    let mut all: Vec<Objective> = Vec::new();
    for meta in sites().into_iter().map(|site| site.meta()) {
        let (Some(objective), Some(metrics)) = (meta.objective, meta.metrics) else { continue };
        let of = |role: Role| metrics.instruments.iter().find(|i| i.role == role).map(|i| i.name);
        let declared = Objective {
            calls: of(Role::Calls),
            errors: of(Role::Errors),
            duration: of(Role::Duration),
            success: (objective.success > 0.0).then_some(objective.success),
            latency: (objective.latency_ns > 0).then_some((objective.latency_ns as f64 / 1e9, objective.percentile)),
            except: objective.except,
        };
        if !all.contains(&declared) {
            all.push(declared);
        }
    }
    all.sort_by_key(|objective| (objective.calls, objective.duration));
    all
}
