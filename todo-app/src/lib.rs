//! The `todo` program.

pub mod config;
pub mod domain;
pub mod enrich;
pub mod operate;
pub mod store;
