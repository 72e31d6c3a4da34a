//! Room of `record`.
