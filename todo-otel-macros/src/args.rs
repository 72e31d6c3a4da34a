//! Reading `key = value, key(list), flag`: unknown, duplicate, misplaced and malformed arguments, each an error on the
//! smallest span, and the reading goes on behind it. What an argument means is in the file of its macro.

use std::fmt::Display;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::{
    Expr, Lit, LitStr, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::errors::Errors;

/// An argument that a macro knows, and how it is written.
pub struct Key {
    pub name: &'static str,
    pub usage: &'static str,
}

/// The arguments of one macro.
pub struct Grammar {
    pub of: &'static str,
    pub keys: &'static [Key],
    /// Arguments that only another macro has, and that one's name.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

/// One argument while it is read: its key as written and what it should look like.
pub struct Arg {
    pub key: Ident,
    pub usage: &'static str,
}

/// Something that may be said once.
#[derive(Clone)]
pub struct Slot<T> {
    value: Option<T>,
    span: Option<Span>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { value: None, span: None }
    }
}

impl<T> Slot<T> {
    /// Keeps the first value; a second one is an error on its key.
    pub fn set(&mut self, key: &Ident, value: T, errors: &mut Errors) {
        if self.value.is_some() {
            errors.at(key.span(), format_args!("duplicate argument `{key}`: give it once"));
            return;
        }
        (self.value, self.span) = (Some(value), Some(key.span()));
    }

    /// Takes what a second macro on the same function says, if nothing was said so far.
    pub fn or(&mut self, other: Self) {
        if self.value.is_none() {
            *self = other;
        }
    }

    /// Where it was said.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub fn of(value: Option<T>) -> Self {
        Self { value, span: None }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Slot<U> {
        Slot { value: self.value.map(f), span: self.span }
    }
}

impl Arg {
    /// `key = value`: consumes the `=`.
    pub fn value(&self, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            return Err(self.misshapen("takes a value"));
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(self.misshapen("takes a value"));
        }
        Ok(())
    }

    /// `key(…)`: the group.
    pub fn list(&self, input: ParseStream<'_>) -> syn::Result<Group> {
        if !input.peek(syn::token::Paren) {
            return Err(self.misshapen("takes a list"));
        }
        let group: Group = input.parse()?;
        if group.stream().is_empty() {
            return Err(self.misshapen("takes at least one entry"));
        }
        Ok(group)
    }

    /// `key`, alone.
    pub fn flag(&self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(self.misshapen("takes no value")) }
    }

    pub fn expr(&self, input: ParseStream<'_>) -> syn::Result<Expr> {
        self.value(input)?;
        input.parse().map_err(|e| self.because(&e))
    }

    /// `key = "text"`.
    pub fn text(&self, input: ParseStream<'_>) -> syn::Result<LitStr> {
        self.value(input)?;
        match peel(&input.parse().map_err(|e| self.because(&e))?) {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
            other => Err(self.ill_typed(other, "a string literal")),
        }
    }

    /// `key = "500ms"`, in nanoseconds.
    pub fn duration_ns(&self, input: ParseStream<'_>) -> syn::Result<u64> {
        let text = self.text(input)?;
        duration_ns(&text)
    }

    /// `key = word`, one of `words`.
    pub fn word(&self, input: ParseStream<'_>, words: &[&str]) -> syn::Result<Ident> {
        self.value(input)?;
        let span = input.span();
        let wrong = || {
            let message = format!("`{}` is one of {}: `{}`", self.key, listed(words), self.usage);
            syn::Error::new(span, message)
        };
        let word = input.call(Ident::parse_any).map_err(|_| wrong())?;
        if words.iter().any(|w| word == w) { Ok(word) } else { Err(wrong()) }
    }

    /// The same argument in a list of its own, `keep(slow = "1s")`.
    pub fn inner(&self, key: Ident) -> Arg {
        Arg { key, usage: self.usage }
    }

    pub fn misshapen(&self, what: &str) -> syn::Error {
        syn::Error::new(self.key.span(), format!("`{}` {what}: `{}`", self.key, self.usage))
    }

    pub fn ill_typed(&self, found: &dyn quote::ToTokens, wanted: &str) -> syn::Error {
        syn::Error::new_spanned(TokensOf(found), format!("`{}` takes {wanted}: `{}`", self.key, self.usage))
    }

    fn because(&self, error: &syn::Error) -> syn::Error {
        syn::Error::new(error.span(), format!("{error}; write `{}`", self.usage))
    }
}

struct TokensOf<'a>(&'a dyn quote::ToTokens);

