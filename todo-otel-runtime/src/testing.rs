//! Captures for tests: what an instrumented function recorded, as text that fits into a snapshot.
//!
//! [`capture`] needs no setup and no exporter. Each capture sees what its own thread records, and the children of that
//! wherever they run; tests in parallel do not see each other. While a capture is alive, its spans and log records go
//! nowhere else.
//!
//! A program that starts and ends telemetry inside of a test process switches recording off for everybody at its end:
//! keep such tests in a process of their own.
//!
//! # Examples
//!
//! ```
//! use todo_otel_runtime::{testing, traced};
//!
//! #[traced(name = "shop.pay", attributes(shop.items = items))]
//! fn pay(items: u64) -> Result<(), std::fmt::Error> {
//!     tracing::info!("paid");
//!     Ok(())
//! }
//!
//! let telemetry = testing::capture();
//! pay(3).unwrap();
//! assert_eq!(telemetry.tree(), "shop.pay {shop.items=3}\n");
//! assert_eq!(telemetry.logs_text(), "INFO paid [shop.pay]\n");
//! ```
//!
//! [`macro@telemetry_test`] makes a test of a function and hands it a capture whose ids and times are the same in every
//! run. Times of spans are counted, not measured: each moment comes one millisecond after the moment before it.
//!
//! ```
//! use todo_otel_runtime::{red_metrics, testing::{Capture, Show, telemetry_test}, traced};
//!
//! #[traced(name = "shop.pay")]
//! #[red_metrics(name = "shop.pay")]
//! async fn pay(amount: u64) -> Result<(), &'static str> {
//!     if amount == 0 { Err("nothing to pay") } else { Ok(()) }
//! }
//!
//! #[telemetry_test]
//! async fn a_payment_of_nothing_fails(telemetry: Capture) {
//!     pay(3).await.unwrap();
//!     pay(0).await.unwrap_err();
//!     assert_eq!(telemetry.tree_with(&Show::names()), "shop.pay\nshop.pay ✗ _OTHER\n");
//!     assert_eq!(telemetry.metric("shop.pay.calls", &[]), 2.0);
//!     assert_eq!(telemetry.metric("shop.pay.errors", &[]), 1.0);
//!     assert_eq!(telemetry.logs().len(), 1);
//! }
//! # // A documentation test leaves `#[test]` functions out; this is what they come to.
//! # todo_otel_runtime::testing::block_on(async {
//! #     let telemetry = todo_otel_runtime::testing::deterministic(1);
//! #     pay(3).await.unwrap();
//! #     pay(0).await.unwrap_err();
//! #     assert_eq!(telemetry.tree_with(&Show::names()), "shop.pay\nshop.pay ✗ _OTHER\n");
//! #     assert_eq!(telemetry.metric("shop.pay.calls", &[]), 2.0);
//! #     assert_eq!(telemetry.metric("shop.pay.errors", &[]), 1.0);
//! #     assert_eq!(telemetry.logs().len(), 1);
//! # });
//! ```
//!
//! Work on other threads and tasks belongs to a capture when it stands below one of its spans, or when it runs in
//! [`Handle::in_scope`] or [`Handle::in_future`].

pub(crate) mod hook;
mod logs;
mod numbers;
mod times;
mod tree;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use opentelemetry_sdk::trace::SpanData;
pub use todo_otel_macros::telemetry_test;

use self::hook::Store;
pub use self::{
    logs::CapturedLog,
    tree::{Show, span_tree},
};
use crate::{
    Config, Role, collect,
    logs::drive,
    metrics::Snapshot,
    record::{current::set_tag, local},
};

/// How long a capture waits for what has ended to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins a capture on this thread; it ends when the returned value is dropped. Captures may be nested; the innermost one
/// gets what is recorded.
pub fn capture() -> Capture {
    ensure_recording();
    let handle = Handle { inner: Arc::new(Inner::new()) };
    let previous = set_tag(handle.inner.tag);
    Capture { handle, previous, seeded: false, counted: false, thread_bound: PhantomData }
}

/// A capture with ids that follow from `seed` and times that are counted: what [`macro@telemetry_test`] hands to a test.
pub fn deterministic(seed: u64) -> Capture {
    capture().seed(seed).counted_times()
}

