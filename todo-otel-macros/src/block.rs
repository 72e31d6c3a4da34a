//! What an attribute stands on: a function, or an `impl`, `mod` or `trait` whose functions are visited one by one. Other
//! items in a block go through token for token.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Meta, Type,
    parse::{Parse, ParseStream, Parser, discouraged::Speculative},
};

use crate::{
    errors::Errors,
    expand,
    function::Function,
    macros::{Said, Which},
};

/// Where an attribute was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Function,
    Block,
}

/// What an attribute can stand on.
pub enum Item {
    Function(Box<Function>),
    Block(Block),
}

pub struct Block {
    attrs: Vec<Attribute>,
    head: TokenStream,
    body: Group,
    /// The type or trait, for the names of its functions.
    owner: Option<String>,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        if let Ok(function) = ahead.parse::<Function>() {
            input.advance_to(&ahead);
            return Ok(Item::Function(Box::new(function)));
        }
        let start = input.span();
        let attrs = input.call(Attribute::parse_outer)?;
        let mut tokens: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let keyword = tokens.iter().find_map(|token| match token {
            TokenTree::Ident(word) if ["impl", "mod", "trait"].iter().any(|k| word == k) => Some(word.to_string()),
            _ => None,
        });
        if let (Some(keyword), Some(TokenTree::Group(body))) = (keyword, tokens.last().cloned())
            && body.delimiter() == Delimiter::Brace
        {
            tokens.pop();
            let owner = owner(&keyword, &tokens);
            return Ok(Item::Block(Block { attrs, head: tokens.into_iter().collect(), body, owner }));
        }
        let message =
            "this attribute goes on a function, or on an `impl`, an inline `mod` or a `trait` for all functions in it";
        Err(syn::Error::new(start, message))
    }
}

/// The last word of the type an `impl` is for, or the name of a trait.
fn owner(keyword: &str, head: &[TokenTree]) -> Option<String> {
    if keyword == "trait" {
        let name = head.iter().skip_while(|token| token.to_string() != "trait").nth(1)?;
        return Some(name.to_string());
    }
    let head: TokenStream = head.iter().cloned().collect();
    let block = syn::parse2::<syn::ItemImpl>(quote!(#head {})).ok()?;
    match *block.self_ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

impl Block {
    pub fn expand(self, mut said: Said, errors: &mut Errors) -> TokenStream {
        let attrs = said.merge(self.attrs, Place::Block, errors);
        let paths = said.take_merged();
        let visit = |input: ParseStream<'_>| -> syn::Result<TokenStream> {
            let mut out = TokenStream::new();
            for attribute in input.call(Attribute::parse_inner)? {
                attribute.to_tokens(&mut out);
            }
            while !input.is_empty() {
                let ahead = input.fork();
                if let Ok(function) = ahead.parse::<Function>() {
                    input.advance_to(&ahead);
                    out.extend(expand_one(function, &said, self.owner.as_deref(), errors));
                } else {
                    copy_item(input, &mut out)?;
                }
            }
            Ok(out)
        };
        let inner = visit.parse2(self.body.stream()).unwrap_or_else(|_| self.body.stream());
        let mut body = Group::new(Delimiter::Brace, inner);
        body.set_span(self.body.span());
        let head = self.head;
        let used = expand::mention(&paths);
        quote!(#used #(#attrs)* #head #body)
    }
}

/// One function of a block; what it says itself takes the place of what the block says.
fn expand_one(mut function: Function, said: &Said, owner: Option<&str>, errors: &mut Errors) -> TokenStream {
    let mut said = said.clone();
    function.attrs.retain(|attribute| match (Which::of(attribute), is_skip(attribute)) {
        (Some(which), true) => {
            said.remove(which);
            false
        }
        _ => true,
    });
    if function.body.is_none() || function.sig.constness.is_some() {
        return function.into_token_stream();
    }
    for attribute in &function.attrs {
        if let Some(which) = Which::of(attribute) {
            said.remove(which);
        }
    }
    if said.is_empty() && !function.attrs.iter().any(|a| Which::of(a).is_some()) {
        return function.into_token_stream();
    }
    expand::function(function, said, owner, errors)
}

fn is_skip(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "skip")
}

/// Anything else: up to a `;` or a brace group at this level.
fn copy_item(input: ParseStream<'_>, out: &mut TokenStream) -> syn::Result<()> {
    loop {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !input.peek(syn::Token![;]),
            _ => false,
        };
        out.extend([token]);
        if ends || input.is_empty() {
            return Ok(());
        }
    }
}

/// The error for an attribute on something else, in front of the thing itself.
pub fn not_an_item(error: &syn::Error, item: &TokenStream) -> TokenStream {
    let error =
        syn::Error::new(if item.is_empty() { Span::call_site() } else { error.span() }, error).to_compile_error();
    quote!(#error #item)
}
