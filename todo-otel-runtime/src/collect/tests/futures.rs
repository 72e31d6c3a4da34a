#![expect(clippy::needless_borrow, reason = "the number of references decides which trait applies")]

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{StreamExt, stream};
use opentelemetry::{Value, trace::Status};

use super::{attribute, capture, is_child, named, site, traced};
use crate::{__private as rt, record::current};

/// Suspends once.
async fn pause() {
    let mut polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll(future.as_mut()) {
            return value;
        }
    }
}

#[test]
fn an_async_call_is_current_only_while_it_is_polled() {
    let capture = capture();
    let call = rt::run(
        site!("async"),
        rt::returns(),
        async {
            traced!(site!("before"), ());
            pause().await;
            traced!(site!("after"), 5)
        },
        |_, _| {},
    );
    let mut call = pin!(call);
    traced!(site!("caller"), assert!(poll(call.as_mut()).is_pending()));
    assert_eq!(current::current(), None);
    traced!(site!("between"), ());
    assert_eq!(poll(call.as_mut()), Poll::Ready(5));
    let spans = capture.spans();
    let parent = named(&spans, "async");
    is_child(named(&spans, "before"), parent);
    is_child(named(&spans, "after"), parent);
    assert_eq!(parent.parent_span_id, named(&spans, "caller").span_context.span_id());
    assert_eq!(named(&spans, "between").parent_span_id, opentelemetry::SpanId::INVALID);
    assert_eq!(attribute(parent, "polls"), Some(Value::I64(2)));
    let ns = |key| match attribute(parent, key) {
        Some(Value::I64(ns)) => ns,
        other => panic!("{key} is {other:?}"),
    };
    let all = parent.end_time.duration_since(parent.start_time).expect("ordered").as_nanos() as i64;
    assert!((ns("busy_ns") + ns("idle_ns") - all).abs() <= 1_000, "{} + {} = {all}", ns("busy_ns"), ns("idle_ns"));
}

#[test]
fn a_future_that_is_dropped_was_cancelled_after_what_it_cancels() {
    let capture = capture();
    let inner = || rt::run(site!("inner"), rt::returns(), async { pause().await }, |_, _| {});
    let outer = || rt::run(site!("outer"), rt::returns(), async move { inner().await }, |_, _| {});
    drop(outer());
    assert!(capture.spans().is_empty(), "never polled, never recorded");
    {
        let mut future = Box::pin(outer());
        assert!(poll(future.as_mut()).is_pending());
    }
    let spans = capture.spans();
    assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["inner", "outer"]);
    for span in &spans {
        assert_eq!(attribute(span, "outcome"), Some("cancelled".into()));
        assert_eq!(span.status, Status::Unset);
        assert_eq!(attribute(span, "polls"), Some(Value::I64(1)));
    }
    is_child(&spans[0], &spans[1]);
}

#[test]
fn a_panic_in_a_poll_is_a_panic_of_the_call() {
    let capture = capture();
    let call = rt::run(
        site!("panics"),
        rt::returns::<()>(),
        async {
            pause().await;
            std::panic::resume_unwind(Box::new(()))
        },
        |_, _| {},
    );
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| finish(call)));
    assert!(caught.is_err());
    assert_eq!(current::current(), None);
    let spans = capture.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(attribute(&spans[0], "outcome"), Some("panic".into()));
}

