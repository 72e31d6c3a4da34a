//! Room of `names`.
