use std::collections::HashMap;

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId, global,
    logs::{LogRecord as _, Logger as _, LoggerProvider as _},
    trace::{FutureExt as _, SpanContext, TraceContextExt as _, TraceState, Tracer as _},
};
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{attribute, capture, is_child, named, site, traced};
use crate::{
    __private as rt, LogCorrelation, TracerProvider,
    record::{current, tracing_layer::span_layer},
};

fn tracer() -> impl opentelemetry::trace::Tracer<Span: Send + Sync + 'static> {
    use opentelemetry::trace::TracerProvider as _;
    TracerProvider.tracer("third-party")
}

fn remote() -> SpanContext {
    let state = TraceState::from_key_value([("vendor", "x")]).expect("valid");
    SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, true, state)
}

#[test]
fn spans_of_the_api_nest_inside_of_ours_and_ours_inside_of_theirs() {
    let capture = capture();
    traced!(site!("ours"), {
        tracer().in_span("theirs", |_| {
            traced!(site!("ours again"), {
                tracer().in_span("theirs again", |context| context.span().set_attribute(KeyValue::new("deep", true)));
                traced!(site!("innermost"), ());
            });
            traced!(site!("sibling"), ());
        });
        traced!(site!("after theirs"), ());
    });
    let spans = capture.spans();
    assert_eq!(spans.len(), 7);
    is_child(named(&spans, "theirs"), named(&spans, "ours"));
    is_child(named(&spans, "ours again"), named(&spans, "theirs"));
    is_child(named(&spans, "theirs again"), named(&spans, "ours again"));
    is_child(named(&spans, "innermost"), named(&spans, "ours again"));
    is_child(named(&spans, "sibling"), named(&spans, "theirs"));
    is_child(named(&spans, "after theirs"), named(&spans, "ours"));
    assert_eq!(attribute(named(&spans, "theirs again"), "deep"), Some(true.into()));
    assert_eq!(named(&spans, "theirs").instrumentation_scope.name(), "third-party");
}

#[test]
fn the_global_tracer_is_ours_and_a_context_chosen_by_hand_is_respected() {
    let capture = capture();
    let chosen = Context::new().with_remote_span_context(remote());
    traced!(site!("ours"), {
        drop(global::tracer("global").start("global child"));
        drop(tracer().start_with_context("elsewhere", &chosen));
    });
    let spans = capture.spans();
    is_child(named(&spans, "global child"), named(&spans, "ours"));
    assert_eq!(named(&spans, "elsewhere").span_context.trace_id(), TraceId::from(7));
    assert!(named(&spans, "elsewhere").parent_span_is_remote);
}

#[test]
fn a_remote_parent_in_the_context_is_the_parent_of_a_root() {
    let capture = capture();
    {
        let _remote = Context::current().with_remote_span_context(remote()).attach();
        traced!(site!("served"), traced!(site!("inside"), ()));
        traced!(site!("not served", root: true), ());
    }
    let spans = capture.spans();
    let served = named(&spans, "served");
    assert_eq!((served.span_context.trace_id(), served.parent_span_id), (TraceId::from(7), SpanId::from(9)));
    assert!(served.parent_span_is_remote);
    assert!(!named(&spans, "inside").parent_span_is_remote);
    is_child(named(&spans, "inside"), served);
    for name in ["served", "inside"] {
        assert_eq!(named(&spans, name).span_context.trace_state().get("vendor"), Some("x"), "{name}");
        assert_eq!(named(&spans, name).span_context.trace_flags(), TraceFlags::SAMPLED, "no random flag was sent");
    }
    assert_ne!(named(&spans, "not served").span_context.trace_id(), TraceId::from(7));
}

#[test]
fn an_unsampled_remote_parent_is_respected_and_handed_on() {
    let _capture = capture();
    let unsampled = SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::default(), true, TraceState::NONE);
    let _remote = Context::current().with_remote_span_context(unsampled).attach();
    let inside = traced!(site!("served"), traced!(site!("inside"), current::current()));
    assert_eq!(inside.map(|ids| (ids.trace, ids.sampled)), Some((7, false)));
}

