//! Room of `catalogue`.
