//! Metrics: instruments, the one model that everything leaves from, and its encodings.

mod bridge;
pub(crate) mod cell;
pub(crate) mod exponential;
mod instrument;
mod instruments;
pub(crate) mod label;
mod macros;
pub(crate) mod merge;
pub(crate) mod meta;
pub mod model;
#[cfg(feature = "otlp")]
pub mod otlp;
pub(crate) mod own;
pub(crate) mod pipeline;
mod point;
mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod read;
mod resource;
#[cfg(feature = "otlp")]
mod seed;
#[cfg(feature = "prometheus")]
pub mod serve;
pub(crate) mod site;
mod start;
pub(crate) mod state;
mod temporality;
pub(crate) mod time;
pub(crate) mod views;

pub use instrument::{Counter, Definition, Gauge, Histogram, Instrument, InstrumentKind, UpDownCounter};
pub use instruments::{Observer, observe};
pub(crate) use instruments::{observe_as, used};
pub use label::{AllowList, Code, Label, LabelSet, Listed, MAX_LABELS, Ordinal};
pub use macros::{counter, gauge, histogram, up_down_counter};
pub use meta::{InstrumentMeta, MetricsMeta, Role, check_bounds};
pub use model::Snapshot;
pub use point::{Number, NumberKind};
pub use read::snapshot;
#[cfg(feature = "testing")]
pub(crate) use read::snapshot_of;
pub use resource::ResourceAttributes;
pub(crate) use start::start;
pub use start::{Conflict, check};
pub use temporality::Reader;
