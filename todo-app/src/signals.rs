//! Signals of a command: the first one sets a flag that the command looks at between its steps, the second ends the
//! process at once. The process then dies of the first signal, so that a shell sees what happened. A worker takes SIGHUP as a
//! wish instead: send what waits and go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag, low_level,
};

use crate::error::{Error, Result};

/// Signals received so far; clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    flush: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to listen. Without this call nothing is ever received, as in tests. SIGHUP ends a command, not a worker.
    pub fn install(is_worker: bool) -> Signals {
        let signals = Signals::default();
        let second = Arc::new(AtomicBool::new(false));
        let ending: &[i32] = if is_worker { &[SIGINT, SIGTERM] } else { &[SIGHUP, SIGINT, SIGTERM] };
        if is_worker {
            let _ = flag::register(SIGHUP, Arc::clone(&signals.flush));
        }
        for &signal in ending {
            // In this order: the first signal finds `second` still false and sets it afterwards. A registration that
            // fails leaves the default action in place, which ends the process as well.
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&second));
            let _ = flag::register(signal, Arc::clone(&second));
            let number = usize::try_from(signal).unwrap_or_default();
            let _ = flag::register_usize(signal, Arc::clone(&signals.received), number);
        }
        // A write past the limit on file sizes is then an error that the database reports, not the end of the process.
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        signals
    }

    /// The signal that asks the command to end.
    pub fn received(&self) -> Option<i32> {
        i32::try_from(self.received.load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
    }

    /// True once after each wish to send what waits.
    pub fn take_flush(&self) -> bool {
        self.flush.swap(false, Ordering::Relaxed)
    }

    /// Ends the command between two steps.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once a signal came in.
    pub fn check(&self) -> Result<()> {
        match self.received() {
            Some(signal) => Err(Error::Interrupted { signal }),
            None => Ok(()),
        }
    }
}

/// Dies of the signal, as if nobody had listened.
pub fn die_of(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}
