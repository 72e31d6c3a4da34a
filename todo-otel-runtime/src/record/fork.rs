//! A forked child has its parent's memory and none of its threads: it records nothing, unless it starts telemetry itself.
//!
//! Only what is allowed between `fork` and `exec` happens here: no lock, no allocation.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// True in a child that was forked after recording started here.
pub(crate) fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// Recording starts in this process: from now on its children switch off.
pub(crate) fn watch() {
    #[cfg(unix)]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: the function is what `pthread_atfork` wants, lives for ever, and only stores to atomics.
            // A failure means that there was no memory for the entry; collector and delivery compare the process id anyway.
            unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
    }
    if IS_CHILD.swap(false, Ordering::Relaxed) {
        super::local::with(|local| local.ids.reset());
    }
}

#[cfg(unix)]
unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> std::ffi::c_int;
}

#[cfg(unix)]
extern "C" fn in_child() {
    IS_CHILD.store(true, Ordering::Relaxed);
    super::callsite::switch_off_unlocked();
    super::otel::switch(false);
    crate::metrics::state::set_enabled(false);
}
