//! The one call of C's `atexit`; nothing else in this file.

/// Runs `handler` when the process ends by `exit` or by returning from `main`.
pub(super) fn register(handler: extern "C" fn()) {
    #[cfg(unix)]
    {
        unsafe extern "C" {
            fn atexit(handler: extern "C" fn()) -> i32;
        }
        // SAFETY: `atexit` is a function of the C library that every Unix program of Rust links, with this signature;
        // the handler is a function of this program, so it lives as long as the process, and it does not unwind
        // (`extern "C"` aborts instead).
        let _ = unsafe { atexit(handler) };
    }
    #[cfg(not(unix))]
    let _ = handler;
}