/// Drives a future on this thread until it is done. Not a runtime: timers and I/O need one of their own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    drive::until(future, None).expect("without a deadline there is always a value")
}

/// A running capture. It belongs to the thread that began it; [`Capture::handle`] reaches others.
#[must_use = "a capture ends when this value is dropped"]
pub struct Capture {
    handle: Handle,
    previous: u16,
    seeded: bool,
    counted: bool,
    thread_bound: PhantomData<*const ()>,
}

/// What other threads and tasks need to record into a capture.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    tag: u16,
    store: Arc<Store>,
    /// Everything that has arrived so far.
    spans: Mutex<Vec<SpanData>>,
}

impl Inner {
    fn new() -> Self {
        let (tag, store) = hook::open();
        collect::begin_capture(tag);
        Self { tag, store, spans: Mutex::default() }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        collect::end_capture(self.tag);
        hook::close(self.tag);
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        set_tag(self.previous);
        if self.seeded {
            local::with(|local| local.ids.reset());
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("tag", &self.handle.inner.tag).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("tag", &self.inner.tag).finish_non_exhaustive()
    }
}

impl Capture {
    /// Ids of this thread follow from `seed` from now on, until the capture ends.
    pub fn seed(mut self, seed: u64) -> Self {
        local::with(|local| local.ids.fix(seed));
        self.seeded = true;
        self
    }

    /// Times of spans and their events are counted instead of measured: the moments of the capture follow each other at
    /// one millisecond, the first is 1970-01-01. Metrics keep the measured durations.
    pub fn counted_times(mut self) -> Self {
        self.counted = true;
        self
    }

    /// For other threads and tasks.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The spans that have ended, in the order of their start.
    pub fn spans(&self) -> Vec<SpanData> {
        let mut spans = self.handle.inner.spans.lock().unwrap_or_else(PoisonError::into_inner);
        collect::catch_up(Instant::now() + PATIENCE);
        spans.extend(collect::captured(self.handle.inner.tag));
        spans.sort_by_key(|span| span.start_time);
        let mut spans = spans.clone();
        if self.counted {
            times::count(&mut spans);
        }
        spans
    }

    /// The spans that have ended as a tree without ids and times: one line per span with its attributes.
    pub fn tree(&self) -> String {
        span_tree(&self.spans(), &Show::default())
    }

    /// As [`Capture::tree`], with a choice of what is shown.
    pub fn tree_with(&self, show: &Show) -> String {
        span_tree(&self.spans(), show)
    }

    /// What was measured during the capture: calls of annotated functions and business instruments.
    pub fn metrics(&self) -> Snapshot {
        self.handle.inner.store.metrics()
    }

    /// What was measured, one line per series: `name{key=value} figure`. Of distributions the number of values.
    pub fn metrics_text(&self) -> String {
        numbers::text(&self.metrics())
    }

    /// A sum, a level or the number of values of a distribution; 0 where nothing was measured. `labels` picks the series
    /// that have all of these values; several series are added up.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        numbers::value(&self.metrics(), name, labels)
    }

    /// The log records, in their order; those of failures included.
    pub fn logs(&self) -> Vec<CapturedLog> {
        self.handle.inner.store.logs()
    }

    /// The log records as text without ids and times: `LEVEL message {attributes} [span]`.
    pub fn logs_text(&self) -> String {
        logs::text(&self.logs(), &self.spans())
    }
}

impl Handle {
    /// Runs `f` on this thread as a part of the capture.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let _tagged = Tagged::new(self.inner.tag);
        f()
    }

    /// The same future as a part of the capture, wherever it is polled.
    pub fn in_future<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        InFuture { handle: self.clone(), future: Box::pin(future) }
    }
}

struct Tagged(u16);

impl Tagged {
    fn new(tag: u16) -> Self {
        Tagged(set_tag(tag))
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        set_tag(self.0);
    }
}

struct InFuture<F> {
    handle: Handle,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for InFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _tagged = Tagged::new(self.handle.inner.tag);
        self.future.as_mut().poll(context)
    }
}

/// Recording for captures only, unless the program has telemetry running.
fn ensure_recording() {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if collect::is_running() {
        return;
    }
    let config = Config::for_app("test", Role::Cli).env::<String, String>([]).no_file().resolve();
    crate::metrics::state::set_enabled(true);
    let _ = collect::start(collect::Options::new(Role::Cli, config.traces));
}
