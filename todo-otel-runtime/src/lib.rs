//! Instrumentation by attribute: one attribute on a function gives a span, RED metrics and a correlated log event that
//! agree, because all three read one outcome that is decided once.

#[cfg(all(feature = "runtime", not(feature = "off")))]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(all(feature = "runtime", not(feature = "off")))]
pub mod catalogue;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod collect;
#[cfg(all(feature = "runtime", not(feature = "off")))]
pub mod config;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod console;
#[cfg(all(feature = "otlp", not(feature = "off")))]
pub mod deliver;
#[cfg(all(feature = "diesel", not(feature = "off")))]
pub mod diesel;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod error;
#[cfg(all(feature = "runtime", not(feature = "off"), any(test, feature = "fuzzing")))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod last;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod logs;
#[cfg(all(feature = "runtime", not(feature = "off")))]
pub mod metrics;
#[cfg(all(feature = "runtime", not(feature = "off")))]
pub mod names;
#[cfg(all(feature = "runtime", not(feature = "off")))]
pub mod propagation;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod record;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod setup;
#[cfg(all(feature = "runtime", not(feature = "off")))]
mod telemetry;
#[cfg(all(feature = "testing", not(feature = "off")))]
pub mod testing;

#[cfg(all(feature = "runtime", not(feature = "off")))]
pub use crate::{
    config::{Config, Role},
    error::InitError,
    last::{LastTrace, LastTraces, last_traces},
    logs::{Alias, Vocabulary, escape, tracing_layer},
    metrics::Label,
    record::{
        current::{Captured, Ids, InFuture, add_event, add_link, capture, current, set_attribute},
        otel::{LogCorrelation, TracerProvider},
        outcome::ErrorClass,
        root::{LinkSource, ParentSource},
        tracing_layer::span_layer,
        value::Value,
    },
    telemetry::{ShutdownReport, Telemetry, TelemetryBuilder, exit, init, on_start},
};
pub use todo_otel_macros::{ErrorClass, Label, db_span, red_metrics, traced};
