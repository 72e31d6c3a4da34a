//! Attribute macros of `todo-otel-runtime`.

use proc_macro::TokenStream;

/// A span around the function.
#[proc_macro_attribute]
pub fn traced(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Rate, errors and duration of the function.
#[proc_macro_attribute]
pub fn red_metrics(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// A database client span and its metric.
#[proc_macro_attribute]
pub fn db_span(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}
