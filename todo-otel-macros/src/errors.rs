//! Everything wrong with one attribute, reported together. Nothing here decides what is wrong.

use proc_macro2::{Span, TokenStream};

/// Collects errors; must be finished, because an error that is dropped is an attribute that silently does nothing.
pub struct Errors {
    found: Option<Vec<syn::Error>>,
}

impl Errors {
    pub fn new() -> Self {
        Self { found: Some(Vec::new()) }
    }

    pub fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    pub fn push(&mut self, error: syn::Error) {
        if let Some(found) = &mut self.found {
            found.push(error);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.found.as_ref().is_none_or(Vec::is_empty)
    }

    /// The errors as `compile_error!` items.
    pub fn finish(mut self) -> TokenStream {
        let found = self.found.take().unwrap_or_default();
        found.iter().map(syn::Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if self.found.is_some() && !std::thread::panicking() {
            panic!("errors were collected and never finished");
        }
    }
}
