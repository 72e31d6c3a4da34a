//! Room of `deliver`.
