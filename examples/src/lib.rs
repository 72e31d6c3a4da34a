//! The README's code, compiled and run as documentation tests.

#![doc = include_str!("../../README.md")]
