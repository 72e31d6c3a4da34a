//! How delivery fares, for the gauges of a service.

use super::{
    Delivery,
    clock::{self, Now},
};
use crate::config::Role;

/// One look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Health {
    /// Bytes on disk.
    pub(crate) spool_bytes: u64,
    /// Seconds since the oldest body was made that did not get out.
    pub(crate) export_age: f64,
    /// Seconds since 1970 of the last success; 0 = never.
    pub(crate) last_success: f64,
    /// Destinations with a signal that is left alone for now.
    pub(crate) open: u64,
    /// Runs found that died without their end.
    pub(crate) unclean: u64,
}

impl Delivery {
    /// `None` for a command, which nobody watches while it runs.
    pub(crate) fn health(&self) -> Option<Health> {
        let inner = &self.inner;
        if inner.settings.role != Role::Service || inner.pid != std::process::id() {
            return None;
        }
        let mut health = Health { unclean: inner.unclean(), ..Health::default() };
        let mut oldest = inner.queue.oldest().map(|oldest| oldest.elapsed().as_secs_f64()).unwrap_or_default();
        for destination in inner.spools() {
            if let Ok(listing) = destination.spool.list() {
                health.spool_bytes += listing.bytes();
                let made = listing.segments.first().map(|name| clock::wall_ms().saturating_sub(name.ms));
                oldest = oldest.max(made.map_or(0.0, |ms| ms as f64 / 1000.0));
            }
            let (breakers, now) = (destination.breakers(), Now::read());
            let mut signals = destination.signals(&inner.settings);
            health.open += u64::from(signals.any(|signal| !breakers.may_send(signal, &now)));
            let last = destination.signals(&inner.settings).map(|signal| breakers.of(signal).last_success_ms).max();
            health.last_success = health.last_success.max(last.map_or(0.0, |ms| ms as f64 / 1000.0));
        }
        health.export_age = oldest;
        Some(health)
    }
}
