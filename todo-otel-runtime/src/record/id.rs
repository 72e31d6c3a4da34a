//! Trace and span ids: a generator per thread, seeded by the operating system, never zero.
//!
//! No lock and no shared state. Two 64-bit seeds per thread, so that two threads only meet by a 128-bit accident.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
};

/// State of one thread's generator; zero = not seeded.
pub(crate) struct Ids {
    sequence: Cell<u64>,
    salt: Cell<u64>,
}

impl Ids {
    pub(crate) const fn new() -> Self {
        Ids { sequence: Cell::new(0), salt: Cell::new(0) }
    }

    /// Will `seeded_span` do?
    #[inline(always)]
    pub(crate) fn is_seeded(&self) -> bool {
        self.salt.get() != 0
    }

    /// A span id.
    #[inline(always)]
    pub(crate) fn span(&self) -> u64 {
        if !self.is_seeded() {
            self.seed();
        }
        self.seeded_span()
    }

    /// A span id of a generator that is seeded.
    #[inline(always)]
    pub(crate) fn seeded_span(&self) -> u64 {
        let next = self.sequence.get().wrapping_add(GAMMA);
        self.sequence.set(next);
        never_zero(scramble(next))
    }

    /// A trace id, high and low half. All bits are random, so the W3C random flag may be set.
    pub(crate) fn trace(&self) -> (u64, u64) {
        let low = self.span();
        (never_zero(mix(self.sequence.get() ^ self.salt.get())), low)
    }

    #[cold]
    #[inline(never)]
    fn seed(&self) {
        // The process id is mixed in because a forked child inherits the keys of `RandomState`.
        let random = || {
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u32(std::process::id());
            hasher.finish()
        };
        self.sequence.set(random());
        self.salt.set(random() | 1);
    }

    /// Forgets the seeds, because a forked child would repeat its parent's ids.
    pub(crate) fn reset(&self) {
        self.salt.set(0);
    }

    /// Ids that a test can predict.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fix(&self, seed: u64) {
        self.sequence.set(seed);
        self.salt.set(seed | 1);
    }
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64.
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The output function of wyrand: half of the instructions of `mix`, as good for ids.
#[inline(always)]
fn scramble(z: u64) -> u64 {
    let product = u128::from(z) * u128::from(z ^ GAMMA);
    (product >> 64) as u64 ^ product as u64
}

#[inline(always)]
fn never_zero(id: u64) -> u64 {
    id + (id == 0) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_many_threads_are_distinct_and_not_zero() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let ids = Ids::new();
                    (0..10_000).map(|_| ids.span()).collect::<Vec<_>>()
                })
            })
            .collect();
        let all: Vec<u64> = threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect();
        assert!(all.iter().all(|id| *id != 0));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn zero_is_replaced() {
        assert_eq!(never_zero(0), 1);
        assert_eq!(never_zero(7), 7);
    }

    #[test]
    fn a_fixed_seed_gives_the_same_ids_again() {
        let ids = Ids::new();
        ids.fix(7);
        let first = (ids.trace(), ids.span());
        ids.fix(7);
        assert_eq!(first, (ids.trace(), ids.span()));
    }
}
