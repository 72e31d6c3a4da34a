//! Room of `collect`.
