//! The pipeline in place. One per process; a later start replaces it.

use std::sync::{Arc, PoisonError, RwLock};

use super::pipeline::Pipeline;

static CURRENT: RwLock<Option<Arc<Pipeline>>> = RwLock::new(None);

/// The pipeline in place, if any.
pub(crate) fn current() -> Option<Arc<Pipeline>> {
    #[cfg(feature = "testing")]
    if let Some(captured) = crate::testing::hook::pipeline() {
        return Some(captured);
    }
    CURRENT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Puts `pipeline` in place and makes `tracing` ask all call sites anew.
pub(crate) fn set(pipeline: Arc<Pipeline>) {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = Some(pipeline);
    tracing_core::callsite::rebuild_interest_cache();
}
