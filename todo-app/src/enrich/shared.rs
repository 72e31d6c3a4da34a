//! What all processes know about a provider, so that a hundred commands in an outage act as one client.

use super::breaker::ProviderState;
use crate::store::Store;
use jiff::Timestamp;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// A text per provider that one process at a time reads, changes and writes.
pub trait SharedState: Sync {
    /// The stored text; `Err` when nothing can be read.
    fn read(&self, provider: &str) -> Result<Option<String>, Unavailable>;

    /// Hands the stored text to `change` and stores what it returns. On `Err` nothing was stored.
    fn update(&self, provider: &str, change: &mut dyn FnMut(Option<&str>) -> String) -> Result<(), Unavailable>;
}

/// The shared state cannot be reached; callers act on what they know themselves.
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

impl SharedState for Store {
    fn read(&self, provider: &str) -> Result<Option<String>, Unavailable> {
        self.provider_state(provider).map_err(|_| Unavailable)
    }

    fn update(&self, provider: &str, change: &mut dyn FnMut(Option<&str>) -> String) -> Result<(), Unavailable> {
        self.update_provider_state(provider, Timestamp::now(), |old| (change(old.as_deref()), ()))
            .map_err(|_| Unavailable)
    }
}

/// State of this process alone; for tests, and as the fallback when the store cannot be reached.
#[derive(Default)]
pub struct ProcessState(Mutex<Option<String>>);

impl SharedState for ProcessState {
    fn read(&self, _provider: &str) -> Result<Option<String>, Unavailable> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn update(&self, _provider: &str, change: &mut dyn FnMut(Option<&str>) -> String) -> Result<(), Unavailable> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *text = Some(change(text.as_deref()));
        Ok(())
    }
}

impl fmt::Debug for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessState")
    }
}

/// Applies a change to the state of one provider; returns its answer and the state after it. Nothing is written when nothing
/// changes.
pub(super) fn change<R>(
    shared: &dyn SharedState,
    provider: &str,
    change: impl Fn(&mut ProviderState) -> R,
) -> Result<(R, ProviderState), Unavailable> {
    let text = shared.read(provider)?;
    let before = ProviderState::from_text(text.as_deref());
    let mut after = before.clone();
    let answer = change(&mut after);
    if after == before {
        return Ok((answer, after));
    }
    let mut changed = None;
    shared.update(provider, &mut |text| {
        let mut state = ProviderState::from_text(text);
        let answer = change(&mut state);
        let text = state.to_text();
        changed = Some((answer, state));
        text
    })?;
    changed.ok_or(Unavailable)
}
