//! Bodies in memory: waiting, or in the hands of a sender. Whoever takes a body out of here owes it an account, so a
//! body taken from a sender that hangs is settled once, whatever the sender finds out later.

use super::counts::Reason;
use crate::config::Signal;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard},
    time::Instant,
};

/// Most bytes of bodies in memory.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// One encoded request.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) signal: Signal,
    pub(crate) items: u64,
    pub(crate) bytes: Bytes,
    /// The same for every attempt.
    pub(crate) key: String,
    /// Why it is in memory only; the reason of its loss should it not get out.
    pub(crate) unspooled: Option<Reason>,
    pub(crate) made: Instant,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    waiting: VecDeque<Body>,
    in_flight: BTreeMap<u64, Body>,
    /// Bodies whose fate is known and not yet counted.
    settling: usize,
    bytes: usize,
    tickets: u64,
    /// A sender is at work on something else than a body.
    pub(crate) draining: bool,
    pub(crate) sender: SenderState,
    pub(crate) stop: bool,
    /// A flush wants the spool drained now; counts the requests.
    pub(crate) drain_asked: u64,
    pub(crate) drain_done: u64,
}

/// The sender thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SenderState {
    #[default]
    NotStarted,
    Running,
    /// Could not be started, ended, or died too often.
    Gone,
}

impl Queue {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits for a change, at most until then. Gives the lock back.
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Instant) -> MutexGuard<'a, State> {
        let left = until.saturating_duration_since(Instant::now());
        match self.changed.wait_timeout(state, left) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }

    /// Gives the body back when the queue is full.
    pub(crate) fn push(&self, body: Body) -> Result<(), Body> {
        let mut state = self.lock();
        if state.bytes + body.bytes.len() > MAX_BYTES {
            return Err(body);
        }
        state.bytes += body.bytes.len();
        state.waiting.push_back(body);
        drop(state);
        self.notify();
        Ok(())
    }

    /// The oldest body, registered as in flight under a ticket.
    pub(crate) fn take(&self) -> Option<(u64, Body)> {
        self.lock().take()
    }

    /// When the oldest body in memory was made.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let state = self.lock();
        state.in_flight.values().chain(&state.waiting).map(|body| body.made).min()
    }

    /// True when the body was still this sender's to account for: it must then count, and call `settled`.
    pub(crate) fn settle(&self, ticket: u64) -> bool {
        let mut state = self.lock();
        let Some(body) = state.in_flight.remove(&ticket) else { return false };
        state.bytes -= body.bytes.len();
        state.settling += 1;
        true
    }

    pub(crate) fn settled(&self) {
        self.lock().settling -= 1;
        self.notify();
    }

    /// Takes everything, from senders too.
    pub(crate) fn seize(&self) -> Vec<Body> {
        let mut state = self.lock();
        let mut bodies: Vec<Body> = std::mem::take(&mut state.in_flight).into_values().collect();
        bodies.extend(std::mem::take(&mut state.waiting));
        state.bytes = 0;
        drop(state);
        self.notify();
        bodies
    }
}

impl State {
    pub(crate) fn take(&mut self) -> Option<(u64, Body)> {
        let body = self.waiting.pop_front()?;
        self.tickets += 1;
        self.in_flight.insert(self.tickets, body.clone());
        Some((self.tickets, body))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty() && self.settling == 0
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
