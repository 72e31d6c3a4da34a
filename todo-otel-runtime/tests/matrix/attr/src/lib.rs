//! One name for "the attribute under test", so that the matrix writes each signature once.
//!
//! The item goes through token by token: lints see the user's own code.

use proc_macro::TokenStream;

fn with(attributes: &str, item: TokenStream) -> TokenStream {
    let mut tokens: TokenStream = attributes.parse().expect("attributes");
    tokens.extend(item);
    tokens
}

/// The function as it is.
#[proc_macro_attribute]
pub fn plain(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// `#[traced]`
#[proc_macro_attribute]
pub fn traced(_: TokenStream, item: TokenStream) -> TokenStream {
    with("#[::todo_otel_runtime::traced]", item)
}

/// `#[red_metrics]`
#[proc_macro_attribute]
pub fn red_metrics(_: TokenStream, item: TokenStream) -> TokenStream {
    with("#[::todo_otel_runtime::red_metrics]", item)
}

/// `#[db_span]`; a name of its own, so that the span can be found.
#[proc_macro_attribute]
pub fn db_span(_: TokenStream, item: TokenStream) -> TokenStream {
    with("#[::todo_otel_runtime::db_span(system = sqlite)]", item)
}

/// All of them.
#[proc_macro_attribute]
pub fn stacked(_: TokenStream, item: TokenStream) -> TokenStream {
    with(
        "#[::todo_otel_runtime::red_metrics] #[::todo_otel_runtime::db_span(system = sqlite)] #[::todo_otel_runtime::traced]",
        item,
    )
}

/// The tokens of the item as `TEXT`, in place of the item.
#[proc_macro_attribute]
pub fn text(_: TokenStream, item: TokenStream) -> TokenStream {
    let text = item.to_string();
    format!("pub const TEXT: &str = {text:?};").parse().expect("a constant")
}
