//! What the worker does by the clock: forget what nobody can take back any more, and remind of what is overdue. Several
//! workers on one database may do it at the same time; each reminder comes once.

use std::time::{Duration, Instant};

use todo_otel_runtime::{ErrorClass, traced};

use super::blocking;
use crate::{
    app::Clock,
    store::{Store, StoreError},
};

const EVERY: Duration = Duration::from_secs(3600);

/// When the next round is due.
pub(super) struct Schedule {
    next: Instant,
}

impl Schedule {
    /// The first round is due at once.
    pub(super) fn new() -> Schedule {
        Schedule { next: Instant::now() }
    }

    /// Does what is due; what fails is tried again in the next round.
    pub(super) fn run(&mut self, store: &Store, clock: &Clock) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        for (what, done) in
            [("clean-up", blocking(|| clean_up(store, clock))), ("reminders", blocking(|| remind(store, clock)))]
        {
            if let Err(error) = done {
                tracing::error!("error.type" = error.class(), "{what} failed");
            }
        }
    }
}

/// Lets old suggestions expire; after 30 days deleted todos, changes and finished jobs go.
#[traced(name = "worker.cleanup.run", root, output(todo.count = |gone| *gone))]
fn clean_up(store: &Store, clock: &Clock) -> Result<usize, StoreError> {
    store.expire_suggestions(clock.now())?;
    store.clean_up(clock.now())
}

/// One event for each todo that has become overdue since the last round.
#[traced(name = "worker.reminders.run", root, output(todo.count = |reminded| *reminded))]
fn remind(store: &Store, clock: &Clock) -> Result<usize, StoreError> {
    let overdue = store.take_overdue(clock.today())?;
    for id in &overdue {
        tracing::info!(name: "todo.overdue", { todo.id = id }, "todo overdue");
    }
    Ok(overdue.len())
}
