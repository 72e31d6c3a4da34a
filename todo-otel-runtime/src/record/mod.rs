//! Room of `record`.

pub(crate) mod red;
