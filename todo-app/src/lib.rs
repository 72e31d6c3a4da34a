//! The `todo` program: a todo list for the terminal with AI enrichment, instrumented by attribute.
//!
//! `main.rs` puts the parts together; [`run`] does the work, so that tests need no process.

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod analysis;
pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod enrich;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod names;
pub mod operate;
pub mod output;
pub mod queue;
pub mod signals;
pub mod store;
pub mod worker;

pub use crate::commands::run;
