//! The matrix of `..` in edition 2021; nothing of its own.
