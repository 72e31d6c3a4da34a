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
mod error_class;
mod errors;
mod expand;
mod function;
mod label;
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

/// The variants of an enum as the values of a metric label.
#[proc_macro_derive(Label, attributes(label))]
pub fn label(item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { TokenStream::new() } else { label::derive(item.into()).into() }
}

/// What each variant of an error means: `error.type`, expected or not, exit code.
#[proc_macro_derive(ErrorClass, attributes(error_class))]
pub fn error_class(item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { TokenStream::new() } else { error_class::derive(item.into()).into() }
}

fn attribute(which: Which, args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") { item } else { macros::expand(which, args.into(), item.into()).into() }
}
