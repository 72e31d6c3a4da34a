//! Metrics: instruments, the one model that everything leaves from, and its encodings.

pub(crate) mod cell;
mod instrument;
mod instruments;
pub(crate) mod label;
mod macros;
pub(crate) mod meta;
mod point;
pub(crate) mod site;
pub(crate) mod state;
pub(crate) mod time;

pub use instrument::{Counter, Definition, Gauge, Histogram, Instrument, InstrumentKind, UpDownCounter};
pub use instruments::{Observer, observe};
pub use label::{AllowList, Code, Label, LabelSet, Listed, MAX_LABELS, Ordinal};
pub use macros::{counter, gauge, histogram, up_down_counter};
pub use meta::{InstrumentMeta, MetricsMeta, Role, check_bounds};
pub use point::{Number, NumberKind};
