//! The end of a service away from the calling thread: at the end of the process, and for async callers.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, Once, PoisonError, mpsc},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::{ShutdownReport, end_running, running};

/// Also ends telemetry when the process ends by `process::exit`, which runs no destructor.
pub(super) fn end_with_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| super::at_exit::register(at_exit));
}

/// Thread-locals of the exiting thread may be gone already, so the work runs on a fresh one, within the same budget.
extern "C" fn at_exit() {
    let Some(budget) = running().as_ref().filter(|running| running.is_alive()).map(|running| running.budget) else {
        return;
    };
    let (done, wait) = mpsc::channel();
    let spawned = thread::Builder::new().name("telemetry-exit".to_owned()).spawn(move || {
        end_running();
        let _ = done.send(());
    });
    if spawned.is_ok() {
        let _ = wait.recv_timeout(budget + Duration::from_millis(50));
    }
}

#[derive(Default)]
struct Shared {
    report: Option<ShutdownReport>,
    waker: Option<Waker>,
}

struct Report(Arc<Mutex<Shared>>);

impl Future for Report {
    type Output = ShutdownReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ShutdownReport> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match shared.report.take() {
            Some(report) => Poll::Ready(report),
            None => {
                shared.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Runs `end` on a plain thread; right here when no thread can be had.
pub(super) fn on_thread(
    end: impl FnOnce() -> ShutdownReport + Send + 'static,
) -> impl Future<Output = ShutdownReport> + Send {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let end = Arc::new(Mutex::new(Some(end)));
    let work = {
        let (shared, end) = (shared.clone(), end.clone());
        move || {
            let Some(end) = end.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
            let report = end();
            let waker = {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.report = Some(report);
                shared.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    };
    if thread::Builder::new().name("telemetry-end".to_owned()).spawn(work.clone()).is_err() {
        work();
    }
    Report(shared)
}
