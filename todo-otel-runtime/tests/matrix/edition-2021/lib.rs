//! Holds `tests/matrix` in edition 2021; nothing of its own.
