//! Other attributes, macros around the function, names that shadow the usual ones, lints.

use std::{cell::RefCell, panic::Location};

use super::measured;
use crate::case::{Case, block, nap};

#[track_caller]
#[measured]
fn caller() -> u32 {
    Location::caller().line()
}

#[measured]
#[track_caller]
fn caller_below(_a: Option<u32>) -> u32 {
    Location::caller().line()
}

struct Tracked;

impl Tracked {
    #[track_caller]
    #[measured]
    fn method(&self) -> u32 {
        Location::caller().line()
    }
}

#[track_caller]
#[measured]
fn caller_with_return(a: Option<u32>) -> u32 {
    let Some(a) = a else { return 0 };
    a
}

#[inline]
#[must_use]
/// Documented.
#[measured]
fn decorated() -> u32 {
    #![allow(unused_variables)]
    let nothing = 1;
    3
}

#[cfg_attr(test, measured)]
fn by_cfg_attr() -> u32 {
    3
}

#[cfg_attr(not(test), measured)]
fn not_by_cfg_attr() -> u32 {
    3
}

macro_rules! function {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])*
        #[measured]
        fn $name($($arg: $ty),*) -> $ret $body
    };
    (async $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty { $($body:tt)* }) => {
        #[measured]
        async fn $name($($arg: $ty),*) -> $ret { $($body)* }
    };
}

function! {
    #[inline]
    by_macro(a: u32, b: &str) -> Result<usize, String> { if a > 3 { return Err(b.into()); } Ok(b.len()) }
}
function!(by_macro_unit() -> () {});
function!(async by_macro_async(a: u32) -> Option<u32> { nap().await; Some(a) });

macro_rules! expression {
    ($e:expr) => {
        #[measured]
        fn by_macro_expression() -> u32 {
            $e
        }
    };
}
expression!(1 + 2);

#[measured]
fn tail_temporary(a: &RefCell<Vec<u32>>) -> usize {
    a.borrow().len()
}

#[measured]
fn tail_temporary_of_argument(a: RefCell<Vec<u32>>, (b, _): (RefCell<u32>, u32)) -> u32 {
    let _ = &a;
    *b.borrow()
}

#[measured]
fn tail_match(a: &std::sync::Mutex<Option<u32>>) -> u32 {
    match *a.lock().unwrap() {
        Some(n) => n,
        None => 0,
    }
}

#[measured]
async fn tail_temporary_async(a: RefCell<Vec<u32>>) -> usize {
    nap().await;
    let n = a.borrow().len();
    n
}

mod shadowed {
    #![allow(dead_code, non_camel_case_types, clippy::upper_case_acronyms)]
    use super::measured;

    pub type Result<T> = std::result::Result<T, String>;
    pub type Option<T> = std::option::Option<T>;

    pub struct Some;
    pub struct Ok;
    pub struct Err;
    pub struct Box;
    pub struct String_;
    pub struct Some_;

    #[measured]
    pub fn shadowed_names(fails: bool) -> Result<u32> {
        if fails {
            return Result::Err(String::from("no"));
        }
        Result::Ok(1)
    }

    #[measured]
    pub async fn shadowed_names_async(fails: bool) -> Result<u32> {
        super::nap().await;
        if fails { Result::Err(String::from("no")) } else { Result::Ok(1) }
    }
}

mod modules {
    use super::measured;

    pub mod std {}
    pub mod core {}
    pub mod tracing {}
    pub mod opentelemetry {}
    pub mod todo_otel_runtime {}

    #[measured]
    pub fn among_modules() -> Result<u32, String> {
        Ok(1)
    }
}

#[forbid(unsafe_code)]
mod safe {
    use super::measured;

    #[measured]
    pub fn unsafe_forbidden() -> u32 {
        3
    }
}

mod locals {
    use super::measured;

    #[measured]
    pub fn own_names(__site: u32, __ret: u32, __returns: u32, __exit: u32, __guard: u32) -> u32 {
        let __w = 1;
        __site + __ret + __returns + __exit + __guard + __w
    }
}

#[measured]
fn with_items(n: u32) -> u32 {
    use std::cmp::max;
    const LEAST: u32 = 3;
    fn twice(n: u32) -> u32 {
        n * 2
    }
    max(twice(n), LEAST)
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::ok("caller", || assert_eq!(caller(), line!())),
        Case::ok("caller_below", || assert_eq!(caller_below(None), line!())),
        Case::ok("method", || assert_eq!(Tracked.method(), line!())),
        Case::ok("caller_with_return", || assert_eq!(caller_with_return(None), 0)),
        Case::ok("decorated", || assert_eq!(decorated(), 3)),
        Case::ok("by_cfg_attr", || assert_eq!(by_cfg_attr(), 3)),
        Case::ok("not_by_cfg_attr", || assert_eq!(not_by_cfg_attr(), 3)).times(0),
        Case::ok("by_macro", || assert_eq!(by_macro(1, "ab"), Ok(2))),
        Case::error("by_macro", || assert!(by_macro(4, "ab").is_err())),
        Case::ok("by_macro_unit", by_macro_unit),
        Case::ok("by_macro_async", || assert_eq!(block(by_macro_async(1)), Some(1))).waits(),
        Case::ok("by_macro_expression", || assert_eq!(by_macro_expression(), 3)),
        Case::ok("tail_temporary", || assert_eq!(tail_temporary(&RefCell::new(vec![1])), 1)),
        Case::ok("tail_temporary_of_argument", || {
            assert_eq!(tail_temporary_of_argument(RefCell::new(vec![]), (RefCell::new(1), 2)), 1);
        }),
        Case::ok("tail_match", || assert_eq!(tail_match(&Some(1).into()), 1)),
        Case::ok("tail_temporary_async", || assert_eq!(block(tail_temporary_async(RefCell::new(vec![]))), 0)).waits(),
        Case::ok("shadowed_names", || assert_eq!(shadowed::shadowed_names(false), Ok(1))),
        Case::error("shadowed_names", || assert!(shadowed::shadowed_names(true).is_err())),
        Case::ok("shadowed_names_async", || assert_eq!(block(shadowed::shadowed_names_async(false)), Ok(1))).waits(),
        Case::error("shadowed_names_async", || assert!(block(shadowed::shadowed_names_async(true)).is_err())).waits(),
        Case::ok("among_modules", || assert_eq!(modules::among_modules(), Ok(1))),
        Case::ok("unsafe_forbidden", || assert_eq!(safe::unsafe_forbidden(), 3)),
        Case::ok("own_names", || assert_eq!(locals::own_names(1, 1, 1, 1, 1), 6)),
        Case::ok("with_items", || assert_eq!(with_items(1), 3)),
    ]
}
