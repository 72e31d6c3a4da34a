//! One signature of the matrix and what must be recorded about a call of it.

use std::{future::Future, time::Duration};

/// How long a function with something to wait for waits.
pub const NAP: Duration = Duration::from_millis(50);

/// One call.
#[derive(Clone, Copy)]
pub struct Case {
    /// Name of the function.
    pub name: &'static str,
    /// How often it is called.
    pub times: usize,
    /// How each call ends.
    pub outcome: &'static str,
    /// It waits for `NAP`, and what is recorded covers that.
    pub waits: bool,
    /// The call; a panic of its own is part of the story.
    pub run: fn(),
}

impl Case {
    /// A call that returns.
    pub const fn ok(name: &'static str, run: fn()) -> Self {
        Case { name, times: 1, outcome: "ok", waits: false, run }
    }

    /// A call that returns `Err`.
    pub const fn error(name: &'static str, run: fn()) -> Self {
        Case { outcome: "error", ..Self::ok(name, run) }
    }

    /// A call that unwinds.
    pub const fn panic(name: &'static str, run: fn()) -> Self {
        Case { outcome: "panic", ..Self::ok(name, run) }
    }

    /// A future that is dropped on the way.
    pub const fn cancelled(name: &'static str, run: fn()) -> Self {
        Case { outcome: "cancelled", ..Self::ok(name, run) }
    }

    /// It waits for `NAP`.
    pub const fn waits(self) -> Self {
        Case { waits: true, ..self }
    }

    /// It is called more than once.
    pub const fn times(self, times: usize) -> Self {
        Case { times, ..self }
    }
}

/// Waits.
pub async fn nap() {
    tokio::time::sleep(NAP).await;
}

/// Runs a future to its end on this thread.
pub fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

/// Polls a future once and drops it.
pub fn poll_once<F: Future>(future: F) {
    block(async {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending(), "it waits for something");
            std::task::Poll::Ready(())
        })
        .await;
    });
}

/// A value that nothing can print.
pub struct Opaque(pub u32);
