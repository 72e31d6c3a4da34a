//! What a user can set, resolved once at start into one typed [`Config`]; no other module reads the environment.
//!
//! Precedence per setting: value set in code or by a flag, environment, file, default. Inside the environment the
//! program's own variables (`<APP>_*`) beat `OTEL_*`, a signal's variable beats the generic one, and a standard name beats
//! an alias. What a setting does is not here.

mod builder;
mod declarative;
mod endpoint;
mod explain;
mod file;
mod headers;
mod model;
mod redact;
mod resolve;
mod source;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use self::value::percent_decode;

pub use self::{
    builder::{ConfigBuilder, Flags},
    explain::{Setting, explain},
    model::*,
    redact::Redactor,
    source::Source,
    table::{Variable, variables},
};
