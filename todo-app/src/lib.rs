//! Placeholder.

pub mod config;
pub mod enrich;
