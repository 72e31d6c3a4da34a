//! One ring of words per recording thread: the thread writes, the collector reads, nobody waits.
//!
//! A record is published as a whole by one release store, so that the reader never sees half of one. A record that finds no
//! room is not written; its writer counts. What the words mean is `wire.rs`.

use std::{cell::Cell, sync::Arc};
#[cfg(not(all(test, ring_model)))]
use std::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

#[cfg(all(test, ring_model))]
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Words in a ring: 1 MiB.
#[cfg(not(any(ring_model, miri)))]
pub(crate) const WORDS: u64 = 1 << 17;
#[cfg(all(test, ring_model))]
pub(crate) const WORDS: u64 = 4;
#[cfg(all(miri, not(ring_model)))]
pub(crate) const WORDS: u64 = 1 << 9;

/// Keeps what two threads write off each other's cache lines.
#[repr(align(128))]
#[derive(Debug)]
struct Line<T>(T);

/// The shared half. Positions count words since the ring was made and are reduced when used.
#[derive(Debug)]
pub(crate) struct Ring {
    words: Box<[Word]>,
    head: Line<AtomicU64>,
    tail: Line<AtomicU64>,
    /// Spans that found no room; written by the owner only.
    dropped: AtomicU64,
    /// The owner is gone: what is in the ring is all there will be.
    closed: AtomicBool,
}

#[derive(Debug)]
#[repr(transparent)]
struct Word(UnsafeCell<u64>);

// SAFETY: a word between tail and head is only read, by the one consumer; every other one is only touched by the one
// producer. Positions move with release and are read with acquire, so that a word changes sides before it is touched.
unsafe impl Sync for Ring {}
// SAFETY: as above; nothing in a ring is tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    fn new() -> Arc<Self> {
        Arc::new(Ring {
            words: zeroed(),
            head: Line(AtomicU64::new(0)),
            tail: Line(AtomicU64::new(0)),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Moves all published records to the end of `out` and gives their room back; the number of words moved.
    ///
    /// One consumer at a time: callers hold the collector's lock.
    pub(crate) fn take(&self, out: &mut Vec<u64>) -> usize {
        let tail = self.tail.0.load(Ordering::Relaxed);
        let head = self.head.0.load(Ordering::Acquire);
        if head == tail {
            return 0;
        }
        self.copy(tail, head, out);
        self.tail.0.store(head, Ordering::Release);
        (head - tail) as usize
    }

    #[cfg(not(all(test, ring_model)))]
    fn copy(&self, tail: u64, head: u64, out: &mut Vec<u64>) {
        let (from, to) = ((tail & (WORDS - 1)) as usize, (head & (WORDS - 1)) as usize);
        let words = self.words.as_ptr().cast::<u64>();
        let run = |at: usize, len: usize| {
            // SAFETY: `Word` is a transparent `u64`; the range lies between tail and head, where the producer does not
            // write until the tail has moved past it.
            unsafe { std::slice::from_raw_parts(words.add(at), len) }
        };
        if from < to {
            out.extend_from_slice(run(from, to - from));
        } else {
            out.extend_from_slice(run(from, WORDS as usize - from));
            out.extend_from_slice(run(0, to));
        }
    }

    #[cfg(all(test, ring_model))]
    fn copy(&self, tail: u64, head: u64, out: &mut Vec<u64>) {
        for at in tail..head {
            // SAFETY: as above; loom checks it.
            out.push(self.words[(at & (WORDS - 1)) as usize].0.with(|word| unsafe { *word }));
        }
    }

    /// Spans dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Acquire)
    }

    /// True when the owner is gone; to be asked before the last `take`.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Zeroed by the allocator, so that memory is only touched where records were written.
#[cfg(not(all(test, ring_model)))]
fn zeroed() -> Box<[Word]> {
    let words = Box::into_raw(vec![0u64; WORDS as usize].into_boxed_slice());
    // SAFETY: `Word` is a transparent wrapper of `u64`; ownership goes from one box to the other.
    unsafe { Box::from_raw(words as *mut [Word]) }
}

#[cfg(all(test, ring_model))]
fn zeroed() -> Box<[Word]> {
    (0..WORDS).map(|_| Word(UnsafeCell::new(0))).collect()
}

/// The writing half, in a thread-local of the owner. Without a ring until `attach`.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: Cell<*const Ring>,
    /// Where the ring's words are.
    words: Cell<*const Word>,
    /// Copy of the ring's head; nobody else moves it.
    head: Cell<u64>,
    /// Position up to which there is surely room.
    limit: Cell<u64>,
}

