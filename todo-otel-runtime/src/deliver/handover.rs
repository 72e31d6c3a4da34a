//! The ledger's way out: the totals of short-lived processes become bodies in the spool, which is drained as ever.
//!
//! What is not here: the ledger itself (`ledger`), and when a service exports the totals (`metrics::pipeline`).

use super::{inner::Inner, items, ledger::Ledger, settings::Settings};
use crate::{
    config::{Durability, Signal},
    metrics::pipeline,
};
use std::path::Path;

/// The state directory of a program that exports metrics and may write to disk.
fn state_dir(settings: &Settings) -> Option<&Path> {
    settings.route(Signal::Metrics)?;
    settings.spool_root.as_deref()?.parent()
}

/// Increments wait that nobody has added to the totals, and the totals could be sent: until then the increments are as
/// safe where they are.
pub(super) fn waits(inner: &Inner) -> bool {
    inner.may_send(Signal::Metrics) && any(&inner.settings)
}

fn any(settings: &Settings) -> bool {
    state_dir(settings).is_some_and(|dir| Ledger::waits(dir, settings.durability != Durability::Process))
}

/// As `spool_totals_on_demand`, once they could be sent.
#[cfg(target_os = "linux")]
pub(super) fn spool_totals(inner: &Inner) {
    if waits(inner) {
        spool_totals_on_demand(inner);
    }
}

/// Adds the increments to the totals and spools the totals, unless another process does it or there are none.
pub(super) fn spool_totals_on_demand(inner: &Inner) {
    if !any(&inner.settings) {
        return;
    }
    let Some(dir) = state_dir(&inner.settings) else { return };
    for body in pipeline::drain_ledger(&inner.settings.app, dir, inner.settings.durability) {
        let points = items::count(Signal::Metrics, &body).unwrap_or(1);
        inner.tally.emitted(Signal::Metrics, points);
        if let Err((body, reason)) = inner.spool(inner.body(Signal::Metrics, points, body.into())) {
            // Totals are exported again: nothing is lost but this one look at them.
            inner.tally.dropped(Signal::Metrics, body.unspooled.unwrap_or(reason), points);
        }
    }
}