#[test]
fn attach_gives_a_context_whose_span_works() {
    let capture = capture();
    traced!(site!("attached", attach: true), {
        let context = Context::current();
        assert!(context.span().is_recording());
        assert_eq!(Some(context.span().span_context().clone()), current::current_context());
        context.span().set_attribute(KeyValue::new("through", "context"));
        context.span().add_event("seen", Vec::new());
        traced!(site!("child"), tracer().in_span("theirs", |_| ()));
    });
    assert!(!Context::current().has_active_span());
    let spans = capture.spans();
    let attached = named(&spans, "attached");
    assert_eq!(attribute(attached, "through"), Some("context".into()));
    assert_eq!(attached.events[0].name, "seen");
    is_child(named(&spans, "child"), attached);
    is_child(named(&spans, "theirs"), named(&spans, "child"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn async_calls_keep_their_place_below_spans_of_the_api() {
    let capture = capture();
    let context = Context::current_with_span(tracer().start("theirs"));
    let call = rt::run(
        site!("ours"),
        rt::returns(),
        async {
            tokio::task::yield_now().await;
            traced!(site!("inside"), ());
            let span = tracer().start("theirs inside");
            async {
                tokio::task::yield_now().await;
                traced!(site!("innermost"), ());
            }
            .with_context(Context::current_with_span(span))
            .await;
            traced!(site!("after"), ());
        },
        |_, _| {},
    );
    call.with_context(context).await;
    let spans = capture.spans();
    is_child(named(&spans, "inside"), named(&spans, "ours"));
    is_child(named(&spans, "theirs inside"), named(&spans, "ours"));
    is_child(named(&spans, "innermost"), named(&spans, "theirs inside"));
    is_child(named(&spans, "after"), named(&spans, "ours"));
    assert_eq!(named(&spans, "ours").parent_span_id, named(&spans, "theirs").span_context.span_id());
}

#[test]
fn a_text_map_propagator_sees_the_innermost_span() {
    crate::propagation::install(&crate::Config::for_app("acme", crate::Role::Cli).resolve());
    let _capture = capture();
    let injected = |context: &Context| {
        let mut headers = HashMap::new();
        global::get_text_map_propagator(|propagator| propagator.inject_context(context, &mut headers));
        headers.get("traceparent").cloned().unwrap_or_default()
    };
    let expected = |ids: current::Ids| format!("00-{:032x}-{:016x}-03", ids.trace, ids.span);
    traced!(site!("ours"), {
        let ids = current::current().expect("inside of a span");
        assert_eq!(injected(&Context::current()), expected(ids));
        tracer().in_span("theirs", |context| {
            let theirs = context.span().span_context().span_id();
            assert!(injected(&Context::current()).contains(&theirs.to_string()));
            traced!(site!("ours again"), {
                let ids = current::current().expect("inside of a span");
                assert_ne!(ids.span, u64::from_be_bytes(theirs.to_bytes()));
                assert_eq!(injected(&Context::current()), expected(ids));
            });
        });
    });
}

#[test]
fn log_records_of_an_sdk_logger_carry_our_ids() {
    let capture = capture();
    let exporter = InMemoryLogExporter::default();
    let provider =
        SdkLoggerProvider::builder().with_log_processor(LogCorrelation).with_simple_exporter(exporter.clone()).build();
    let logger = provider.logger("third-party");
    let emit = || {
        let mut record = logger.create_log_record();
        record.set_body("hello".into());
        logger.emit(record);
    };
    emit();
    traced!(site!("logging"), emit());
    let spans = capture.spans();
    let logs = exporter.get_emitted_logs().expect("exported");
    assert!(logs[0].record.trace_context().is_none());
    let stamped = logs[1].record.trace_context().expect("stamped");
    let logging = named(&spans, "logging");
    assert_eq!(stamped.trace_id, logging.span_context.trace_id());
    assert_eq!(stamped.span_id, logging.span_context.span_id());
}

#[test]
fn spans_of_tracing_nest_both_ways() {
    let capture = capture();
    let subscriber = tracing_subscriber::registry().with(span_layer());
    tracing::subscriber::with_default(subscriber, || {
        traced!(site!("ours"), {
            let span = tracing::info_span!("request", method = "GET", status = tracing::field::Empty);
            span.in_scope(|| {
                traced!(site!("handler"), {
                    tracing::info_span!("query", rows = 3).in_scope(|| traced!(site!("innermost"), ()));
                });
                tracing::debug_span!("too much detail").in_scope(|| traced!(site!("still below"), ()));
            });
            span.record("status", 200);
            traced!(site!("after"), ());
        });
        tracing::info_span!("their root").in_scope(|| traced!(site!("below their root"), ()));
    });
    let spans = capture.spans();
    let request = named(&spans, "request");
    is_child(request, named(&spans, "ours"));
    is_child(named(&spans, "handler"), request);
    is_child(named(&spans, "query"), named(&spans, "handler"));
    is_child(named(&spans, "innermost"), named(&spans, "query"));
    is_child(named(&spans, "still below"), request);
    is_child(named(&spans, "after"), named(&spans, "ours"));
    is_child(named(&spans, "below their root"), named(&spans, "their root"));
    assert_eq!(attribute(request, "method"), Some("GET".into()));
    assert_eq!(attribute(request, "status"), Some(200.into()));
    assert_eq!(named(&spans, "query").instrumentation_scope.name(), module_path!());
}

#[test]
fn guards_of_tracing_that_are_dropped_out_of_order_leave_nothing_behind() {
    let capture = capture();
    let subscriber = tracing_subscriber::registry().with(span_layer());
    tracing::subscriber::with_default(subscriber, || {
        let (a, b) = (tracing::info_span!("a"), tracing::info_span!("b"));
        let in_a = a.entered();
        let in_b = b.entered();
        drop(in_a);
        traced!(site!("in b"), ());
        drop(in_b);
        traced!(site!("outside"), ());
        let c = tracing::info_span!("c").entered();
        traced!(site!("leaky"), drop(c));
        assert_eq!(current::current(), None, "a guard that was dropped inside of a call is not current after it");
        traced!(site!("next"), ());
    });
    assert_eq!(current::current(), None);
    let spans = capture.spans();
    assert_eq!(named(&spans, "in b").parent_span_id, named(&spans, "b").span_context.span_id());
    for root in ["outside", "next"] {
        assert_eq!(named(&spans, root).parent_span_id, SpanId::INVALID, "{root}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawned_blocking_and_streaming_work_is_taken_along() {
    use futures::StreamExt as _;
    let capture = capture();
    let call = rt::run(
        site!("request"),
        rt::returns(),
        async {
            let here = current::capture();
            let spawned = tokio::spawn(here.clone().in_future(async { traced!(site!("spawned"), ()) }));
            let blocking = here.clone();
            let blocking = tokio::task::spawn_blocking(move || blocking.in_scope(|| traced!(site!("blocking"), ())));
            let (send, receive) = tokio::sync::mpsc::channel::<(current::Captured, u32)>(4);
            let consumer = tokio::spawn(async move {
                let mut receive = receive;
                while let Some((from, n)) = receive.recv().await {
                    from.in_scope(|| traced!(site!("consumed"), n));
                }
            });
            send.send((here.clone(), 1)).await.expect("it listens");
            drop(send);
            let items = futures::stream::iter(0..2).then(|n| async move { traced!(site!("item"), n) });
            assert_eq!(items.collect::<Vec<_>>().await, [0, 1]);
            spawned.await.expect("no panic");
            blocking.await.expect("no panic");
            consumer.await.expect("no panic");
        },
        |_, _| {},
    );
    call.await;
    let spans = capture.spans();
    let request = named(&spans, "request");
    for name in ["spawned", "blocking", "consumed", "item"] {
        is_child(named(&spans, name), request);
    }
}