impl Producer {
    pub(crate) const fn new() -> Self {
        Producer {
            ring: Cell::new(std::ptr::null()),
            words: Cell::new(std::ptr::null()),
            head: Cell::new(0),
            limit: Cell::new(0),
        }
    }

    /// Gives this thread a ring. Whoever gets it must keep it until after `detach`.
    pub(crate) fn attach(&self) -> Arc<Ring> {
        let ring = Ring::new();
        self.ring.set(Arc::as_ptr(&ring));
        self.words.set(ring.words.as_ptr());
        self.head.set(0);
        self.limit.set(0);
        ring
    }

    /// No more records from this thread.
    pub(crate) fn detach(&self) {
        if let Some(ring) = self.ring() {
            ring.closed.store(true, Ordering::Release);
        }
        self.ring.set(std::ptr::null());
        self.head.set(0);
        self.limit.set(0);
    }

    pub(crate) fn ring(&self) -> Option<&Ring> {
        // SAFETY: set by `attach`, whose caller keeps the ring until `detach` has put null here.
        unsafe { self.ring.get().as_ref() }
    }

    /// Surely room for `words` more?
    #[inline(always)]
    pub(crate) fn has_room(&self, words: u64) -> bool {
        self.head.get() + words <= self.limit.get()
    }

    /// Looks where the reader is. Gives half of the ring first, so that the caller learns when to wake the collector.
    pub(crate) fn look(&self, words: u64) -> Room {
        let Some(ring) = self.ring() else { return Room::NoRing };
        let (head, tail) = (self.head.get(), ring.tail.0.load(Ordering::Acquire));
        if head + words <= tail + WORDS / 2 {
            self.limit.set(tail + WORDS / 2);
            return Room::Yes;
        }
        self.limit.set(tail + WORDS);
        if self.has_room(words) { Room::HalfFull } else { Room::Full }
    }

    /// Writes one record; the caller has seen that there is room.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(&self, words: [u64; N]) {
        debug_assert!(self.has_room(N as u64));
        let head = self.head.get();
        if self.is_one_piece(head, N as u64) {
            let to = self.place(head);
            for (i, word) in words.into_iter().enumerate() {
                // SAFETY: the caller has seen that there is room, and the words do not go round the end of the ring.
                unsafe { store(to.add(i), word) };
            }
        } else {
            // Not through a slice: then the words would lie on the stack in either case.
            for (i, word) in words.into_iter().enumerate() {
                self.put(head + i as u64, word);
            }
        }
        self.publish(head + N as u64);
    }

    /// Do `words` words from `at` on lie behind each other, and not partly at the ring's beginning?
    #[inline(always)]
    fn is_one_piece(&self, at: u64, words: u64) -> bool {
        (at & (WORDS - 1)) + words <= WORDS
    }

    #[inline(always)]
    fn place(&self, at: u64) -> *const Word {
        // SAFETY: the index is reduced to the ring's length; callers have seen that there is room, which implies a ring.
        unsafe { self.words.get().add((at & (WORDS - 1)) as usize) }
    }

    /// Writes one record that ends with bytes, padded to words; the caller has seen that there is room.
    #[inline(always)]
    pub(crate) fn write_bytes<const N: usize>(&self, words: [u64; N], bytes: &[u8]) {
        let n = N as u64 + words_for(bytes.len());
        debug_assert!(self.has_room(n));
        let head = self.head.get();
        let one_piece = self.is_one_piece(head, n);
        let to = self.place(head);
        let mut at = 0;
        let mut put = |word| {
            if one_piece {
                // SAFETY: the caller has seen that there is room, and the words do not go round the end of the ring.
                unsafe { store(to.add(at as usize), word) };
            } else {
                self.put(head + at, word);
            }
            at += 1;
        };
        for word in words {
            put(word);
        }
        let mut rest = bytes;
        while let Some((word, tail)) = rest.split_first_chunk::<8>() {
            put(u64::from_le_bytes(*word));
            rest = tail;
        }
        if !rest.is_empty() {
            // Byte by byte into a register: a copy of unknown length would be a call.
            put(rest.iter().rev().fold(0, |word, byte| word << 8 | *byte as u64));
        }
        self.publish(head + n);
    }

    #[inline(always)]
    fn put(&self, at: u64, word: u64) {
        // SAFETY: callers have seen that there is room; the word lies beyond the head, where the consumer does not read.
        unsafe { store(self.place(at), word) };
    }

    #[inline(always)]
    fn publish(&self, head: u64) {
        self.head.set(head);
        // SAFETY: as in `put`.
        unsafe { &*self.ring.get() }.head.0.store(head, Ordering::Release);
    }

    /// One span found no room.
    pub(crate) fn count_drop(&self) -> bool {
        let Some(ring) = self.ring() else { return false };
        ring.dropped.store(ring.dropped.load(Ordering::Relaxed) + 1, Ordering::Release);
        true
    }
}

