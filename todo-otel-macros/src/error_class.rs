//! `#[derive(ErrorClass)]`: what each variant of an error means to telemetry and to the shell.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Data, DeriveInput, Expr, Fields, Lit, LitStr, ext::IdentExt};

use crate::{
    args::{self, Arg, Slot},
    errors::Errors,
    label,
};

/// What is said about one variant, or about a struct.
#[derive(Default)]
struct Class {
    name: Slot<LitStr>,
    transparent: Slot<()>,
    expected: Slot<()>,
    retryable: Slot<()>,
    exit: Slot<u8>,
    slo_ignore: Slot<()>,
    status: Slot<LitStr>,
}

/// One arm: the pattern, the inner error of a transparent one, and what is said.
struct Arm {
    pattern: TokenStream,
    inner: Option<TokenStream>,
    default_name: String,
    class: Class,
}

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
    quote!(#errors #out)
}

fn expand(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let rt = label::runtime(&input.attrs, "error_class", errors);
    let arms: Vec<Arm> = match &input.data {
        Data::Enum(data) => {
            data.variants.iter().map(|v| arm(Some(&v.ident), &v.ident, &v.attrs, &v.fields, errors)).collect()
        }
        Data::Struct(data) => vec![arm(None, &input.ident, &input.attrs, &data.fields, errors)],
        Data::Union(_) => {
            errors.at(input.ident.span(), "`ErrorClass` is derived for enums and structs");
            return TokenStream::new();
        }
    };
    let span = Span::mixed_site();
    let none = quote_spanned!(span=> #rt::None);
    let no = quote_spanned!(span=> false);
    let literal = |text: &LitStr| text.to_token_stream();
    let class = arms.iter().map(|arm| {
        let name = arm.class.name.get().map_or_else(|| arm.default_name.to_token_stream(), literal);
        one(arm, &rt, "class", name)
    });
    let flag = |name: &'static str, of: fn(&Class) -> bool| {
        method(&arms, &rt, name, &no, move |class| of(class).then(|| quote_spanned!(span=> true)))
    };
    let expected = flag("expected", |class| class.expected.get().is_some());
    let retryable = flag("retryable", |class| class.retryable.get().is_some());
    let slo_ignore = flag("slo_ignore", |class| class.slo_ignore.get().is_some());
    let exit = method(&arms, &rt, "exit_code", &none, |class| {
        class.exit.get().map(|code| quote_spanned!(span=> #rt::Some(#code)))
    });
    let status = method(&arms, &rt, "db_status_code", &none, |class| {
        class.status.get().map(|status| quote_spanned!(span=> #rt::Some(#status)))
    });
    let name = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #generics #rt::ErrorClass for #name #arguments #clause {
            fn class(&self) -> &'static ::core::primitive::str { match *self { #(#class)* } }
            fn expected(&self) -> ::core::primitive::bool { match *self { #expected } }
            fn retryable(&self) -> ::core::primitive::bool { match *self { #retryable } }
            fn exit_code(&self) -> #rt::Option<::core::primitive::u8> { match *self { #exit } }
            fn slo_ignore(&self) -> ::core::primitive::bool { match *self { #slo_ignore } }
            fn db_status_code(&self) -> #rt::Option<&'static ::core::primitive::str> { match *self { #status } }
        }
    }
}

/// The arms of one method: those that say something, and a default for the others.
fn method(
    arms: &[Arm],
    rt: &TokenStream,
    name: &str,
    default: &TokenStream,
    value: impl Fn(&Class) -> Option<TokenStream>,
) -> TokenStream {
    let mut tokens = TokenStream::new();
    let mut left_out = false;
    for arm in arms {
        match (&arm.inner, value(&arm.class)) {
            (None, None) => left_out = true,
            (_, said) => tokens.extend(one(arm, rt, name, said.unwrap_or_else(|| default.clone()))),
        }
    }
    if left_out || arms.is_empty() {
        tokens.extend(quote_spanned!(Span::mixed_site()=> _ => #default,));
    }
    tokens
}

fn one(arm: &Arm, rt: &TokenStream, name: &str, value: TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let pattern = &arm.pattern;
    let method = Ident::new(name, span);
    match &arm.inner {
        Some(inner) => quote_spanned!(span=> #pattern => #rt::ErrorClass::#method(#inner),),
        None => quote_spanned!(span=> #pattern => #value,),
    }
}

fn arm(variant: Option<&Ident>, named: &Ident, attrs: &[Attribute], fields: &Fields, errors: &mut Errors) -> Arm {
    let span = Span::mixed_site();
    let class = read(attrs, variant.is_none(), errors);
    let path = match variant {
        Some(variant) => quote_spanned!(span=> Self::#variant),
        None => quote_spanned!(span=> Self),
    };
    let default_name = label::snake_case(&named.unraw().to_string());
    if class.transparent.get().is_none() {
        return Arm { pattern: quote_spanned!(span=> #path { .. }), inner: None, default_name, class };
    }
    let mut all = fields.iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        let at = class.transparent.span().unwrap_or(span);
        errors.at(at, "`transparent` takes the class of the one field: there must be exactly one");
        return Arm { pattern: quote_spanned!(span=> #path { .. }), inner: None, default_name, class };
    };
    let member = match &only.ident {
        Some(ident) => ident.to_token_stream(),
        None => syn::Index { index: 0, span }.to_token_stream(),
    };
    let pattern = quote_spanned!(span=> #path { #member: ref __inner });
    Arm { pattern, inner: Some(quote_spanned!(span=> __inner)), default_name, class }
}

fn read(attrs: &[Attribute], on_type: bool, errors: &mut Errors) -> Class {
    const VALID: &str =
        "`\"class\"`, `transparent`, `expected`, `retryable`, `exit = 3`, `slo = ignore`, `status = \"23505\"`";
    let mut class = Class::default();
    for attribute in attrs.iter().filter(|a| a.path().is_ident("error_class")) {
        let list = match attribute.meta.require_list() {
            Ok(list) => list.tokens.clone(),
            Err(_) => {
                errors.push(syn::Error::new_spanned(&attribute.meta, format!("write what it is: {VALID}")));
                continue;
            }
        };
        args::list(list, errors, |input, errors| {
            if input.peek(LitStr) {
                let name: LitStr = input.parse()?;
                let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
                if name.value().is_empty() || !name.value().chars().all(valid) {
                    let message =
                        "a class is a short fixed word: lower case letters, digits, `_` and `.`, as in `\"not_found\"`";
                    return Err(syn::Error::new(name.span(), message));
                }
                let key = Ident::new("class", name.span());
                class.name.set(&key, name, errors);
                return Ok(());
            }
            let key = input.call(Ident::parse_any)?;
            let word = key.to_string();
            let arg = Arg { key, usage: "exit = 3" };
            let key = &arg.key;
            match word.as_str() {
                "transparent" => class.transparent.set(key, arg.flag(input)?, errors),
                "expected" => class.expected.set(key, arg.flag(input)?, errors),
                "retryable" => class.retryable.set(key, arg.flag(input)?, errors),
                "exit" => class.exit.set(key, exit_code(&arg, input)?, errors),
                "slo" => {
                    let arg = Arg { key: key.clone(), usage: "slo = ignore" };
                    arg.word(input, &["ignore"])?;
                    class.slo_ignore.set(key, (), errors);
                }
                "status" => {
                    let arg = Arg { key: key.clone(), usage: "status = \"23505\"" };
                    class.status.set(key, arg.text(input)?, errors);
                }
                "crate" if on_type => {
                    input.parse::<syn::Token![=]>()?;
                    input.parse::<syn::Path>()?;
                }
                _ => return Err(syn::Error::new(key.span(), format!("unknown `{key}`; valid: {VALID}"))),
            }
            Ok(())
        });
    }
    let says_more =
        [class.name.span(), class.expected.span(), class.retryable.span(), class.exit.span(), class.status.span()];
    if let (Some(()), Some(span)) = (class.transparent.get(), says_more.into_iter().flatten().next()) {
        errors.at(span, "`transparent` takes everything from the field: remove one of the two");
    }
    class
}

fn exit_code(arg: &Arg, input: syn::parse::ParseStream<'_>) -> syn::Result<u8> {
    let expr = arg.expr(input)?;
    match args::peel(&expr) {
        Expr::Lit(syn::ExprLit { lit: Lit::Int(code), .. }) => {
            code.base10_parse().map_err(|_| arg.ill_typed(&expr, "an exit code from 0 to 255"))
        }
        _ => Err(arg.ill_typed(&expr, "an exit code from 0 to 255")),
    }
}
