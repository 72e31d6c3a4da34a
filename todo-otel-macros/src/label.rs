//! `#[derive(Label)]`: the variants of an enum as the closed set of values of a metric label.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Attribute, Data, DeriveInput, LitStr, Path, ext::IdentExt};

use crate::{args, errors::Errors};

pub fn derive(input: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let out = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => expand(&input, &mut errors),
        Err(error) => {
            errors.push(error);
            TokenStream::new()
        }
    };
    let errors = errors.finish();
    quote::quote!(#errors #out)
}

fn expand(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let Data::Enum(data) = &input.data else {
        let message = "`Label` is derived for enums: each variant is one value of the label";
        errors.at(input.ident.span(), message);
        return TokenStream::new();
    };
    let rt = runtime(&input.attrs, "label", errors);
    let mut values: Vec<LitStr> = Vec::new();
    for variant in &data.variants {
        let value = text(&variant.attrs, errors)
            .unwrap_or_else(|| LitStr::new(&snake_case(&variant.ident.unraw().to_string()), variant.ident.span()));
        if values.iter().any(|known| known.value() == value.value()) {
            errors.at(value.span(), format_args!("two variants have the value `{}`", value.value()));
        }
        values.push(value);
    }
    if values.is_empty() {
        errors.at(input.ident.span(), "a label needs at least one value: add a variant");
    }
    let span = Span::mixed_site();
    let name = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let arms = data.variants.iter().enumerate().map(|(index, variant)| {
        let variant = &variant.ident;
        quote_spanned!(span=> Self::#variant { .. } => #index,)
    });
    quote_spanned! {span=>
        #[automatically_derived]
        impl #generics #rt::Label for #name #arguments #clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#values),*];
            fn ordinal(&self) -> #rt::Ordinal {
                let index: ::core::primitive::usize = match self { #(#arms)* };
                #rt::Ordinal::closed(index, <Self as #rt::Label>::VALUES)
            }
        }
        #[automatically_derived]
        impl #generics #rt::Value for #name #arguments #clause {
            fn put(&self, slot: &mut #rt::Slot<'_>) {
                #rt::put_label(self, slot);
            }
        }
    }
}

/// `#[label("text")]` of a variant.
fn text(attrs: &[Attribute], errors: &mut Errors) -> Option<LitStr> {
    let attribute = attrs.iter().find(|a| a.path().is_ident("label"))?;
    match attribute.parse_args::<LitStr>() {
        Ok(text) if !text.value().is_empty() => Some(text),
        _ => {
            errors.push(syn::Error::new_spanned(&attribute.meta, "write the value: `#[label(\"in_progress\")]`"));
            None
        }
    }
}

/// Where the runtime is: `#[label(crate = path)]` on the type, else the usual place.
pub fn runtime(attrs: &[Attribute], of: &str, errors: &mut Errors) -> TokenStream {
    let span = Span::mixed_site();
    let mut path = None;
    for attribute in attrs.iter().filter(|a| a.path().is_ident(of)) {
        let Ok(list) = attribute.meta.require_list() else { continue };
        args::list(list.tokens.clone(), errors, |input, _| {
            if input.peek(syn::Token![crate]) {
                input.parse::<syn::Token![crate]>()?;
                input.parse::<syn::Token![=]>()?;
                path = Some(input.call(Path::parse_mod_style)?);
                return Ok(());
            }
            while !input.is_empty() && !input.peek(syn::Token![,]) {
                input.parse::<proc_macro2::TokenTree>()?;
            }
            Ok(())
        });
    }
    match path {
        Some(path) => {
            let path = path.into_token_stream();
            quote_spanned!(span=> #path::__private)
        }
        None => quote_spanned!(span=> ::todo_otel_runtime::__private),
    }
}

/// `InProgress` as `in_progress`.
pub fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 && !words.ends_with('_') && name[..at].ends_with(|c: char| !c.is_uppercase()) {
            words.push('_');
        }
        words.extend(c.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn variants_become_words() {
        for (name, word) in
            [("Open", "open"), ("InProgress", "in_progress"), ("OpenAI", "open_ai"), ("a_b", "a_b"), ("X1", "x1")]
        {
            assert_eq!(snake_case(name), word);
        }
    }
}
