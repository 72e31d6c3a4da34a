//! What the expansion must know about a body that it does not parse.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Macros that cannot hide a `return` or a `?` of their own.
const KNOWN: [&str; 21] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "concat",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprintln",
    "format",
    "format_args",
    "matches",
    "panic",
    "print",
    "println",
    "stringify",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// `statements Box::pin(async [move] { … })`, with no other way out: the async block can be wrapped where it stands.
pub struct InPlace {
    pub before: TokenStream,
    /// `Box::pin` as it was written.
    pub callee: TokenStream,
    /// The async block.
    pub block: TokenStream,
}

/// Is `name` mentioned, in code or in a format string?
pub fn mentions(body: TokenStream, name: &str) -> bool {
    body.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name || ident.to_string().strip_prefix("r#").is_some_and(|raw| raw == name),
        TokenTree::Literal(literal) => literal.to_string().contains(name),
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) => false,
    })
}

/// May these statements leave the function: a `return`, a `?`, or a macro that could hide one?
pub fn may_leave(body: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let hides = |window: &[TokenTree]| {
        matches!(window, [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(_)]
            if bang.as_char() == '!' && !KNOWN.iter().any(|known| name == known))
    };
    tokens.windows(3).any(hides)
        || tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "return",
            TokenTree::Punct(punct) => punct.as_char() == '?',
            TokenTree::Group(group) => may_leave(group.stream()),
            TokenTree::Literal(_) => false,
        })
}

/// Does the body begin with an item, a `use` or an `fn` for example? Statements of ours in front of it would be "items after
/// statements".
pub fn begins_with_item(body: TokenStream) -> bool {
    const ITEMS: [&str; 13] = [
        "use",
        "fn",
        "const",
        "static",
        "struct",
        "enum",
        "impl",
        "mod",
        "type",
        "trait",
        "extern",
        "pub",
        "macro_rules",
    ];
    let mut tokens = body.into_iter().peekable();
    while matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#') {
        tokens.nth(1);
    }
    let Some(TokenTree::Ident(word)) = tokens.next() else { return false };
    let is_block = matches!(tokens.peek(), Some(TokenTree::Group(_)));
    !is_block && ITEMS.iter().any(|item| word == item)
}

/// Finds the boxed async block at the end of a body.
pub fn in_place(body: &TokenStream) -> Option<InPlace> {
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    let (TokenTree::Group(arguments), head) = tokens.split_last()? else { return None };
    if arguments.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let in_path = |token: &&TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let (before, callee) = head.split_at(head.len() - head.iter().rev().take_while(in_path).count());
    let path: String = callee.iter().map(ToString::to_string).collect();
    if path != "Box::pin" && !path.ends_with("::Box::pin") {
        return None;
    }
    let begins_statement = match before.last() {
        None => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    let before: TokenStream = before.iter().cloned().collect();
    if !begins_statement || may_leave(before.clone()) {
        return None;
    }
    let block = async_block(arguments.stream())?;
    Some(InPlace { before, callee: callee.iter().cloned().collect(), block })
}

/// The argument, when it is nothing but an async block.
fn async_block(arguments: TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = arguments.into_iter().collect();
    if matches!(tokens.last(), Some(TokenTree::Punct(comma)) if comma.as_char() == ',') {
        tokens.pop();
    }
    let is_block = match tokens.as_slice() {
        [TokenTree::Ident(a), TokenTree::Group(_)] => a == "async",
        [TokenTree::Ident(a), TokenTree::Ident(m), TokenTree::Group(_)] => a == "async" && m == "move",
        _ => false,
    };
    is_block.then(|| tokens.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn leaves(body: &str, expected: bool) {
        assert_eq!(may_leave(body.parse().unwrap()), expected, "{body}");
    }

    #[test]
    fn ways_out_of_a_body() {
        leaves("let x = 1; x", false);
        leaves("assert!(x > 3); x", false);
        leaves("if x { return 1; } 2", true);
        leaves("f(g()?)", true);
        leaves("bail!(\"no\")", true);
    }

    #[test]
    fn items_in_front_are_seen() {
        let item = |body: &str| begins_with_item(body.parse().unwrap());
        assert!(item("use std::cmp::max; max(1, 2)"));
        assert!(item("#[allow(dead_code)] const N: u32 = 1; N"));
        assert!(!item("const { 1 }"));
        assert!(!item("unsafe { f() }"));
        assert!(!item("n + 1"));
    }

    #[test]
    fn only_a_plain_boxed_block_is_wrapped_in_place() {
        let found = |body: &str| in_place(&body.parse().unwrap()).is_some();
        assert!(found("Box::pin(async move { 1 })"));
        assert!(found("let a = 1; ::std::boxed::Box::pin(async { a },)"));
        assert!(!found("let a = f()?; Box::pin(async { a })"));
        assert!(!found("Box::pin(f())"));
        assert!(!found("MyBox::pin(async {})"));
        assert!(!found("wrap(Box::pin(async {}))"));
        assert!(!found("x + Box::pin(async {})"));
    }
}
