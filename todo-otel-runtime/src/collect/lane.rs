//! The second way to the collector, for what few spans have: events, links, statuses, spans made through the OpenTelemetry
//! API. Bounded; behind a lock that nobody holds for long.
//!
//! A note is sent before the end of its span is published, so that the collector finds it when it looks after the rings.

use std::{
    borrow::Cow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    KeyValue,
    trace::{Event, Link, Status, TraceState},
};
use opentelemetry_sdk::trace::SpanData;

/// Something about a span.
#[derive(Debug)]
pub(crate) enum Note {
    Attributes(Vec<KeyValue>),
    TraceState(TraceState),
    Links(Vec<Link>),
    /// The event's own time counts when `ticks` is 0.
    Event {
        ticks: u64,
        event: Event,
    },
    /// Description of the error status.
    Message(String),
    Status(Status),
    Name(Cow<'static, str>),
}

/// A span that was made through the OpenTelemetry API.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) data: SpanData,
    /// Start and end in ticks; 0 = the time in `data` counts.
    pub(crate) start_ticks: u64,
    pub(crate) end_ticks: u64,
    pub(crate) is_local_root: bool,
    pub(crate) tag: u16,
}

#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) notes: Vec<(u64, Note)>,
    pub(crate) foreign: Vec<Foreign>,
}

/// Most entries that wait.
const MOST: usize = 1 << 16;

static LANE: Mutex<Lane> = Mutex::new(Lane { notes: Vec::new(), foreign: Vec::new() });
static NOTES_DROPPED: AtomicU64 = AtomicU64::new(0);
static SPANS_DROPPED: AtomicU64 = AtomicU64::new(0);

/// Adds something to the span `id`.
pub(crate) fn send(id: u64, note: Note) {
    let mut lane = LANE.lock().unwrap_or_else(PoisonError::into_inner);
    if lane.notes.len() < MOST {
        lane.notes.push((id, note));
    } else {
        NOTES_DROPPED.fetch_add(1, Ordering::Relaxed);
    }
    let half = lane.notes.len() == MOST / 2;
    drop(lane);
    if half {
        super::ring_is_filling();
    }
}

/// Hands over a span that has ended.
pub(crate) fn send_span(span: Foreign) {
    let mut lane = LANE.lock().unwrap_or_else(PoisonError::into_inner);
    if lane.foreign.len() < MOST {
        lane.foreign.push(span);
    } else {
        SPANS_DROPPED.fetch_add(1, Ordering::Relaxed);
    }
    let half = lane.foreign.len() == MOST / 2;
    drop(lane);
    if half {
        super::ring_is_filling();
    }
}

/// Everything that waits.
pub(crate) fn take() -> Lane {
    std::mem::take(&mut *LANE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Spans that found no room.
pub(crate) fn spans_dropped() -> u64 {
    SPANS_DROPPED.load(Ordering::Relaxed)
}

/// Notes that found no room.
pub(crate) fn notes_dropped() -> u64 {
    NOTES_DROPPED.load(Ordering::Relaxed)
}
