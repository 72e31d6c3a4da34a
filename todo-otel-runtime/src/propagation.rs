//! Room of `propagation`.
