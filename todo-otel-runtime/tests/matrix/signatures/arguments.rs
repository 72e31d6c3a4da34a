//! Arguments in all their forms, receivers, moves out of them.

use std::{fmt, marker::PhantomPinned, pin::Pin, sync::Arc};

use super::measured;
use crate::case::{Case, Opaque};

#[measured]
fn destructured((a, b): (u32, u32), [c, ..]: [u32; 3], Opaque(d): Opaque) -> u32 {
    a + b + c + d
}

#[measured]
fn destructured_by_ref(&(ref a, b): &(String, u32)) -> usize {
    a.len() + b as usize
}

#[measured]
fn mutable(mut a: u32, mut text: String) -> String {
    a += 1;
    text.push_str(&a.to_string());
    text
}

#[measured]
fn unused(_: u32, _b: &str) {}

#[measured]
fn bound_whole(all @ (a, _): (u32, u32)) -> u32 {
    all.1 + a
}

#[measured]
fn raw_identifier(r#type: u32, r#fn: u32) -> u32 {
    r#type + r#fn
}

#[measured]
fn r#match(a: u32) -> u32 {
    a
}

#[measured]
fn configured(#[cfg(not(test))] a: Missing, #[cfg(test)] b: u32, #[cfg(test)] (c, _): (u32, u32)) -> u32 {
    b + c
}

#[measured]
fn in_format_only(a: u32) -> String {
    format!("{a}")
}

#[measured]
fn not_debug(a: Opaque, b: &Opaque) -> u32 {
    a.0 + b.0
}

#[measured]
fn exclusive(a: &mut Vec<u32>) -> &mut u32 {
    a.push(1);
    a.last_mut().unwrap()
}

#[measured]
fn partial_move(pair: (String, String)) -> (String, usize) {
    let first = pair.0;
    (first, pair.1.len())
}

#[measured]
fn long(a: [u8; 4096]) -> u8 {
    a[1]
}

pub struct Counter {
    n: u32,
    text: String,
}

impl Counter {
    const fn new(n: u32) -> Self {
        Counter { n, text: String::new() }
    }

    #[measured]
    fn by_value(self) -> u32 {
        self.n
    }

    #[measured]
    fn by_mut_value(mut self) -> Self {
        self.n += 1;
        self
    }

    #[measured]
    fn by_ref(&self) -> u32 {
        self.n
    }

    #[measured]
    fn mutable_field(&mut self) -> &mut u32 {
        self.n += 1;
        &mut self.n
    }

    #[measured]
    fn mutable_field_or_error(&mut self, fails: bool) -> Result<&mut u32, String> {
        if fails {
            return Err(String::from("no"));
        }
        Ok(&mut self.n)
    }

    #[measured]
    fn mutable_field_if_any(&mut self) -> Option<&mut u32> {
        if self.n == 0 { None } else { Some(&mut self.n) }
    }

    #[measured]
    fn boxed(self: Box<Self>) -> u32 {
        self.n
    }

    #[measured]
    fn shared(self: Arc<Self>) -> u32 {
        self.n
    }

    #[measured]
    fn shared_ref(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }

    #[measured]
    fn borrowed_text(&self, _other: &str) -> &str {
        &self.text
    }

    #[measured]
    fn builds() -> Self {
        Self::new(3)
    }

    #[measured]
    fn moves_part_of_self(self) -> String {
        let text = self.text;
        format!("{text}{}", self.n)
    }
}

struct Pinned(u32, PhantomPinned);

impl Pinned {
    #[measured]
    fn pinned(self: Pin<&mut Self>) -> u32 {
        self.0
    }
}

/// Breaks the program unless it is defused.
struct Bomb(bool);

impl Bomb {
    #[measured]
    fn defuse(mut self) {
        self.0 = false;
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "boom");
    }
}

struct Shown(u32);

impl fmt::Display for Shown {
    #[measured]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl Iterator for Shown {
    type Item = u32;

    #[measured]
    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

struct Dropped;

impl Drop for Dropped {
    #[measured]
    fn drop(&mut self) {}
}

impl From<Shown> for u32 {
    #[measured]
    fn from(shown: Shown) -> Self {
        shown.0
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::ok("destructured", || assert_eq!(destructured((1, 2), [3; 3], Opaque(4)), 10)),
        Case::ok("destructured_by_ref", || assert_eq!(destructured_by_ref(&("ab".into(), 1)), 3)),
        Case::ok("mutable", || assert_eq!(mutable(1, "a".into()), "a2")),
        Case::ok("unused", || unused(1, "")),
        Case::ok("bound_whole", || assert_eq!(bound_whole((1, 2)), 3)),
        Case::ok("raw_identifier", || assert_eq!(raw_identifier(1, 2), 3)),
        Case::ok("match", || assert_eq!(r#match(1), 1)),
        Case::ok("configured", || assert_eq!(configured(1, (2, 3)), 3)),
        Case::ok("in_format_only", || assert_eq!(in_format_only(1), "1")),
        Case::ok("not_debug", || assert_eq!(not_debug(Opaque(1), &Opaque(2)), 3)),
        Case::ok("exclusive", || assert_eq!(exclusive(&mut vec![]), &1)),
        Case::ok("partial_move", || assert_eq!(partial_move(("a".into(), "bc".into())), ("a".into(), 2))),
        Case::ok("long", || assert_eq!(long([1; 4096]), 1)),
        Case::ok("by_value", || assert_eq!(Counter::new(1).by_value(), 1)),
        Case::ok("by_mut_value", || assert_eq!(Counter::new(1).by_mut_value().n, 2)),
        Case::ok("by_ref", || assert_eq!(Counter::new(1).by_ref(), 1)),
        Case::ok("mutable_field", || assert_eq!(Counter::new(1).mutable_field(), &2)),
        Case::ok("mutable_field_or_error", || assert_eq!(Counter::new(1).mutable_field_or_error(false), Ok(&mut 1))),
        Case::error("mutable_field_or_error", || assert!(Counter::new(1).mutable_field_or_error(true).is_err())),
        Case::ok("mutable_field_if_any", || assert_eq!(Counter::new(0).mutable_field_if_any(), None)),
        Case::ok("boxed", || assert_eq!(Box::new(Counter::new(1)).boxed(), 1)),
        Case::ok("shared", || assert_eq!(Arc::new(Counter::new(1)).shared(), 1)),
        Case::ok("shared_ref", || assert_eq!(Arc::new(Counter::new(1)).shared_ref().n, 1)),
        Case::ok("borrowed_text", || assert_eq!(Counter::new(1).borrowed_text(""), "")),
        Case::ok("builds", || assert_eq!(Counter::builds().n, 3)),
        Case::ok("moves_part_of_self", || assert_eq!(Counter::new(1).moves_part_of_self(), "1")),
        Case::ok("pinned", || assert_eq!(Box::pin(Pinned(1, PhantomPinned)).as_mut().pinned(), 1)),
        Case::ok("defuse", || Bomb(true).defuse()),
        Case::ok("fmt", || assert_eq!(Shown(1).to_string(), "<1>")),
        Case::ok("next", || assert_eq!(Shown(1).next(), Some(0))),
        Case::ok("drop", || drop(Dropped)),
        Case::ok("from", || assert_eq!(u32::from(Shown(1)), 1)),
    ]
}
