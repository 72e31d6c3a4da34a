//! Metrics: instruments, the one model that everything leaves from, and its encodings.

mod bridge;
pub(crate) mod cell;
pub(crate) mod exponential;
mod instrument;
mod instruments;
pub(crate) mod label;
mod macros;
mod merge;
pub(crate) mod meta;
pub mod model;
#[cfg(feature = "otlp")]
pub mod otlp;
mod point;
mod read;
mod resource;
pub(crate) mod site;
pub(crate) mod state;
pub(crate) mod time;

pub use instrument::{Counter, Definition, Gauge, Histogram, Instrument, InstrumentKind, UpDownCounter};
pub use instruments::{Observer, observe};
pub use label::{AllowList, Code, Label, LabelSet, Listed, MAX_LABELS, Ordinal};
pub use macros::{counter, gauge, histogram, up_down_counter};
pub use meta::{InstrumentMeta, MetricsMeta, Role, check_bounds};
pub use model::Snapshot;
pub use point::{Number, NumberKind};
pub use read::snapshot;
pub use resource::ResourceAttributes;
