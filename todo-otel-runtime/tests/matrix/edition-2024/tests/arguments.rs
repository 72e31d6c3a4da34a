//! What `traced` and `red_metrics` were told about the place in a trace, seen in what a call leaves behind.

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::SpanData;
use todo_otel_runtime::{
    testing::{Capture, capture},
    traced,
};

fn remote() -> SpanContext {
    SpanContext::new(
        TraceId::from(0x1234_5678_1234_5678_1234_5678_1234_5678),
        SpanId::from(0x1234_5678),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    )
}

#[track_caller]
fn span(seen: &Capture, name: &str) -> SpanData {
    let spans = seen.spans();
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let [span] = found[..] else { panic!("one `{name}`: {spans:?}") };
    span.clone()
}

#[traced]
fn child() -> (Option<String>, SpanContext) {
    let context = Context::current();
    (context.baggage().get("place.list").map(ToString::to_string), context.span().span_context().clone())
}

#[traced]
fn outer<R>(call: impl FnOnce() -> R) -> R {
    call()
}

fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn parent_puts_the_call_below_a_span_of_another_process() {
    #[traced(parent = above)]
    fn sync(above: &SpanContext) {
        child();
    }
    #[traced(parent = above)]
    async fn asynchronous(above: SpanContext) {
        tokio::task::yield_now().await;
        child();
    }
    for (name, call) in [("sync", (|| sync(&remote())) as fn()), ("asynchronous", || block(asynchronous(remote())))] {
        let seen = capture();
        outer(call);
        let span = span(&seen, name);
        assert_eq!(span.parent_span_id, remote().span_id());
        assert_eq!(span.span_context.trace_id(), remote().trace_id());
        assert!(span.parent_span_is_remote);
        assert_eq!(self::span(&seen, "child").parent_span_id, span.span_context.span_id());
    }
}

#[test]
fn a_parent_that_is_absent_leaves_the_call_where_it_is() {
    #[traced(parent = above)]
    fn sync(above: Option<SpanContext>) {}
    let seen = capture();
    outer(|| sync(None));
    assert_eq!(span(&seen, "sync").parent_span_id, span(&seen, "outer").span_context.span_id());
}

#[test]
fn link_points_to_another_span_and_changes_no_parent() {
    #[traced(link = other)]
    fn sync(other: &SpanContext) {}
    let seen = capture();
    outer(|| sync(&remote()));
    let linked = span(&seen, "sync");
    assert_eq!(linked.links.iter().map(|link| link.span_context.clone()).collect::<Vec<_>>(), [remote()]);
    assert_eq!(linked.parent_span_id, span(&seen, "outer").span_context.span_id());
}

#[test]
fn root_begins_a_trace_and_detached_links_it_to_the_caller() {
    #[traced(root)]
    fn alone() {}
    #[traced(detached)]
    fn sent_off() -> Option<String> {
        child().0
    }
    #[traced(baggage("place.list" = "inbox"))]
    fn caller() -> Option<String> {
        alone();
        sent_off()
    }
    let seen = capture();
    assert_eq!(caller().as_deref(), Some("inbox"), "baggage is carried over");
    let caller = span(&seen, "caller");
    for name in ["alone", "sent_off"] {
        let own = span(&seen, name);
        assert_eq!(own.parent_span_id, SpanId::INVALID);
        assert_ne!(own.span_context.trace_id(), caller.span_context.trace_id());
    }
    assert_eq!(span(&seen, "alone").links.len(), 0);
    let links = span(&seen, "sent_off").links;
    assert_eq!(
        links.iter().map(|link| link.span_context.span_id()).collect::<Vec<_>>(),
        [caller.span_context.span_id()]
    );
}

#[test]
fn baggage_is_there_for_everything_inside_and_gone_afterwards() {
    #[traced(baggage("place.list" = list))]
    fn sync(list: &str) -> Option<String> {
        child().0
    }
    #[traced(baggage("place.list" = list))]
    async fn asynchronous(list: String) -> Option<String> {
        tokio::task::yield_now().await;
        child().0
    }
    let seen = capture();
    assert_eq!(outer(|| sync("inbox")).as_deref(), Some("inbox"));
    assert_eq!(outer(|| block(asynchronous("inbox".into()))).as_deref(), Some("inbox"));
    assert_eq!(outer(child).0, None);
    drop(seen);
}

#[test]
fn attach_puts_the_span_into_the_current_context() {
    #[traced(attach)]
    fn sync() -> SpanContext {
        Context::current().span().span_context().clone()
    }
    #[traced(attach)]
    async fn asynchronous() -> SpanContext {
        tokio::task::yield_now().await;
        Context::current().span().span_context().clone()
    }
    let seen = capture();
    let (inside, later) = outer(|| (sync(), block(asynchronous())));
    assert_eq!(inside, span(&seen, "sync").span_context);
    assert_eq!(later, span(&seen, "asynchronous").span_context);
    assert!(!Context::current().has_active_span(), "it is taken away again");
}
