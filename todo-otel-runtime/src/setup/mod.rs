//! Room of `setup`.