/// Writes one word of a ring.
///
/// # Safety
/// `at` points into a ring's words, between its head and its limit, and the caller is that ring's producer.
#[inline(always)]
unsafe fn store(at: *const Word, word: u64) {
    #[cfg(not(all(test, ring_model)))]
    // Atomic, though nobody looks at the word before it is published: plain stores would be merged into wider ones through
    // the stack, which the processor cannot forward.
    // SAFETY: as demanded of the caller; the cell may be written through a shared pointer, and it is aligned.
    unsafe {
        AtomicU64::from_ptr(UnsafeCell::raw_get(&raw const (*at).0)).store(word, Ordering::Relaxed);
    }
    #[cfg(all(test, ring_model))]
    // SAFETY: as above; loom checks it.
    unsafe {
        (*at).0.with_mut(|slot| *slot = word);
    }
}

/// Words that hold `bytes` bytes.
#[inline(always)]
pub(crate) const fn words_for(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(8)
}

/// What a producer learns about its ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    Yes,
    /// Enough, but the collector should come.
    HalfFull,
    /// Not enough.
    Full,
    /// This thread has no ring.
    NoRing,
}

#[cfg(all(test, not(ring_model)))]
mod tests {
    use super::*;

    fn write(producer: &Producer, words: [u64; 2]) -> bool {
        let room = producer.has_room(2) || matches!(producer.look(2), Room::Yes | Room::HalfFull);
        if room {
            producer.write(words);
        } else {
            producer.count_drop();
        }
        room
    }

    #[test]
    fn a_full_ring_drops_and_counts_to_one() {
        let producer = Producer::new();
        let ring = producer.attach();
        let written = (0..WORDS).filter(|i| write(&producer, [*i, !*i])).count() as u64;
        assert_eq!(written, WORDS / 2);
        assert_eq!(ring.dropped(), WORDS - written);
        let mut out = Vec::new();
        assert_eq!(ring.take(&mut out) as u64, WORDS);
        assert!(out.chunks(2).enumerate().all(|(i, pair)| pair == [i as u64, !(i as u64)]));
        assert!(write(&producer, [1, 2]), "room is given back");
        producer.detach();
        assert!(ring.is_closed());
    }

    #[test]
    fn the_writer_is_told_once_that_half_is_gone() {
        let producer = Producer::new();
        let _ring = producer.attach();
        assert_eq!(producer.look(2), Room::Yes);
        while producer.has_room(2) {
            producer.write([0, 0]);
        }
        assert_eq!(producer.look(2), Room::HalfFull);
        assert!(producer.has_room(WORDS / 2));
    }

    #[test]
    fn bytes_come_back_padded() {
        let producer = Producer::new();
        let ring = producer.attach();
        for len in 0..20 {
            let bytes: Vec<u8> = (1..=len).collect();
            assert!(producer.look(10) == Room::Yes);
            producer.write_bytes([7], &bytes);
            let mut out = Vec::new();
            ring.take(&mut out);
            assert_eq!(out.len() as u64, 1 + words_for(bytes.len()));
            let back: Vec<u8> = out[1..].iter().flat_map(|w| w.to_le_bytes()).take(bytes.len()).collect();
            assert_eq!(back, bytes);
        }
        producer.detach();
    }