#[test]
fn built_and_boxed_futures_are_measured_themselves_with_the_attributes_of_their_call() {
    fn built(n: u32) -> impl Future<Output = Result<u32, String>> {
        let site = site!("built", attributes: &["n"]);
        rt::build(
            site,
            rt::returns(),
            move || {
                rt::attributes(site, |w| w.put(&n));
                async move {
                    pause().await;
                    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
                }
            },
            |ret, exit| {
                use rt::Look as _;
                (&&&&&&&&rt::returned(ret)).look()(ret, exit);
            },
        )
    }
    fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        let site = site!("boxed", attributes: &["n"]);
        let building = rt::building(site);
        rt::attributes(site, |w| w.put(&n));
        Box::pin(rt::run_built(building, async move { n }, |_, _| {}))
    }
    fn aliased() -> Pin<Box<dyn Future<Output = u32>>> {
        use rt::ViaBoxFuture as _;
        let returns = rt::returns();
        if let rt::Some(ret) = returns.never() {
            return ret;
        }
        returns.__call(site!("aliased"), || Box::pin(async { 3 }), |_, _| {})
    }
    let capture = capture();
    drop((built(9), boxed(9)));
    assert!(capture.spans().is_empty(), "never polled");
    assert!(finish(built(0)).is_err());
    assert_eq!(finish(built(7)), Ok(7));
    assert_eq!(finish(boxed(8)), 8);
    assert_eq!(finish(aliased()), 3);
    let spans = capture.spans();
    let found: Vec<_> =
        spans.iter().map(|span| (span.name.as_ref(), attribute(span, "n"), attribute(span, "outcome"))).collect();
    let int = |n| Some(Value::I64(n));
    assert_eq!(
        found,
        [
            ("built", int(0), Some("error".into())),
            ("built", int(7), None),
            ("boxed", int(8), None),
            ("aliased", None, None)
        ]
    );
}

#[test]
fn a_stream_ends_with_none_or_is_cancelled() {
    let capture = capture();
    let counted = || rt::build_stream(site!("stream"), rt::returns(), || stream::iter(0..3));
    assert_eq!(finish(counted().collect::<Vec<_>>()), [0, 1, 2]);
    {
        let mut early = Box::pin(counted());
        assert_eq!(finish(early.next()), Some(0));
    }
    drop(counted());
    let spans = capture.spans();
    let found: Vec<_> = spans.iter().map(|span| (attribute(span, "outcome"), attribute(span, "polls"))).collect();
    assert_eq!(found, [(None, Some(Value::I64(4))), (Some("cancelled".into()), Some(Value::I64(1)))]);
}

#[test]
fn a_measured_future_is_at_most_96_bytes_larger() {
    async fn plain(n: u64) -> u64 {
        pause().await;
        n
    }
    async fn measured() -> u64 {
        rt::run(site!("size"), rt::returns(), async move { plain(1).await }, |_, _| {}).await
    }
    async fn bare() -> u64 {
        async move { plain(1).await }.await
    }
    let (with, without) = (size_of_val(&measured()), size_of_val(&bare()));
    assert!(with <= without + 96, "{with} and {without}");
}

#[test]
fn a_future_that_moves_between_threads_keeps_its_attributes_and_its_children() {
    let capture = capture();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().expect("a runtime starts");
    traced!(site!("root"), {
        let here = current::capture();
        runtime.block_on(async {
            let tasks = (0..50).map(|i: i64| {
                let site = site!("task", attributes: &["i"]);
                let call = rt::run(
                    site,
                    rt::returns(),
                    async move {
                        rt::attributes(site, |w| w.put(&i));
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        current::set_attribute("late", &i);
                        tokio::task::yield_now().await;
                        traced!(site!("leaf"), ());
                    },
                    |_, _| {},
                );
                tokio::spawn(here.clone().in_future(call))
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.expect("no panic");
            }
        });
    });
    let spans = capture.spans();
    let root = named(&spans, "root");
    let tasks: Vec<_> = spans.iter().filter(|span| span.name == "task").collect();
    assert_eq!(tasks.len(), 50);
    for task in &tasks {
        is_child(task, root);
        assert!(attribute(task, "i").is_some());
        assert_eq!(attribute(task, "i"), attribute(task, "late"));
        let id = task.span_context.span_id();
        assert_eq!(spans.iter().filter(|span| span.parent_span_id == id).count(), 1);
    }
}
