//! The recorder's ring, compiled with the atomics of loom: its tests run every interleaving of writer and reader.
//!
//! A package of its own, so that only this file is compiled that way.

#[cfg(test)]
#[expect(dead_code, reason = "the models use part of it")]
#[path = "../../../src/record/ring.rs"]
mod ring;
