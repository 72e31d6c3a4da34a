//! Failures for `tracing` subscribers that are not ours.

use std::cell::Cell;

thread_local!(static FORWARDING: Cell<bool> = const { Cell::new(false) });

/// True while an event that the pipeline already has is shown to other subscribers.
pub(crate) fn is_forwarding() -> bool {
    FORWARDING.try_with(Cell::get).unwrap_or(false)
}
