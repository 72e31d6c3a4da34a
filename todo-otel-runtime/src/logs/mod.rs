//! Room of `logs`.
