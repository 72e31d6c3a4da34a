//! The panic hook: one exception event per panic, then whatever hook was there before. It never exports.

use std::{
    panic::PanicHookInfo,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use opentelemetry::logs::Severity;

use crate::logs;

static ON: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

/// Events from now on, or none. The hook itself is put in place once and stays.
pub(crate) fn set(on: bool) {
    ON.store(on, Ordering::Release);
    if on {
        INSTALL.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if ON.load(Ordering::Acquire) {
                    // A second panic in here would abort the process.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| record(info)));
                }
                previous(info);
            }));
        });
    }
}

fn record(info: &PanicHookInfo<'_>) {
    crate::record::failure::note_panic(info);
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let failure = logs::Failure {
        event: "exception",
        severity: if cfg!(panic = "abort") { Severity::Fatal } else { Severity::Error },
        target: "panic",
        exception_type: "panic",
        message: &message,
        stacktrace: Some(format!("panicked at {location}")),
        error_type: "panic",
        span: logs::Span::Current,
        location: logs::Location::default(),
        root: true,
    };
    logs::emit(failure.into_record());
}
