//! Plain functions: ways out, qualifiers, generics, inference.

use super::measured;
use crate::case::{Case, Opaque};

#[measured]
fn unit() {}

#[measured]
fn plain(a: u32, b: &str) -> usize {
    a as usize + b.len()
}

#[measured]
fn question_mark(text: &str) -> Result<u32, std::num::ParseIntError> {
    let n = text.parse::<u32>()?;
    Ok(n + 1)
}

#[measured]
fn early_return(n: u32) -> Result<u32, String> {
    if n > 3 {
        return Err(format!("{n} is too much"));
    }
    Ok(n)
}

#[measured]
fn option(a: Option<u32>) -> Option<u32> {
    let n = a?;
    Some(n + 1)
}

#[measured]
unsafe fn not_safe(a: *const u32) -> u32 {
    // SAFETY: the caller gives a pointer to something that lives
    unsafe { *a }
}

#[measured]
extern "C" fn foreign(a: u32) -> u32 {
    a + 1
}

#[measured]
fn never() -> ! {
    panic!("no way back")
}

#[measured]
fn never_in_a_loop(n: &mut u32) -> ! {
    loop {
        *n += 1;
        assert!(*n < 3, "enough");
    }
}

#[measured]
fn takes_impl(texts: impl Iterator<Item = u32>) -> u32 {
    texts.sum()
}

#[measured]
fn gives_impl(n: u32) -> impl Iterator<Item = u32> {
    (0..n).map(|x| x * 2)
}

#[measured]
fn gives_impl_borrowed<'a>(texts: &'a [String]) -> impl Iterator<Item = &'a str> + use<'a> {
    texts.iter().map(String::as_str)
}

#[measured]
fn gives_closure(n: u32) -> impl Fn(u32) -> u32 {
    move |x| x + n
}

#[measured]
fn result_of_impl(n: u32) -> Result<impl Iterator<Item = u32>, String> {
    if n == 0 {
        return Err(String::from("nothing"));
    }
    Ok(0..n)
}

#[measured]
fn generic<T: Clone + Into<u64>>(a: &T) -> u64 {
    a.clone().into()
}

#[measured]
fn const_generic<const N: usize>(a: [u8; N]) -> usize {
    a.len() + N
}

#[measured]
fn where_clause<T>(a: T) -> String
where
    T: std::fmt::Display,
{
    a.to_string()
}

#[measured]
fn lifetimes<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    if a.is_empty() { b } else { a }
}

#[measured]
fn higher_ranked<F>(f: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    f("text").len()
}

#[measured]
fn boxed_fn<'a>(a: &'a str) -> Box<dyn Fn(&str) -> bool + 'a> {
    Box::new(move |b| a == b)
}

#[measured]
fn own_return_inside(n: u32) -> u32 {
    let half = |x: u32| {
        if x % 2 == 1 {
            return 0;
        }
        x / 2
    };
    half(n)
}

#[measured]
fn labelled(n: u32) -> u32 {
    let mut sum = 0;
    'outer: for a in 0..n {
        for b in 0..n {
            if a + b > 4 {
                break 'outer;
            }
            sum += b;
        }
    }
    'block: {
        if sum > 100 {
            break 'block 100;
        }
        sum
    }
}

#[measured]
fn infers_collect(n: u32) -> Vec<u64> {
    (0..n).map(Into::into).collect()
}

#[measured]
fn infers_into(n: u32) -> u64 {
    n.into()
}

#[measured]
fn infers_default(fails: bool) -> Result<Vec<u8>, String> {
    if fails {
        return Err(Default::default());
    }
    Ok(Default::default())
}

#[measured]
fn infers_fallible_collect(texts: &[&str]) -> Result<Vec<u32>, std::num::ParseIntError> {
    texts.iter().map(|t| t.parse()).collect()
}

#[measured]
fn infers_parse(text: &str) -> Option<u8> {
    text.parse().ok()
}

#[measured]
fn gives_argument_back(a: Opaque) -> Result<u32, Opaque> {
    if a.0 == 0 { Err(a) } else { Ok(a.0) }
}

#[measured]
fn boxed_error(fails: bool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if fails {
        Err("broken")?;
    }
    Ok(())
}

#[measured]
fn recursion(n: u32) -> u32 {
    if n == 0 { 0 } else { 1 + recursion(n - 1) }
}

#[measured]
fn panics(n: u32) -> u32 {
    assert!(n > 3, "too little");
    n
}

#[measured]
fn returns_unit_result() -> Result<(), String> {
    Ok(())
}

#[measured]
fn tuple(a: u32) -> (u32, &'static str) {
    (a, "b")
}

