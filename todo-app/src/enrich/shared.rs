//! What all processes know about a provider, so that a hundred commands in an outage act as one client.

use crate::store::Store;
use jiff::Timestamp;

/// A text per provider that one process at a time reads, changes and writes.
pub trait SharedState: Sync {
    /// Hands the stored text to `change` and stores what it returns. `false`: nothing could be stored, and `change` may not
    /// have run; callers then act on what they know themselves.
    fn update(&self, provider: &str, change: &mut dyn FnMut(Option<&str>) -> String) -> bool;
}

impl SharedState for Store {
    fn update(&self, provider: &str, change: &mut dyn FnMut(Option<&str>) -> String) -> bool {
        self.update_provider_state(provider, Timestamp::now(), |old| (change(old.as_deref()), ())).is_ok()
    }
}
