//! The matrix of `..` in edition 2024, and proofs; nothing else.