#[measured]
fn array_of_slices(a: &mut [u8]) -> [&mut u8; 1] {
    let [first, ..] = a else { unreachable!("not empty") };
    [first]
}

#[measured]
fn function_pointer(f: fn(u32) -> u32) -> fn(u32) -> u32 {
    f
}

#[measured]
fn raw_pointer(a: &u32) -> *const u32 {
    std::ptr::from_ref(a)
}

#[measured]
fn macro_in_type() -> matrix_type!() {
    Ok(3)
}

macro_rules! matrix_type {
    () => {
        Result<u32, String>
    };
}
use matrix_type;

pub fn cases() -> Vec<Case> {
    vec![
        Case::ok("unit", unit),
        Case::ok("plain", || assert_eq!(plain(1, "ab"), 3)),
        Case::ok("question_mark", || assert_eq!(question_mark("1"), Ok(2))),
        Case::error("question_mark", || assert!(question_mark("x").is_err())),
        Case::ok("early_return", || assert_eq!(early_return(3), Ok(3))),
        Case::error("early_return", || assert!(early_return(4).is_err())),
        Case::ok("option", || assert_eq!(option(Some(1)), Some(2))),
        Case::ok("option", || assert_eq!(option(None), None)),
        // SAFETY: the number lives until the end of the statement
        Case::ok("not_safe", || assert_eq!(unsafe { not_safe(&3) }, 3)),
        Case::ok("foreign", || assert_eq!(foreign(1), 2)),
        Case::panic("never", || never()),
        Case::panic("never_in_a_loop", || never_in_a_loop(&mut 0)),
        Case::ok("takes_impl", || assert_eq!(takes_impl(0..4), 6)),
        Case::ok("gives_impl", || assert_eq!(gives_impl(3).sum::<u32>(), 6)),
        Case::ok("gives_impl_borrowed", || assert_eq!(gives_impl_borrowed(&["a".into()]).next(), Some("a"))),
        Case::ok("gives_closure", || assert_eq!(gives_closure(1)(2), 3)),
        Case::ok("result_of_impl", || assert_eq!(result_of_impl(2).unwrap().count(), 2)),
        Case::error("result_of_impl", || assert!(result_of_impl(0).is_err())),
        Case::ok("generic", || assert_eq!(generic(&3_u32), 3)),
        Case::ok("const_generic", || assert_eq!(const_generic([0; 3]), 6)),
        Case::ok("where_clause", || assert_eq!(where_clause(3), "3")),
        Case::ok("lifetimes", || assert_eq!(lifetimes("", "b"), "b")),
        Case::ok("higher_ranked", || assert_eq!(higher_ranked(|a| a), 4)),
        Case::ok("boxed_fn", || assert!(boxed_fn("a")("a"))),
        Case::ok("own_return_inside", || assert_eq!(own_return_inside(4), 2)),
        Case::ok("labelled", || assert_eq!(labelled(3), 9)),
        Case::ok("infers_collect", || assert_eq!(infers_collect(2), [0, 1])),
        Case::ok("infers_into", || assert_eq!(infers_into(2), 2)),
        Case::ok("infers_default", || assert_eq!(infers_default(false), Ok(vec![]))),
        Case::error("infers_default", || assert!(infers_default(true).is_err())),
        Case::ok("infers_fallible_collect", || assert_eq!(infers_fallible_collect(&["1"]), Ok(vec![1]))),
        Case::ok("infers_parse", || assert_eq!(infers_parse("1"), Some(1))),
        Case::ok("gives_argument_back", || assert!(matches!(gives_argument_back(Opaque(1)), Ok(1)))),
        Case::error("gives_argument_back", || assert!(matches!(gives_argument_back(Opaque(0)), Err(Opaque(0))))),
        Case::ok("boxed_error", || assert!(boxed_error(false).is_ok())),
        Case::error("boxed_error", || assert!(boxed_error(true).is_err())),
        Case::ok("recursion", || assert_eq!(recursion(3), 3)).times(4),
        Case::ok("panics", || assert_eq!(panics(4), 4)),
        Case::panic("panics", || assert_eq!(panics(1), 1)),
        Case::ok("returns_unit_result", || assert_eq!(returns_unit_result(), Ok(()))),
        Case::ok("tuple", || assert_eq!(tuple(1), (1, "b"))),
        Case::ok("array_of_slices", || assert_eq!(array_of_slices(&mut [7]), [&mut 7])),
        Case::ok("function_pointer", || assert_eq!(function_pointer(|x| x)(3), 3)),
        Case::ok("raw_pointer", || assert!(!raw_pointer(&3).is_null())),
        Case::ok("macro_in_type", || assert_eq!(macro_in_type(), Ok(3))),
    ]
}
