//! Instrumentation by attribute: one attribute on a function gives a span, RED metrics and a correlated log event that
//! agree, because all three read one outcome that is decided once.
//!
//! The attributes are [`macro@traced`], [`macro@red_metrics`] and [`macro@db_span`]; [`macro@ErrorClass`] and
//! [`macro@Label`] say what errors and labels mean. A program starts telemetry once with [`init`] and ends it with
//! [`Telemetry::shutdown`]; a library only carries attributes and costs one relaxed load per call until somebody starts.
//!
//! ```
//! use todo_otel_runtime::{Config, Role, traced};
//!
//! #[traced(name = "shop.pay", attributes(shop.items = items))]
//! fn pay(items: u64) -> Result<u64, std::fmt::Error> {
//!     Ok(items * 10)
//! }
//!
//! let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).resolve())?;
//! pay(3)?;
//! assert_eq!(telemetry.shutdown().lost(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `runtime` | by the others | recording, metrics, logs, console: all that a library needs beside the attributes |
//! | `otlp` | yes | export over OTLP/HTTP with spool, retry and breaker |
//! | `grpc` | yes | the same over OTLP/gRPC |
//! | `tls` | yes | `https` endpoints, with rustls and ring |
//! | `prometheus` | yes | the scrape endpoint of long-running programs |
//! | `diesel` | | text, number and repetition of the statements that diesel runs, on the span around them |
//! | `testing` | | captures for tests: module `testing` |
//! | `fuzzing`, `sabotage` | | for this project's own checks, never for a program |
//! | `off` | | the attributes return the item they stand on; with `default-features = false` nothing else is compiled |
//!
//! Attributes need `runtime` or `off`. A library takes `default-features = false, features = ["runtime"]` and leaves
//! transport to the program. There is no feature per signal: that is a setting.
//!
//! Needs Rust 1.89. Tested on Linux; the detached drainer of commands exists there only.

#![deny(missing_docs)]

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
