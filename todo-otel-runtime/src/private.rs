//! Room of `private`.
