//! What is known of spans that have not ended: attributes and notes that came before the end.
//!
//! Bounded: beyond the limit the oldest span loses what it has, which is counted.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
};

use super::lane::Note;

/// Attributes as they came through a ring, and notes.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) words: Vec<u64>,
    pub(crate) notes: Vec<Note>,
}

/// Span ids are random already.
#[derive(Clone, Copy, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, id: u64) {
        self.0 ^= id;
    }
    fn write_u128(&mut self, id: u128) {
        self.0 ^= id as u64;
    }
}

pub(crate) type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Most spans with something that waits.
const MOST_SPANS: usize = 1 << 16;
/// Most words of attributes that wait: 32 MiB.
const MOST_WORDS: usize = 1 << 22;

#[derive(Default)]
pub(crate) struct Early {
    spans: ById<u64, Known>,
    /// In the order of their first word; ended ones are still in it.
    order: VecDeque<u64>,
    words: usize,
    spare: Vec<Vec<u64>>,
    /// Spans that lost their attributes.
    pub(crate) evicted: u64,
}

impl Early {
    /// Keeps a record of attributes.
    pub(crate) fn add_words(&mut self, id: u64, words: &[u64]) {
        self.words += words.len();
        self.known(id).words.extend_from_slice(words);
        self.evict();
    }

    /// Keeps a note.
    pub(crate) fn add_note(&mut self, id: u64, note: Note) {
        self.known(id).notes.push(note);
        self.evict();
    }

    fn known(&mut self, id: u64) -> &mut Known {
        self.spans.entry(id).or_insert_with(|| {
            self.order.push_back(id);
            Known { words: self.spare.pop().unwrap_or_default(), notes: Vec::new() }
        })
    }

    /// What is known of a span that has ended.
    pub(crate) fn take(&mut self, id: u64) -> Option<Known> {
        if self.spans.is_empty() {
            return None;
        }
        let known = self.spans.remove(&id)?;
        self.words -= known.words.len();
        if self.spans.is_empty() {
            self.order.clear();
        }
        Some(known)
    }

    /// Gives memory back for the next span.
    pub(crate) fn reuse(&mut self, mut words: Vec<u64>) {
        if self.spare.len() < 256 && words.capacity() <= 1024 {
            words.clear();
            self.spare.push(words);
        }
    }

    fn evict(&mut self) {
        while self.spans.len() > MOST_SPANS || self.words > MOST_WORDS {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(known) = self.spans.remove(&oldest) {
                self.words -= known.words.len();
                self.evicted += 1;
            }
        }
        if self.order.len() > 2 * MOST_SPANS {
            let spans = &self.spans;
            self.order.retain(|id| spans.contains_key(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_the_oldest_goes_first() {
        let mut early = Early::default();
        for id in 1..=(MOST_SPANS as u64 + 10) {
            early.add_words(id, &[id]);
        }
        assert_eq!(early.evicted, 10);
        assert!(early.take(10).is_none());
        assert_eq!(early.take(11).map(|known| known.words), Some(vec![11]));
    }

    #[test]
    fn spans_that_end_leave_no_trace() {
        let mut early = Early::default();
        for id in 1..=(5 * MOST_SPANS as u64) {
            early.add_words(id, &[id, id]);
            assert!(early.take(id).is_some());
        }
        assert_eq!((early.evicted, early.words, early.order.len()), (0, 0, 0));
    }
}
