//! Flush and end. One deadline, the caller's; nothing that hangs is waited for past it.

use super::{
    counts::{Dropped, Reason},
    diagnosis,
    drain::Ended,
    inner::{Inner, Outcome},
    operate::{self, Closed},
    queue::SenderState,
};
use crate::config::{Role, Signal};
use std::time::{Duration, Instant};

/// Kept back from a service's deadline for writing down what a sender still holds.
const RESERVE: Duration = Duration::from_millis(100);
/// What a command without a usable spool spends on sending when nothing else is set.
const EXIT_FLUSH: Duration = Duration::from_millis(200);

pub(crate) fn flush(inner: &Inner, deadline: Instant) {
    let running = inner.queue.lock().sender == SenderState::Running;
    if !running {
        send_waiting(inner, deadline);
        drain(inner, deadline);
        return;
    }
    let mut state = inner.queue.lock();
    state.drain_asked += 1;
    let asked = state.drain_asked;
    inner.queue.notify();
    while (!state.is_idle() || state.drain_done < asked)
        && state.sender == SenderState::Running
        && Instant::now() < deadline
    {
        state = inner.queue.wait(state, deadline);
    }
}

pub(crate) fn finish(inner: &Inner, deadline: Instant) {
    if sabotaged!("sleep_at_exit") {
        std::thread::sleep(Duration::from_secs(3));
    }
    let before = match inner.settings.role {
        // A command reports nothing while it runs: its tombstones tell of everything.
        Role::Cli => Vec::new(),
        Role::Service => inner.tally.unburied(),
    };
    match inner.settings.role {
        Role::Service => stop_sender(inner, deadline),
        Role::Cli => {
            let exit_flush = inner.settings.exit_flush;
            let limit = if exit_flush.is_zero() { EXIT_FLUSH } else { exit_flush };
            let until = deadline.min(Instant::now() + limit);
            send_waiting(inner, until);
            if sends_itself(inner) {
                drain(inner, until);
            }
        }
    }
    for body in inner.queue.seize() {
        if let Err((body, reason)) = inner.spool(body) {
            let reason = if body.unspooled.is_some() || reason != Reason::NoSpool { reason } else { Reason::Deadline };
            inner.tally.dropped(body.signal, body.unspooled.unwrap_or(reason), body.items);
        }
    }
    bury_losses(inner, &before);
    inner.ends_cleanly();
    tell_closed(inner);
    #[cfg(target_os = "linux")]
    leave_to_child(inner);
}

/// A command sends at its own exit when it is told to, or when it can leave nobody behind.
pub(crate) fn sends_itself(inner: &Inner) -> bool {
    cfg!(not(target_os = "linux")) || !inner.settings.exit_flush.is_zero()
}

/// A command may leave the sending to a detached child.
pub(crate) fn leaves_child(inner: &Inner) -> bool {
    let settings = &inner.settings;
    let may = cfg!(target_os = "linux") && settings.role == Role::Cli && settings.detached && !sends_itself(inner);
    may && crate::telemetry::on_start_was_called()
}

/// A command that leaves something behind starts somebody to send it.
#[cfg(target_os = "linux")]
fn leave_to_child(inner: &Inner) {
    if !leaves_child(inner) {
        return;
    }
    let counts = inner.tally.snapshot();
    let waits = inner.ledger_waits.load(std::sync::atomic::Ordering::SeqCst);
    if waits || counts.spooled.iter().sum::<u64>() + counts.lost_total() > 0 {
        super::drainer::detach(inner);
    }
}

/// Waits for the sender; what it still holds near the deadline is seized by the caller.
fn stop_sender(inner: &Inner, deadline: Instant) {
    let total = deadline.saturating_duration_since(Instant::now());
    let until = deadline.checked_sub(RESERVE.min(total / 5)).unwrap_or(deadline);
    let mut state = inner.queue.lock();
    state.stop = true;
    inner.queue.notify();
    while (!state.is_idle() || state.draining) && state.sender == SenderState::Running && Instant::now() < until {
        state = inner.queue.wait(state, until);
    }
    let gone = state.sender != SenderState::Running;
    drop(state);
    if gone {
        send_waiting(inner, until);
    }
}

/// Sends what is in memory on this thread; what is to be kept goes to the spool or back into memory.
fn send_waiting(inner: &Inner, until: Instant) {
    let mut back = Vec::new();
    while Instant::now() < until {
        let Some((ticket, body)) = inner.queue.take() else { break };
        let outcome = if inner.may_send(body.signal) { inner.attempt(&body, until) } else { Outcome::Keep };
        if !inner.queue.settle(ticket) {
            continue;
        }
        if outcome != Outcome::Keep {
            inner.settle(body, outcome);
        } else if let Err((mut body, reason)) = inner.spool(body) {
            body.unspooled.get_or_insert(reason);
            back.push(body);
        }
        inner.queue.settled();
    }
    for body in back {
        if let Err(body) = inner.queue.push(body) {
            inner.tally.dropped(body.signal, Reason::QueueFull, body.items);
        }
    }
}

/// Drains every spool as far as the time allows.
fn drain(inner: &Inner, until: Instant) {
    for destination in inner.spools() {
        let Some(_lock) = destination.spool.drain_lock() else { continue };
        if Instant::now() >= until || inner.pass(destination, until, None) == Ended::Deadline {
            return;
        }
    }
}

/// A command whose telemetry does not get out says so to whoever reads its log lines.
fn tell_closed(inner: &Inner) {
    if !inner.settings.verbose || inner.settings.role != Role::Cli {
        return;
    }
    let closed: Vec<Closed> =
        inner.spools().flat_map(|destination| operate::closed(&inner.settings, destination)).collect();
    diagnosis::closed(&inner.settings.app, &closed);
}

/// Losses from memory become tombstones, so that somebody tells of them when this process is gone.
fn bury_losses(inner: &Inner, before: &[Dropped]) {
    for loss in inner.tally.unburied() {
        let told = before.iter().find(|b| (b.signal, b.reason) == (loss.signal, loss.reason));
        let items = loss.items.saturating_sub(told.map_or(0, |told| told.items));
        let place = inner.settings.route(loss.signal).or_else(|| inner.settings.route(Signal::Logs));
        if items > 0
            && let Some(destination) = place.and_then(|route| inner.destination(route.destination))
            && destination.spool.lose(loss.signal, loss.reason, items)
        {
            inner.tally.buried(loss.signal, loss.reason, items);
        }
    }
}
