//! Runs once, cold: turns the configuration into a resource and into pipelines, in a stated order, and ends them in
//! another. Who may call it, and how often, is not here.

pub(crate) mod install_id;
mod metrics;
pub(crate) mod panic;
mod pipelines;
pub(crate) mod resource;
#[cfg(feature = "otlp")]
mod send;
#[cfg(not(feature = "otlp"))]
#[path = "send_off.rs"]
mod send;
#[cfg(feature = "otlp")]
mod stdout;

pub(crate) use self::pipelines::{Custom, Pipelines};
