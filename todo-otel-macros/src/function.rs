//! One function: its attributes, signature and body, and what kind of value leaves it. The body stays unparsed, so that
//! half-typed code still expands; what must be known about it is read off its tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

/// A function as it was written.
#[derive(Clone)]
pub struct Function {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    /// `default` of a specialised method.
    pub default: Option<Ident>,
    pub sig: Signature,
    pub body: Option<Group>,
    pub semi: Option<Token![;]>,
}

/// How the value of a function is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Sync,
    /// `-> !`
    Never,
    /// `-> impl Trait`: the value cannot be looked at.
    Opaque,
    Async,
    /// `-> impl Future`
    Future,
    /// `-> Pin<Box<dyn Future>>`
    BoxFuture,
    /// `-> impl Stream`
    Stream,
    /// `-> Pin<Box<dyn Stream>>`
    BoxStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let default = if input.peek(Token![default]) { Some(input.call(Ident::parse_any)?) } else { None };
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Ok(Self { attrs, vis, default, sig, body: None, semi: input.parse()? });
        }
        let TokenTree::Group(body) = unwrap(input.parse()?) else {
            return Err(input.error("expected the body of a function"));
        };
        Ok(Self { attrs, vis, default, sig, body: Some(body), semi: None })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, default, sig, body, semi } = self;
        tokens.extend(quote!(#(#attrs)* #vis #default #sig #body #semi));
    }
}

impl Function {
    pub fn shape(&self) -> Shape {
        if self.sig.asyncness.is_some() {
            return Shape::Async;
        }
        let ReturnType::Type(_, ty) = &self.sig.output else { return Shape::Sync };
        shape_of(peel(ty))
    }

    /// The return type is `!`, sync or async.
    pub fn never_returns(&self) -> bool {
        matches!(&self.sig.output, ReturnType::Type(_, ty) if matches!(peel(ty), Type::Never(_)))
    }

    pub fn tracks_caller(&self) -> bool {
        self.attrs.iter().any(|a| a.path().is_ident("track_caller"))
    }

    /// The tokens of the body; attributes inside it (`#![…]`) move outside.
    pub fn take_body(&mut self) -> TokenStream {
        let Some(body) = &self.body else { return TokenStream::new() };
        let split = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse()?));
        let Ok((inner, rest)) = split.parse2(body.stream()) else { return body.stream() };
        for mut attribute in inner {
            attribute.style = syn::AttrStyle::Outer;
            self.attrs.push(attribute);
        }
        rest
    }
}

/// `$body:block` of a `macro_rules!` arrives inside an invisible group.
fn unwrap(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
    {
        let mut inside = group.stream().into_iter();
        if let (Some(only), None) = (inside.next(), inside.next()) {
            return unwrap(only);
        }
    }
    token
}

fn shape_of(ty: &Type) -> Shape {
    match ty {
        Type::Never(_) => Shape::Never,
        Type::ImplTrait(opaque) if opaque.bounds.iter().all(is_kept) => match names_future(opaque.bounds.iter()) {
            Some(true) => Shape::Future,
            Some(false) => Shape::Stream,
            None => Shape::Opaque,
        },
        Type::ImplTrait(_) => Shape::Opaque,
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" => Shape::BoxFuture,
            Some(last) if last.ident == "BoxStream" || last.ident == "LocalBoxStream" => Shape::BoxStream,
            Some(last) if last.ident == "Pin" => pinned(last),
            _ => Shape::Sync,
        },
        _ => Shape::Sync,
    }
}

/// `Pin<Box<dyn Future<…>>>`
fn pinned(pin: &syn::PathSegment) -> Shape {
    let Some(Type::Path(boxed)) = first_type(pin) else { return Shape::Sync };
    let Some(boxed) = boxed.path.segments.last().filter(|s| s.ident == "Box") else { return Shape::Sync };
    let bounds = match first_type(boxed) {
        Some(Type::TraitObject(object)) => &object.bounds,
        Some(Type::ImplTrait(opaque)) => &opaque.bounds,
        _ => return Shape::Sync,
    };
    match names_future(bounds.iter()) {
        Some(true) => Shape::BoxFuture,
        Some(false) => Shape::BoxStream,
        None => Shape::Sync,
    }
}

/// `true` for a future, `false` for a stream.
fn names_future<'a>(bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<bool> {
    bounds.into_iter().find_map(|bound| match last_word(bound)?.to_string().as_str() {
        "Future" => Some(true),
        "Stream" => Some(false),
        _ => None,
    })
}

/// A wrapper keeps `Send`, `Sync`, `Unpin`, lifetimes and `use<..>`; it cannot keep any other promise.
fn is_kept(bound: &TypeParamBound) -> bool {
    last_word(bound).is_none_or(|word| ["Future", "Stream", "Send", "Sync", "Unpin"].iter().any(|kept| word == kept))
}

fn last_word(bound: &TypeParamBound) -> Option<&Ident> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    bound.path.segments.last().map(|segment| &segment.ident)
}

fn first_type(segment: &syn::PathSegment) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(peel(ty)),
        _ => None,
    })
}

/// Without parentheses and invisible groups.
pub fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}
