//! The one intermediate form that all macros lower to. It names what is recorded, not how the code does it.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, Ident, Lit, LitStr, Pat, Path};

use crate::{args::Slot, value::Entry};

/// What is recorded about one function; stacked macros share it.
#[derive(Clone, Default)]
pub struct Plan {
    /// Where the runtime is, when it is not `::todo_otel_runtime`.
    pub runtime: Slot<Path>,
    /// The function's name with the type it belongs to, `Store::create`.
    pub function: String,
    /// Stacked attributes that were taken off the function.
    pub merged: Vec<Path>,
    /// A span is recorded, not only metrics.
    pub span: bool,
    pub name: Slot<Expr>,
    pub kind: Slot<Ident>,
    pub attributes: Vec<Entry>,
    pub outputs: Vec<Entry>,
    /// `err = off`: an `Err` is a value like any other.
    pub errors_are_values: Slot<bool>,
    pub expected: Vec<Pat>,
    pub log: Slot<Log>,
    pub root: Slot<()>,
    pub parent: Slot<Expr>,
    pub link: Slot<Expr>,
    pub detached: Slot<()>,
    pub keep: Slot<Keep>,
    pub sample: Slot<f64>,
    pub slow_ns: Slot<u64>,
    pub baggage: Vec<Entry>,
    pub attach: Slot<()>,
    pub labels: Vec<Entry>,
    pub instruments: Vec<Instrument>,
    /// Name of the up-down counter of running calls.
    pub active: Slot<String>,
    pub objective: Slot<Objective>,
}

#[derive(Clone)]
pub struct Log {
    pub level: Ident,
    pub enter: bool,
    pub exit: bool,
}

#[derive(Clone, Default)]
pub struct Keep {
    pub error: bool,
    pub slow_ns: u64,
}

/// One metric of a function.
#[derive(Clone)]
pub struct Instrument {
    pub role: Role,
    pub name: Expr,
    pub unit: String,
    pub bounds: Bounds,
    /// Bit n: it carries label n of the plan.
    pub labels: u64,
    pub outcome: bool,
    pub error_type: bool,
    /// It carries `db.response.status_code`.
    pub status_code: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Duration,
    Calls,
    Errors,
}

#[derive(Clone)]
pub enum Bounds {
    None,
    Listed(Vec<f64>),
    /// A constant of the user's, `&[f64]`.
    Constant(Expr),
}

/// A service level objective, in percent and nanoseconds.
#[derive(Clone, Default)]
pub struct Objective {
    pub success: Option<f64>,
    pub latency: Option<(u64, f64)>,
    pub except: Vec<(LitStr, LitStr)>,
}

impl Plan {
    /// The name of the span, or of the call site when only metrics are recorded.
    pub fn name(&self) -> Expr {
        self.name.get().cloned().unwrap_or_else(|| text(&self.function))
    }

    /// The position of a label; the same key with the same value is one label.
    pub fn label(&mut self, entry: &Entry) -> Result<u64, ()> {
        let same = |e: &Entry| e.key.value() == entry.key.value();
        if let Some(at) = self.labels.iter().position(same) {
            let value = |e: &Entry| e.value.to_token_stream().to_string();
            return if value(&self.labels[at]) == value(entry) { Ok(1 << at) } else { Err(()) };
        }
        self.labels.push(entry.clone());
        Ok(1 << (self.labels.len() - 1))
    }

    /// Says whether something must be known before the call starts.
    pub fn has_start(&self) -> bool {
        self.parent.get().is_some() || self.link.get().is_some() || !self.baggage.is_empty()
    }
}

/// A string as an expression.
pub fn text(value: &str) -> Expr {
    Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: Lit::Str(LitStr::new(value, Span::mixed_site())) })
}