impl quote::ToTokens for TokensOf<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// Reads all arguments; `each` reads what follows a known key.
pub fn read(
    tokens: TokenStream,
    grammar: &Grammar,
    errors: &mut Errors,
    mut each: impl FnMut(&Arg, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    list(tokens, errors, |input, errors| {
        let Ok(key) = input.call(Ident::parse_any) else {
            let message = format!("expected an argument of `#[{}]`: {}", grammar.of, grammar.valid());
            return Err(syn::Error::new(input.span(), message));
        };
        match grammar.keys.iter().find(|k| key == k.name) {
            Some(known) => each(&Arg { key, usage: known.usage }, input, errors),
            None => Err(grammar.unknown(&key)),
        }
    });
}

/// Reads entries separated by commas; behind a wrong one it goes on with the next.
pub fn list(
    tokens: TokenStream,
    errors: &mut Errors,
    mut entry: impl FnMut(ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let parser = |input: ParseStream<'_>| -> syn::Result<()> {
        while !input.is_empty() {
            if let Err(error) = entry(input, errors) {
                errors.push(error);
                skip_entry(input)?;
            } else if !input.is_empty() && !input.peek(Token![,]) {
                errors.at(input.span(), "expected `,` here");
                skip_entry(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
}

fn skip_entry(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

impl Grammar {
    fn unknown(&self, key: &Ident) -> syn::Error {
        if let Some((_, owner)) = self.elsewhere.iter().find(|(name, _)| key == name) {
            return syn::Error::new(
                key.span(),
                format!("`{key}` is an argument of `#[{owner}]`, not of `#[{}]`", self.of),
            );
        }
        let text = key.to_string();
        let near = self.keys.iter().filter(|k| distance(k.name, &text) <= 2).min_by_key(|k| distance(k.name, &text));
        let hint = near.map(|k| format!("; did you mean `{}`?", k.usage)).unwrap_or_default();
        let message = format!("unknown argument `{key}` of `#[{}]`{hint}\nvalid: {}", self.of, self.valid());
        syn::Error::new(key.span(), message)
    }

    fn valid(&self) -> String {
        listed(&self.keys.iter().map(|k| k.name).collect::<Vec<_>>())
    }
}

fn listed<T: Display>(words: &[T]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// How many letters differ (Levenshtein), for short words.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

/// `"250us"`, `"500ms"`, `"5s"`, `"2m"` in nanoseconds.
pub fn duration_ns(text: &LitStr) -> syn::Result<u64> {
    const UNITS: [(&str, f64); 5] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)];
    let value = text.value();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &value[digits.len()..]);
    if let (Ok(number), Some((_, factor))) = (digits.parse::<f64>(), unit)
        && number > 0.0
        && number * factor < 1e18
    {
        return Ok((number * factor).round() as u64);
    }
    Err(syn::Error::new(
        text.span(),
        "not a duration above zero; write a number and `ns`, `us`, `ms`, `s` or `m`: `\"500ms\"`",
    ))
}

/// A number literal, with or without a sign or a fraction.
pub fn number(expr: &Expr) -> Option<f64> {
    match peel(expr) {
        Expr::Lit(syn::ExprLit { lit: Lit::Float(f), .. }) => f.base10_parse().ok(),
        Expr::Lit(syn::ExprLit { lit: Lit::Int(i), .. }) => i.base10_parse().ok(),
        Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => number(expr).map(|n| -n),
        _ => None,
    }
}

/// The text of a string literal.
pub fn literal(expr: &Expr) -> Option<String> {
    match peel(expr) {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// Without parentheses and without the invisible group that a `macro_rules!` parameter comes in.
pub fn peel(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => peel(&group.expr),
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

/// `todo.id`, `gen_ai.request.model` or `"key with space"`, up to `=` or `,`.
pub fn dotted(input: ParseStream<'_>) -> syn::Result<LitStr> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return if text.value().is_empty() { Err(syn::Error::new(text.span(), "an empty key")) } else { Ok(text) };
    }
    let span = input.span();
    let mut text = String::new();
    let mut end = span;
    while !input.is_empty() && !input.peek(Token![=]) && !input.peek(Token![,]) && !input.peek(Token![:]) {
        match input.parse::<TokenTree>()? {
            TokenTree::Group(group) if group.delimiter() != Delimiter::None => {
                return Err(syn::Error::new(group.span(), "a key is words with dots, `order.id`, or a string literal"));
            }
            part => {
                end = part.span();
                text += &part.to_string();
            }
        }
    }
    let wrong = text.is_empty() || text.starts_with('.') || text.ends_with('.') || text.contains("..");
    let allowed = |c: char| c.is_alphanumeric() || "._-#".contains(c);
    if wrong || !text.chars().all(allowed) {
        let message = "expected a key and its value: `order.id = id`, or `\"key with space\" = value`";
        return Err(syn::Error::new(span, message));
    }
    Ok(LitStr::new(&text.replace("r#", ""), span.join(end).unwrap_or(span)))
}

/// `key = expr` with a dotted key.
pub fn entry(input: ParseStream<'_>) -> syn::Result<(LitStr, Expr)> {
    let key = dotted(input)?;
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(key.span(), format!("`{0}` needs a value: `{0} = expression`", key.value())));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new(key.span(), format!("`{0}` needs a value: `{0} = expression`", key.value())));
    }
    Ok((key, input.parse()?))
}

/// A span for what has no token of its own.
pub fn here() -> Span {
    Span::mixed_site()
}
