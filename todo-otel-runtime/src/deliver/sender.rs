//! The one sender thread of a service: sends from memory while the breaker is closed, spools otherwise, and drains the
//! spool when it has nothing else to do. With more than one body to send, up to three helpers send beside it until there
//! are none.

use super::{
    counts::Reason,
    inner::{Inner, Outcome},
    queue::{Body, SenderState},
    side_by_side,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How often the spool is looked at when nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// Longest time between two looks at the queue while draining.
const SLICE: Duration = Duration::from_secs(2);
/// Longest request of the sender when its signal has no limit.
const REQUEST: Duration = Duration::from_secs(10);
/// Panics in a minute after which the sender gives up.
const MAX_PANICS: usize = 3;

/// Starts the thread unless it runs. A thread that cannot be started is a way to run, not an error: bodies are then
/// spooled by whoever brings them.
pub(crate) fn ensure(inner: &Arc<Inner>) -> bool {
    let mut state = inner.queue.lock();
    if state.sender == SenderState::NotStarted {
        let thread = std::thread::Builder::new().name("otlp-sender".to_owned());
        // A strong reference would keep an abandoned delivery alive for ever.
        let weak = Arc::downgrade(inner);
        let started = thread.spawn(move || {
            let mut panics = Vec::new();
            while let Some(inner) = weak.upgrade() {
                match catch_unwind(AssertUnwindSafe(|| turn(&inner))) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) => {
                        let now = Instant::now();
                        panics.retain(|at| now.duration_since(*at) < Duration::from_secs(60));
                        panics.push(now);
                        if panics.len() >= MAX_PANICS {
                            break;
                        }
                    }
                }
            }
            if let Some(inner) = weak.upgrade() {
                inner.queue.lock().sender = SenderState::Gone;
                inner.queue.notify();
            }
        });
        state.sender = if started.is_ok() { SenderState::Running } else { SenderState::Gone };
    }
    state.sender == SenderState::Running
}

fn send(inner: &Inner, ticket: u64, body: Body) {
    let sent = catch_unwind(AssertUnwindSafe(|| {
        if inner.may_send(body.signal) { inner.attempt(&body, Instant::now() + REQUEST) } else { Outcome::Keep }
    }));
    // When a shutdown took the body over, it has been accounted for.
    if inner.queue.settle(ticket) {
        match sent {
            Ok(outcome) => inner.settle(body, outcome),
            Err(_) => inner.tally.dropped(body.signal, Reason::Panic, body.items),
        }
        inner.queue.settled();
    }
}

/// Bodies, up to four at a time, or one look at the spool. False when the thread is to end.
fn turn(inner: &Inner) -> bool {
    let mut state = inner.queue.lock();
    if !state.has_waiting() && !state.stop && state.drain_asked == state.drain_done {
        state = inner.queue.wait(state, Instant::now() + LOOK);
    }
    if let Some((ticket, body)) = state.take() {
        let more = state.has_waiting();
        drop(state);
        let helpers = if more && inner.is_steady(body.signal) { side_by_side::HELPERS } else { 0 };
        let first = Mutex::new(Some((ticket, body)));
        side_by_side::run(helpers, || {
            let mut next = first.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            while let Some((ticket, body)) = next.take().or_else(|| inner.queue.take()) {
                let steady = inner.is_steady(body.signal);
                send(inner, ticket, body);
                // After a failure one request at a time tells how things stand.
                if helpers == 0 || !steady {
                    return;
                }
            }
        });
        return true;
    }
    inner.look_for_losses();
    if state.stop {
        return false;
    }
    let asked = state.drain_asked;
    state.draining = true;
    drop(state);
    let drained = catch_unwind(AssertUnwindSafe(|| {
        for destination in inner.spools() {
            if let Some(_lock) = destination.spool.drain_lock() {
                inner.pass(destination, Instant::now() + SLICE, Some(&inner.finished));
            }
        }
    }));
    let mut state = inner.queue.lock();
    state.draining = false;
    state.drain_done = asked;
    drop(state);
    inner.queue.notify();
    if let Err(panic) = drained {
        std::panic::resume_unwind(panic);
    }
    true
}
