//! Room of `metrics`.
