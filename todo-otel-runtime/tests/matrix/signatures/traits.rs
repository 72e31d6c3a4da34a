//! Methods of traits, `async_trait`, associated and generic future types, whole blocks.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use async_trait::async_trait;

use super::measured;
use crate::case::{Case, NAP, block, nap, poll_once};

type Outcome = Result<u32, String>;

fn outcome(fails: bool) -> Outcome {
    if fails { Err(String::from("no")) } else { Ok(1) }
}

#[async_trait]
trait Stored {
    async fn inside(&self, fails: bool) -> Outcome;
    async fn block_above(&self, fails: bool) -> Outcome;
    async fn block_inside(&self, fails: bool) -> Outcome;

    #[measured]
    async fn by_default(&self, fails: bool) -> Outcome {
        nap().await;
        Ok(outcome(fails)?)
    }
}

struct Store;

#[async_trait]
impl Stored for Store {
    #[measured]
    async fn inside(&self, fails: bool) -> Outcome {
        nap().await;
        Ok(outcome(fails)?)
    }

    async fn block_above(&self, fails: bool) -> Outcome {
        BlockAbove.run(fails).await
    }

    async fn block_inside(&self, fails: bool) -> Outcome {
        BlockInside.run_inside(fails).await
    }
}

#[async_trait]
trait Run {
    async fn run(&self, fails: bool) -> Outcome;
}

#[async_trait]
trait RunInside {
    async fn run_inside(&self, fails: bool) -> Outcome;
}

struct BlockAbove;

#[measured]
#[async_trait]
impl Run for BlockAbove {
    async fn run(&self, fails: bool) -> Outcome {
        nap().await;
        outcome(fails)
    }
}

struct BlockInside;

#[async_trait]
#[measured]
impl RunInside for BlockInside {
    async fn run_inside(&self, fails: bool) -> Outcome {
        nap().await;
        outcome(fails)
    }
}

#[async_trait(?Send)]
trait Local {
    async fn local(&self, n: std::rc::Rc<u32>) -> u32;
}

#[async_trait(?Send)]
impl Local for Store {
    #[measured]
    async fn local(&self, n: std::rc::Rc<u32>) -> u32 {
        nap().await;
        *n
    }
}

trait Native {
    async fn native_method(&self, fails: bool) -> Outcome;
    fn impl_method(&self, fails: bool) -> impl Future<Output = Outcome> + Send;

    #[measured]
    async fn native_default(&self) -> u32 {
        nap().await;
        3
    }

    #[measured]
    fn sync_default(&self, n: u32) -> u32 {
        n + 1
    }
}

impl Native for Store {
    #[measured]
    async fn native_method(&self, fails: bool) -> Outcome {
        nap().await;
        outcome(fails)
    }

    #[measured]
    fn impl_method(&self, fails: bool) -> impl Future<Output = Outcome> + Send {
        async move {
            nap().await;
            outcome(fails)
        }
    }
}

/// The shape of `tower::Service`.
trait Service<Request> {
    type Response;
    type Error;
    type Future: Future<Output = Result<Self::Response, Self::Error>>;
    fn call(&mut self, request: Request) -> Self::Future;
}

struct Boxed;

impl Service<bool> for Boxed {
    type Response = u32;
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    #[measured]
    fn call(&mut self, fails: bool) -> Self::Future {
        Box::pin(async move {
            nap().await;
            outcome(fails)
        })
    }
}

struct At;

impl Service<u32> for At {
    type Response = u32;
    type Error = Infallible;
    type Future = Ready<Result<u32, Infallible>>;

    // a named future type cannot be wrapped: a plain call
    #[measured]
    fn call(&mut self, n: u32) -> Self::Future {
        ready(Ok(n))
    }
}

struct Wraps<S>(S);

impl<S: Service<R>, R> Service<R> for Wraps<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[measured]
    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

trait Lends {
    type Lent<'a>
    where
        Self: 'a;
    fn lend<'a>(&'a mut self) -> Self::Lent<'a>;
}

impl Lends for Vec<u32> {
    type Lent<'a> = &'a mut [u32];

    #[measured]
    fn lend<'a>(&'a mut self) -> Self::Lent<'a> {
        &mut self[..]
    }
}

struct Countdown(u32);

impl Future for Countdown {
    type Output = u32;

    #[measured]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u32> {
        if self.0 == 0 {
            return Poll::Ready(7);
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Whole(u32);

#[measured]
impl Whole {
    const LIMIT: u32 = 3;

    fn first(&self) -> u32 {
        self.0
    }

    async fn second(&mut self) -> &mut u32 {
        nap().await;
        self.0 += Self::limit();
        &mut self.0
    }

    const fn limit() -> u32 {
        Self::LIMIT
    }
}

#[measured]
mod inline {
    pub const N: u32 = 1;

    pub fn in_module() -> u32 {
        N + inner::deep()
    }

    mod inner {
        pub fn deep() -> u32 {
            1
        }
    }
}

#[measured]
trait Spoken {
    const WORD: &'static str;

    fn name(&self) -> &'static str;

    fn greet(&self) -> String {
        format!("{} {}", Self::WORD, self.name())
    }
}

impl Spoken for Store {
    const WORD: &'static str = "hello";

    fn name(&self) -> &'static str {
        "store"
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::ok("local", || assert_eq!(block(Store.local(std::rc::Rc::new(1))), 1)).waits(),
        Case::ok("native_default", || assert_eq!(block(Store.native_default()), 3)).waits(),
        Case::ok("sync_default", || assert_eq!(Store.sync_default(3), 4)),
        Case::ok("call", || assert_eq!(block(At.call(3)), Ok(3))),
        Case::ok("call", || assert_eq!(block(Wraps(At).call(3)), Ok(3))).times(2),
        Case::ok("lend", || assert_eq!(vec![1].lend(), [1])),
        Case::ok("poll", || assert_eq!(block(Countdown(1)), 7)).times(2),
        Case::ok("Whole::first", || assert_eq!(Whole(1).first(), 1)),
        Case::ok("Whole::second", || assert_eq!(block(Whole(1).second()), &4)).waits(),
        Case::ok("in_module", || assert_eq!(inline::in_module(), 2)),
        Case::ok("Spoken::greet", || assert_eq!(Store.greet(), "hello store")),
    ];
    macro_rules! both {
        ($($name:literal $call:expr;)*) => {$(
            cases.push(Case::ok($name, || {
                block(async { assert_eq!(is_send($call)(false).await, Ok(1)) });
            }).waits());
            cases.push(Case::error($name, || block(async { assert!($call(true).await.is_err()) })).waits());
            cases.push(Case::cancelled($name, || poll_once(async { drop($call(false).await) })));
            cases.push(Case::cancelled($name, || {
                block(async { assert!(tokio::time::timeout(NAP / 10, async { $call(false).await }).await.is_err()) });
            }));
        )*};
    }
    both! {
        "inside" |fails| Store.inside(fails);
        "by_default" |fails| Store.by_default(fails);
        "BlockAbove::run" |fails| Store.block_above(fails);
        "BlockInside::run_inside" |fails| Store.block_inside(fails);
        "native_method" |fails| Store.native_method(fails);
        "impl_method" |fails| Store.impl_method(fails);
        "call" |fails| Boxed.call(fails);
    }
    cases
}
