//! `key = expression` entries whose value leaves the process, and the refusal of names that look like secrets.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, LitStr, parse::ParseStream};

use crate::{args, errors::Errors};

/// A key with the expression that gives its value.
#[derive(Clone)]
pub struct Entry {
    pub key: LitStr,
    pub value: Expr,
}

/// What an attribute does to a value before it is recorded.
pub enum Wrapper {
    /// `redact(x)`, `hash(x)`, `len(x)`, `display(x)`, `debug(x)`: the name of the runtime's function, its argument.
    Plain(syn::Ident, Expr),
    /// `truncate(n, x)`.
    Truncate(Expr, Expr),
}

const WRAPPERS: [&str; 5] = ["redact", "hash", "len", "display", "debug"];
/// Words that make any name a secret's.
const SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "apikey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "bearer",
];
/// Words that do so as the last one: an `api_key` is a secret, `key with space` and `token.type` are not.
const SECRETS_AT_THE_END: [&str; 2] = ["token", "key"];

/// All entries of a list; a repeated key is an error on the second one.
pub fn entries(list: TokenStream, errors: &mut Errors) -> Vec<Entry> {
    let mut found = Vec::new();
    args::list(list, errors, |input, errors| {
        let entry = entry(input)?;
        push(&mut found, entry, errors);
        Ok(())
    });
    found
}

pub fn entry(input: ParseStream<'_>) -> syn::Result<Entry> {
    let (key, value) = args::entry(input)?;
    Ok(Entry { key, value })
}

pub fn push(found: &mut Vec<Entry>, entry: Entry, errors: &mut Errors) {
    if found.iter().any(|e| e.key.value() == entry.key.value()) {
        errors.at(entry.key.span(), format_args!("duplicate key `{}`: give it once", entry.key.value()));
    } else {
        found.push(entry);
    }
}

/// `allow(cache.key, session.token)`.
pub fn allowed(list: TokenStream, errors: &mut Errors) -> Vec<String> {
    let mut found = Vec::new();
    args::list(list, errors, |input, _| {
        found.push(args::dotted(input)?.value());
        Ok(())
    });
    found
}

/// Refuses entries whose key or expression names a secret, unless it is allowed or reduced to something harmless.
pub fn refuse_secrets<'a>(entries: impl IntoIterator<Item = &'a Entry>, allow: &[String], errors: &mut Errors) {
    for entry in entries {
        let key = entry.key.value();
        if allow.contains(&key)
            || matches!(wrapper(&entry.value), Some(Wrapper::Plain(name, _)) if name == "redact" || name == "len")
        {
            continue;
        }
        let word = secret_in(&key).or_else(|| secret_in_tokens(entry.value.to_token_stream()));
        if let Some(word) = word {
            let message = format!(
                "`{key}` looks like a secret (`{word}`) and would leave the process; record `redact(…)` or `len(…)` of it, or say `allow({key})`"
            );
            errors.at(entry.key.span(), message);
        }
    }
}

/// The wrapper an attribute's value is written in, if any.
pub fn wrapper(value: &Expr) -> Option<Wrapper> {
    let Expr::Call(call) = args::peel(value) else { return None };
    let Expr::Path(path) = &*call.func else { return None };
    let name = path.path.get_ident()?;
    let arguments: Vec<_> = call.args.iter().cloned().collect();
    match <[Expr; 2]>::try_from(arguments) {
        Ok([n, x]) if name == "truncate" => Some(Wrapper::Truncate(n, x)),
        Ok(_) => None,
        Err(mut one) if one.len() == 1 && WRAPPERS.iter().any(|w| name == w) => {
            one.pop().map(|x| Wrapper::Plain(name.clone(), x))
        }
        Err(_) => None,
    }
}

fn secret_in(text: &str) -> Option<&'static str> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        lower_before = c.is_lowercase();
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    let last = words.iter().rfind(|word| !word.is_empty());
    let ends = SECRETS_AT_THE_END.into_iter().find(|secret| last.is_some_and(|word| word == secret));
    ends.or_else(|| SECRETS.into_iter().find(|secret| words.iter().any(|word| word == secret)))
}

fn secret_in_tokens(tokens: TokenStream) -> Option<&'static str> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => secret_in(&ident.to_string()),
        TokenTree::Group(group) => secret_in_tokens(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::secret_in;

    #[test]
    fn secrets_are_found_as_words() {
        for text in ["password", "user.password", "API_KEY", "apiKey", "x-auth-token", "self.key"] {
            assert!(secret_in(text).is_some(), "{text}");
        }
        for text in [
            "keyboard",
            "monkey",
            "gen_ai.usage.input_tokens",
            "gen_ai.token.type",
            "key with space",
            "todo.id",
            "tokenizer",
            "secretary",
        ] {
            assert!(secret_in(text).is_none(), "{text}");
        }
    }
}
