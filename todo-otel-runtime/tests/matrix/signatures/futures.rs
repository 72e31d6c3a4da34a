//! Functions whose work happens in a future: what is measured is the future, not its construction.

use std::{future::Future, pin::Pin, rc::Rc};

use futures::{
    FutureExt, Stream, StreamExt,
    future::{BoxFuture, LocalBoxFuture},
    stream::{self, BoxStream},
};

use super::measured;
use crate::case::{Case, NAP, Opaque, block, nap, poll_once};

type Outcome = Result<u32, String>;
type Alias<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

#[measured]
async fn native(fails: bool) -> Outcome {
    nap().await;
    if fails {
        return Err(String::from("no"));
    }
    Ok(1)
}

#[measured]
async fn native_unit() {
    nap().await;
}

#[measured]
async fn native_question_mark(text: &str) -> Result<u32, std::num::ParseIntError> {
    nap().await;
    Ok(text.parse::<u32>()? + 1)
}

#[measured]
async fn native_infers() -> Vec<u64> {
    nap().await;
    (0..2_u32).map(Into::into).collect()
}

#[measured]
async fn native_default() -> Result<Vec<u8>, String> {
    Ok(Default::default())
}

#[measured]
async unsafe fn native_unsafe(a: *const u32) -> u32 {
    nap().await;
    // SAFETY: the caller gives a pointer to something that lives
    unsafe { *a }
}

#[measured]
async fn native_never() -> ! {
    nap().await;
    panic!("no way back")
}

#[measured]
async fn native_arguments((a, b): (u32, String), mut c: u32, _: u32, _d: &str, r#async: u32) -> String {
    nap().await;
    c += a + r#async;
    format!("{b}{c}")
}

#[measured]
async fn native_gives_argument_back(a: Opaque) -> Result<(), Opaque> {
    nap().await;
    Err(a)
}

#[measured]
async fn native_generic<T: Clone, F: AsyncFn(T) -> u32>(a: T, f: F) -> u32 {
    nap().await;
    f(a.clone()).await
}

#[measured]
async fn native_impl_argument(texts: impl Iterator<Item = u32>) -> u32 {
    nap().await;
    texts.sum()
}

#[measured]
async fn native_impl_result() -> impl Iterator<Item = u32> {
    nap().await;
    0..3
}

#[measured]
async fn native_borrows<'a>(text: &'a mut String, other: &str) -> &'a str {
    nap().await;
    text.push_str(other);
    text
}

#[measured]
async fn native_not_send(a: Rc<u32>) -> u32 {
    nap().await;
    *a
}

#[measured]
async fn native_panics(n: u32) -> u32 {
    nap().await;
    assert!(n > 3, "too little");
    n
}

#[measured]
async fn native_at_once() -> u32 {
    3
}

#[measured]
fn boxed_move(fails: bool) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async move {
        nap().await;
        if fails {
            return Err(String::from("no"));
        }
        Ok(1)
    })
}

#[measured]
fn boxed_borrow() -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async {
        nap().await;
        Ok(1)
    })
}

#[measured]
fn boxed_let(fails: bool) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
    let future = async move {
        nap().await;
        if fails { Err(String::from("no")) } else { Ok(1) }
    };
    Box::pin(future)
}

#[measured]
fn boxed_method(fails: bool) -> BoxFuture<'static, Outcome> {
    async move {
        nap().await;
        if fails { Err(String::from("no")) } else { Ok(1) }
    }
    .boxed()
}

#[measured]
fn boxed_local(a: Rc<u32>) -> LocalBoxFuture<'static, u32> {
    async move {
        nap().await;
        *a
    }
    .boxed_local()
}

#[measured]
fn boxed_early(fails: bool) -> BoxFuture<'static, Outcome> {
    if fails {
        return Box::pin(async {
            nap().await;
            Err(String::from("no"))
        });
    }
    Box::pin(async {
        nap().await;
        Ok(1)
    })
}

#[measured]
fn boxed_panics_while_building(n: u32) -> BoxFuture<'static, u32> {
    assert!(n > 3, "too little");
    Box::pin(async move {
        nap().await;
        n
    })
}

#[measured]
fn boxed_alias(fails: bool) -> Alias<'static> {
    Box::pin(async move {
        nap().await;
        if fails {
            return Err(String::from("no"));
        }
        Ok(1)
    })
}

#[measured]
fn boxed_alias_let(text: &str) -> Alias<'_> {
    let future = async move {
        nap().await;
        text.parse::<u32>().map_err(|e| e.to_string())
    };
    Box::pin(future)
}

#[measured]
fn impl_future(fails: bool) -> impl Future<Output = Outcome> + Send {
    async move {
        nap().await;
        if fails { Err(String::from("no")) } else { Ok(1) }
    }
}

#[measured]
fn impl_future_borrows<'a>(text: &'a str) -> impl Future<Output = usize> + use<'a> {
    async move {
        nap().await;
        text.len()
    }
}

#[measured]
async fn recursion(n: u32) -> u32 {
    if n == 0 {
        nap().await;
        return 0;
    }
    1 + Box::pin(recursion(n - 1)).await
}