    #[test]
    fn a_reader_beside_the_writer_sees_whole_records_in_order() {
        let rounds = if cfg!(miri) { 2_000 } else { 300_000u64 };
        let (send, receive) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            let producer = Producer::new();
            let ring = producer.attach();
            send.send(ring.clone()).expect("the reader waits");
            let mut written = 0;
            while written < rounds {
                if producer.has_room(2) || matches!(producer.look(2), Room::Yes | Room::HalfFull) {
                    producer.write([written, !written]);
                    written += 1;
                } else {
                    std::thread::yield_now();
                }
            }
            producer.detach();
        });
        let ring = receive.recv().expect("the writer starts");
        let (mut seen, mut out) = (0, Vec::new());
        loop {
            let closed = ring.is_closed();
            out.clear();
            ring.take(&mut out);
            for pair in out.chunks(2) {
                assert_eq!(pair, [seen, !seen]);
                seen += 1;
            }
            if closed {
                break;
            }
        }
        assert_eq!(seen, rounds);
        writer.join().expect("no panic");
    }
}

#[cfg(all(test, ring_model))]
mod model {
    use super::*;

    #[test]
    fn every_interleaving_sees_whole_records_and_exact_drops() {
        loom::model(|| {
            let producer = Producer::new();
            let ring = producer.attach();
            let reader = {
                let ring = ring.clone();
                loom::thread::spawn(move || {
                    let mut out = Vec::new();
                    ring.take(&mut out);
                    ring.take(&mut out);
                    out
                })
            };
            let mut written = Vec::new();
            for i in 1..=3u64 {
                if producer.has_room(2) || matches!(producer.look(2), Room::Yes | Room::HalfFull) {
                    producer.write([i, !i]);
                    written.push(i);
                } else {
                    producer.count_drop();
                }
            }
            producer.detach();
            let mut out = reader.join().expect("no panic");
            assert!(ring.is_closed());
            ring.take(&mut out);
            let seen: Vec<u64> = out.chunks(2).map(|pair| pair[0]).collect();
            assert!(out.chunks(2).all(|pair| pair[1] == !pair[0]));
            assert_eq!(seen, written);
            assert_eq!(ring.dropped() + written.len() as u64, 3);
        });
    }

    #[test]
    fn a_thread_that_ends_while_the_collector_looks_for_the_last_time_loses_nothing() {
        loom::model(|| {
            let producer = Producer::new();
            let ring = producer.attach();
            let writer = loom::thread::spawn(move || {
                // Two records fill the ring, so that none is refused.
                for i in 1..=2u64 {
                    if producer.has_room(2) || matches!(producer.look(2), Room::Yes | Room::HalfFull) {
                        producer.write([i, !i]);
                    }
                }
                producer.detach();
            });
            let mut out = Vec::new();
            // As the collector does: asked before the last look, not after it.
            loop {
                let closed = ring.is_closed();
                ring.take(&mut out);
                if closed {
                    break;
                }
                loom::thread::yield_now();
            }
            assert_eq!(out, [1, !1, 2, !2]);
            writer.join().expect("no panic");
        });
    }

    #[test]
    fn a_shutdown_beside_a_thread_that_goes_on_takes_what_was_published_and_leaves_the_rest_whole() {
        loom::model(|| {
            let producer = Producer::new();
            let ring = producer.attach();
            let last = {
                let ring = ring.clone();
                loom::thread::spawn(move || {
                    let mut out = Vec::new();
                    ring.take(&mut out);
                    out
                })
            };
            let mut written = 0;
            for i in 1..=2u64 {
                if producer.has_room(2) || matches!(producer.look(2), Room::Yes | Room::HalfFull) {
                    producer.write([i, !i]);
                    written += 1;
                } else {
                    producer.count_drop();
                }
            }
            let mut out = last.join().expect("no panic");
            ring.take(&mut out);
            assert!(out.chunks(2).zip(1u64..).all(|(pair, i)| pair == [i, !i]));
            assert_eq!(out.len() as u64 / 2, written);
            assert_eq!(written + ring.dropped(), 2);
            producer.detach();
        });
    }
}
