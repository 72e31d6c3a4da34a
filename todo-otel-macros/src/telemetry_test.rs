//! `#[telemetry_test]`: a test that gets a capture of its own.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{FnArg, ItemFn, LitInt, Path, parse::Parser, spanned::Spanned};

use crate::errors::Errors;

pub fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let said = read(arguments, &mut errors);
    let out = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => test(function, &said, &mut errors),
        Err(error) => {
            errors.at(error.span(), "`telemetry_test` goes on a function");
            item
        }
    };
    let errors = errors.finish();
    quote::quote!(#errors #out)
}

#[derive(Default)]
struct Said {
    seed: Option<LitInt>,
    runtime: Option<Path>,
}

fn read(arguments: TokenStream, errors: &mut Errors) -> Said {
    let mut said = Said::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("seed") {
            said.seed = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("crate") {
            said.runtime = Some(meta.value()?.call(Path::parse_mod_style)?);
        } else {
            return Err(meta.error("unknown argument; `telemetry_test` takes `seed = 7` and `crate = path`"));
        }
        Ok(())
    });
    if let Err(error) = parser.parse2(arguments) {
        errors.push(error);
    }
    said
}

/// The user's function stands inside of the test that calls it.
fn test(mut function: ItemFn, said: &Said, errors: &mut Errors) -> TokenStream {
    let span = Span::mixed_site();
    if let Some(second) = function.sig.inputs.iter().nth(1) {
        errors.at(second.span(), "a telemetry test takes one argument at most: `telemetry: Capture`");
    }
    if let Some(FnArg::Receiver(this)) = function.sig.inputs.first() {
        errors.at(this.span(), "a telemetry test is a free function");
    }
    let attributes = std::mem::take(&mut function.attrs);
    let brings_its_own = attributes.iter().any(|a| a.path().segments.last().is_some_and(|last| last.ident == "test"));
    let test = (!brings_its_own).then(|| quote_spanned!(span=> #[::core::prelude::v1::test]));
    let rt = match &said.runtime {
        Some(path) => quote::quote!(#path),
        None => quote_spanned!(span=> ::todo_otel_runtime),
    };
    let seed = said.seed.as_ref().map_or_else(|| quote_spanned!(span=> 1), |seed| quote::quote!(#seed));
    let begin = quote_spanned!(span=> #rt::testing::deterministic(#seed));
    let name = &function.sig.ident;
    // Without an argument the capture still lasts as long as the call.
    let (begin, call) = match function.sig.inputs.is_empty() {
        true => (quote_spanned!(span=> let __telemetry = #begin;), quote_spanned!(span=> #name())),
        false => (TokenStream::new(), quote_spanned!(span=> #name(#begin))),
    };
    let (asyncness, call) = match (function.sig.asyncness, brings_its_own) {
        (None, _) => (None, call),
        (Some(_), false) => (None, quote_spanned!(span=> #rt::testing::block_on(#call))),
        (asyncness, true) => (asyncness, quote_spanned!(span=> #call.await)),
    };
    let (visibility, output) = (&function.vis, &function.sig.output);
    quote_spanned! {span=>
        #test #(#attributes)*
        #visibility #asyncness fn #name() #output {
            #function
            #begin
            #call
        }
    }
}
