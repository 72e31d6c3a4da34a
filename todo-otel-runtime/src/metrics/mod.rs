//! Metrics: instruments, the one model that everything leaves from, and its encodings.

pub(crate) mod label;
pub(crate) mod meta;

pub use label::{AllowList, Code, Label, LabelSet, Listed, MAX_LABELS, Ordinal};
pub use meta::{InstrumentMeta, MetricsMeta, Role, check_bounds};
