//! Where calls meet what is not a call: other threads' schedulers, panic hooks, exporters of the SDK, fresh call sites.

use std::{
    cell::Cell,
    panic,
    sync::{Barrier, mpsc},
};

use opentelemetry::{
    KeyValue,
    trace::{Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::InMemorySpanExporter;
use rayon::prelude::*;

use super::{alone, attribute, capture, is_child, named, site, soon, traced};
use crate::{
    __private as rt,
    record::{callsite::Callsite, current, meta::Meta},
};

#[test]
fn rayon_jobs_are_taken_along() {
    let capture = capture();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
    traced!(site!("request"), {
        let here = current::capture();
        pool.install(|| {
            (0..32).into_par_iter().for_each(|_| here.in_scope(|| traced!(site!("job"), ())));
        });
    });
    let spans = capture.spans();
    let jobs: Vec<_> = spans.iter().filter(|span| span.name == "job").collect();
    assert_eq!(jobs.len(), 32);
    jobs.iter().for_each(|job| is_child(job, named(&spans, "request")));
}

#[test]
fn what_goes_through_a_channel_belongs_to_whoever_sent_it() {
    let capture = capture();
    let (send, receive) = mpsc::channel::<(current::Captured, u32)>();
    let consumer = std::thread::spawn(move || {
        for (from, _) in receive {
            from.in_scope(|| traced!(site!("consumed"), ()));
        }
    });
    for n in 0..3 {
        traced!(site!("sender"), send.send((current::capture(), n)).expect("it listens"));
    }
    drop(send);
    consumer.join().expect("no panic");
    let spans = capture.spans();
    let parents = |name: &str| -> Vec<_> { spans.iter().filter(|span| span.name == name).collect() };
    let (senders, consumed) = (parents("sender"), parents("consumed"));
    assert_eq!((senders.len(), consumed.len()), (3, 3));
    for (sender, consumed) in senders.iter().zip(&consumed) {
        assert_eq!(consumed.parent_span_id, sender.span_context.span_id());
        assert_eq!(consumed.span_context.trace_id(), sender.span_context.trace_id());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_task_links_to_its_spawner() {
    let capture = capture();
    let request = rt::run(
        site!("request"),
        rt::returns(),
        async {
            let task =
                rt::run(site!("task", detached: true), rt::returns(), async { traced!(site!("step"), ()) }, |_, _| {});
            tokio::spawn(current::capture().in_future(task)).await.expect("no panic");
        },
        |_, _| {},
    );
    request.await;
    let spans = capture.spans();
    let (request, task) = (named(&spans, "request"), named(&spans, "task"));
    assert_eq!(task.parent_span_id, SpanId::INVALID);
    assert_ne!(task.span_context.trace_id(), request.span_context.trace_id());
    assert_eq!(task.links.len(), 1);
    assert_eq!(task.links[0].span_context.span_id(), request.span_context.span_id());
    is_child(named(&spans, "step"), task);
}

#[test]
fn an_exporter_of_the_sdk_works_unchanged() {
    let exporter = InMemorySpanExporter::default();
    let alone = alone(|options| options.exporters.push(super::super::Exporter::direct(exporter.clone())));
    traced!(site!("ours"), current::set_attribute("n", &7));
    assert!(alone.handle.flush(soon()));
    let spans = exporter.get_finished_spans().expect("not shut down");
    assert_eq!(attribute(named(&spans, "ours"), "n"), Some(7.into()));
}

#[test]
fn a_panic_hook_may_be_instrumented() {
    thread_local!(static MINE: Cell<bool> = const { Cell::new(false) });
    let alone = alone(|_| {});
    let others = std::sync::Arc::new(panic::take_hook());
    let before = others.clone();
    panic::set_hook(Box::new(move |info| {
        if MINE.get() {
            traced!(site!("hook"), current::add_event("panicked", Vec::new()));
        } else {
            before(info);
        }
    }));
    MINE.set(true);
    let caught =
        panic::catch_unwind(|| traced!(site!("outer"), traced!(site!("falls"), assert!(!MINE.get(), "on purpose"))));
    MINE.set(false);
    panic::set_hook(Box::new(move |info| others(info)));
    assert!(caught.is_err());
    assert_eq!(current::current(), None);
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    is_child(named(&spans, "hook"), named(&spans, "falls"));
    is_child(named(&spans, "falls"), named(&spans, "outer"));
    assert_eq!(attribute(named(&spans, "outer"), "error.type"), Some("panic".into()));
}

#[test]
fn threads_that_meet_at_a_fresh_call_site_all_find_it_switched_on() {
    const THREADS: usize = 4;
    const SITES: usize = 300;
    static META: Meta = super::meta("fresh");
    let _capture = capture();
    let sites: Vec<&'static Callsite> = (0..SITES).map(|_| &*Box::leak(Box::new(Callsite::new(&META)))).collect();
    let barrier = Barrier::new(THREADS);
    let seen: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let look = |site: &&'static Callsite| {
                        barrier.wait();
                        traced!(site, current::current().is_some())
                    };
                    sites.iter().filter(|site| look(site)).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(seen, THREADS * SITES);
}

#[test]
fn attributes_of_a_recursive_call_are_its_own() {
    fn go(depth: i64) {
        let site = site!("recursive", attributes: &["depth"]);
        traced!(site, {
            rt::attributes(site, |writer| writer.put(&depth));
            if depth < 3 {
                go(depth + 1);
            }
        });
    }
    let capture = capture();
    go(0);
    let depths: Vec<_> = capture.spans().iter().map(|span| attribute(span, "depth")).collect();
    assert_eq!(depths, [3, 2, 1, 0].map(|depth: i64| Some(depth.into())));
}

#[test]
fn every_limit_cuts_and_counts() {
    let alone = alone(|options| {
        options.traces.limits.links = 2;
        options.traces.limits.attributes_per_event = 1;
        options.traces.limits.attributes_per_link = 1;
        options.traces.limits.value_length = 8;
    });
    let other = SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, true, TraceState::NONE);
    traced!(site!("much"), {
        let pairs = || vec![KeyValue::new("a", 1), KeyValue::new("b", 2)];
        current::add_event("event", pairs());
        for _ in 0..3 {
            current::add_link(&Link::new(other.clone(), pairs(), 0));
        }
        current::set_attribute("long", "123456789");
        current::set_attribute("short", "12345678");
    });
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    let span = named(&spans, "much");
    assert_eq!((span.links.len(), span.links.dropped_count), (2, 1));
    assert_eq!((span.events[0].attributes.len(), span.events[0].dropped_attributes_count), (1, 1));
    assert!(span.links.iter().all(|link| link.attributes.len() == 1 && link.dropped_attributes_count == 1));
    assert_eq!(attribute(span, "long"), Some("1234567…".into()));
    assert_eq!(attribute(span, "short"), Some("12345678".into()));
    let counts = alone.handle.counts(soon()).expect("nobody holds it");
    // One link, one attribute of the event, two of the links, and the values: the long one and the runtime's own.
    assert!(counts.cut >= 5, "{}", counts.cut);
}
