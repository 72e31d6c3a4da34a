//! What a thread knows: which span is current, its ring, its id generator.
//!
//! The thread-local has no destructor, so that reading it is a plain load; `Owner` says goodbye for it. After that a
//! record from this thread is counted as dropped, because nobody would free a new ring.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    id::Ids,
    ring::{self, Producer, Ring, Room},
    span::SpanState,
};

pub(crate) struct Local {
    /// The span that new spans of this thread become children of.
    pub(crate) current: Cell<*const SpanState>,
    /// The call that has begun and whose attributes and labels come next.
    pub(crate) frame: Cell<*const SpanState>,
    /// Id of the span in `opentelemetry::Context` that is older than `current`.
    pub(crate) outer: Cell<u64>,
    /// Marks the spans that begin here, for captures in tests; 0 = none.
    pub(crate) tag: Cell<u16>,
    pub(crate) ids: Ids,
    producer: Producer,
    /// The thread's destructors run: other thread-locals may be gone.
    ending: Cell<bool>,
    /// `Owner` will say goodbye.
    owned: Cell<bool>,
    /// While this thread is not ending, `opentelemetry::Context` is there.
    has_context: Cell<bool>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            current: Cell::new(std::ptr::null()),
            frame: Cell::new(std::ptr::null()),
            outer: Cell::new(0),
            tag: Cell::new(0),
            ids: Ids::new(),
            producer: Producer::new(),
            ending: Cell::new(false),
            owned: Cell::new(false),
            has_context: Cell::new(false),
        }
    };
    static OWNER: Owner = const { Owner(RefCell::new(None)) };
}

/// Keeps the ring of this thread until the thread ends.
struct Owner(RefCell<Option<Arc<Ring>>>);

impl Drop for Owner {
    fn drop(&mut self) {
        with(|local| {
            local.ending.set(true);
            local.producer.detach();
        });
    }
}

/// The rings of all threads that have recorded and are not drained to the end.
static RINGS: Mutex<Vec<Arc<Ring>>> = Mutex::new(Vec::new());
/// Spans of threads without a ring.
static RINGLESS: AtomicU64 = AtomicU64::new(0);

/// What this thread knows. Not to be kept beyond the call that asked: the thread may end.
#[inline(always)]
pub(crate) fn here<'a>() -> &'a Local {
    // The pointer first: a closure of any size would be called through the accessor instead of being inlined.
    let local = LOCAL.with(std::ptr::from_ref);
    // SAFETY: the thread-local is initialised at compile time and has no destructor, so it is there as long as its thread;
    // `Local` is not `Sync`, so the reference cannot leave the thread.
    unsafe { &*local }
}

#[inline(always)]
pub(crate) fn with<R>(f: impl FnOnce(&Local) -> R) -> R {
    f(here())
}

/// To be called when `opentelemetry::Context` was used: this thread says goodbye before it is gone, unless it had to
/// promise a goodbye earlier.
pub(crate) fn context_was_used() {
    with(|local| {
        if !local.owned.replace(true) {
            local.has_context.set(OWNER.try_with(|_| ()).is_ok());
        }
    });
}

/// All rings there are.
pub(crate) fn rings() -> Vec<Arc<Ring>> {
    RINGS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Gives up a ring whose thread has ended and that is empty; false when it was given up before.
pub(crate) fn forget_ring(ring: &Arc<Ring>) -> bool {
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let before = rings.len();
    rings.retain(|known| !Arc::ptr_eq(known, ring));
    rings.len() < before
}

/// Spans dropped by threads that had no ring any more.
pub(crate) fn ringless() -> u64 {
    RINGLESS.load(Ordering::Relaxed)
}

impl Local {
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    /// May `opentelemetry::Context` be used without fear that it is gone?
    pub(crate) fn has_context(&self) -> bool {
        self.has_context.get() && !self.ending.get()
    }

    /// Surely room for a record of so many words?
    #[inline(always)]
    pub(crate) fn has_room(&self, words: usize) -> bool {
        self.producer.has_room(words as u64)
    }

    /// Writes a record where `has_room` has said yes.
    #[inline(always)]
    pub(crate) fn write_in_room<const N: usize>(&self, words: [u64; N]) {
        self.producer.write(words);
    }

    /// Writes a record; false when there is no room for it.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(&self, words: [u64; N]) -> bool {
        let room = self.producer.has_room(N as u64) || self.look(N as u64);
        if room {
            self.producer.write(words);
        }
        room
    }

    /// Writes a record that ends with bytes; false when there is no room for it.
    #[inline(always)]
    pub(crate) fn write_bytes<const N: usize>(&self, words: [u64; N], bytes: &[u8]) -> bool {
        let n = N as u64 + ring::words_for(bytes.len());
        let room = self.producer.has_room(n) || self.look(n);
        if room {
            self.producer.write_bytes(words, bytes);
        }
        room
    }

    /// A span is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn count_drop(&self) {
        if !self.producer.count_drop() {
            RINGLESS.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&self, words: u64) -> bool {
        let room = match self.producer.look(words) {
            Room::NoRing if self.attach() => self.producer.look(words),
            room => room,
        };
        if matches!(room, Room::HalfFull | Room::Full) {
            crate::collect::ring_is_filling();
        }
        matches!(room, Room::Yes | Room::HalfFull)
    }

    fn attach(&self) -> bool {
        self.owned.set(true);
        let kept = OWNER.try_with(|owner| {
            let ring = self.producer.attach();
            RINGS.lock().unwrap_or_else(PoisonError::into_inner).push(ring.clone());
            owner.0.replace(Some(ring));
        });
        kept.is_ok()
    }
}
