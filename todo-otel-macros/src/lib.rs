//! Attribute macros of `todo-otel-runtime`.
//!
//! Each attribute is read (`args`), checked and lowered to one plan (`traced`, `red_metrics`, `db_span` -> `plan`), and
//! written out (`expand`). Only the early stages can fail; errors become tokens here and nowhere else.

use proc_macro::TokenStream;

mod args;
mod block;
mod body;
mod db_span;
mod docs;
mod errors;
mod expand;
mod function;
mod macros;
mod plan;
mod red_metrics;
mod site;
#[cfg(test)]
mod snapshots;
mod traced;
mod value;

use macros::Which;

/// A span around the function.
#[proc_macro_attribute]
pub fn traced(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::Traced, args, item)
}

/// Rate, errors and duration of the function.
#[proc_macro_attribute]
pub fn red_metrics(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::RedMetrics, args, item)
}

/// A database client span and its metric.
#[proc_macro_attribute]
pub fn db_span(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Which::DbSpan, args, item)
}

fn attribute(which: Which, args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { item } else { macros::expand(which, args.into(), item.into()).into() }
}