#[measured]
fn impl_stream(n: u32) -> impl Stream<Item = u32> {
    stream::iter(0..n).then(|x| async move {
        nap().await;
        x
    })
}

#[measured]
fn boxed_stream(n: u32) -> BoxStream<'static, u32> {
    stream::iter(0..n)
        .then(|x| async move {
            nap().await;
            x
        })
        .boxed()
}

#[measured]
fn pinned_stream(n: u32) -> Pin<Box<dyn Stream<Item = u32> + Send>> {
    Box::pin(stream::iter(0..n).then(|x| async move {
        nap().await;
        x
    }))
}

fn is_send<T: Send>(value: T) -> T {
    value
}

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::ok("native", || assert_eq!(block(is_send(native(false))), Ok(1))).waits(),
        Case::error("native", || assert!(block(native(true)).is_err())).waits(),
        Case::cancelled("native", || poll_once(native(false))),
        Case::ok("native_unit", || block(native_unit())).waits(),
        Case::ok("native_question_mark", || assert_eq!(block(native_question_mark("1")), Ok(2))).waits(),
        Case::error("native_question_mark", || assert!(block(native_question_mark("x")).is_err())).waits(),
        Case::ok("native_infers", || assert_eq!(block(native_infers()), [0, 1])).waits(),
        Case::ok("native_default", || assert_eq!(block(native_default()), Ok(vec![]))),
        // SAFETY: the number lives until the end of the statement
        Case::ok("native_unsafe", || assert_eq!(block(unsafe { native_unsafe(&3) }), 3)).waits(),
        Case::panic("native_never", || block(native_never())).waits(),
        Case::ok("native_arguments", || {
            assert_eq!(block(native_arguments((1, "a".into()), 1, 0, "", 1)), "a3");
        })
        .waits(),
        Case::error("native_gives_argument_back", || assert!(block(native_gives_argument_back(Opaque(1))).is_err()))
            .waits(),
        Case::ok("native_generic", || assert_eq!(block(native_generic(1, async |n| n + 1)), 2)).waits(),
        Case::ok("native_impl_argument", || assert_eq!(block(native_impl_argument(0..3)), 3)).waits(),
        Case::ok("native_impl_result", || assert_eq!(block(native_impl_result()).count(), 3)).waits(),
        Case::ok("native_borrows", || assert_eq!(block(native_borrows(&mut "a".into(), "b")), "ab")).waits(),
        Case::ok("native_not_send", || assert_eq!(block(native_not_send(Rc::new(1))), 1)).waits(),
        Case::panic("native_panics", || assert_eq!(block(native_panics(1)), 1)).waits(),
        Case::ok("native_at_once", || assert_eq!(block(native_at_once()), 3)),
        Case::ok("native_at_once", || drop((native(true), block(native_at_once())))),
        Case::ok("boxed_borrow", || assert_eq!(block(is_send(boxed_borrow())), Ok(1))).waits(),
        Case::ok("boxed_local", || assert_eq!(block(boxed_local(Rc::new(1))), 1)).waits(),
        Case::ok("boxed_panics_while_building", || assert_eq!(block(boxed_panics_while_building(4)), 4)).waits(),
        Case::panic("boxed_panics_while_building", || assert_eq!(block(boxed_panics_while_building(1)), 1)),
        Case::ok("boxed_alias_let", || assert_eq!(block(boxed_alias_let("1")), Ok(1))).waits(),
        Case::ok("impl_future_borrows", || assert_eq!(block(impl_future_borrows("ab")), 2)).waits(),
        Case::ok("recursion", || assert_eq!(block(recursion(2)), 2)).waits().times(3),
        Case::ok("impl_stream", || assert_eq!(block(impl_stream(2).collect::<Vec<_>>()), [0, 1])).waits(),
        Case::cancelled("impl_stream", || assert_eq!(block(Box::pin(impl_stream(2)).next()), Some(0))).waits(),
        Case::ok("boxed_stream", || assert_eq!(block(boxed_stream(1).collect::<Vec<_>>()), [0])).waits(),
        Case::ok("pinned_stream", || assert_eq!(block(pinned_stream(1).collect::<Vec<_>>()), [0])).waits(),
        Case::cancelled("pinned_stream", || assert_eq!(block(pinned_stream(2).next()), Some(0))).waits(),
    ];
    macro_rules! both {
        ($($function:ident)*) => {$(
            cases.push(Case::ok(stringify!($function), || assert_eq!(block(is_send($function(false))), Ok(1))).waits());
            cases.push(Case::error(stringify!($function), || assert!(block($function(true)).is_err())).waits());
            cases.push(Case::cancelled(stringify!($function), || poll_once($function(false))));
            cases.push(Case::cancelled(stringify!($function), || {
                block(async { assert!(tokio::time::timeout(NAP / 10, $function(false)).await.is_err()) });
            }));
            cases.push(Case::ok(stringify!($function), || drop($function(false))).times(0));
        )*};
    }
    both!(boxed_move boxed_let boxed_method boxed_early boxed_alias impl_future);
    cases
}
