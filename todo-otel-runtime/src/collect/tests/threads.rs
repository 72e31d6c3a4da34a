use std::{cell::RefCell, sync::mpsc, thread};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use super::{alone, capture, is_child, named, site, soon, traced};
use crate::record::{current, local, ring};

#[test]
fn a_captured_span_is_the_parent_on_another_thread() {
    let capture = capture();
    traced!(site!("root"), {
        let here = current::capture();
        let tag = here.clone();
        thread::spawn(move || {
            traced!(site!("unrelated"), ());
            tag.in_scope(|| traced!(site!("worker"), ()));
            assert_eq!(current::current(), None);
        })
        .join()
        .expect("no panic");
    });
    let spans = capture.spans();
    is_child(named(&spans, "worker"), named(&spans, "root"));
    assert_eq!(spans.len(), 2, "a thread inherits nothing by itself");
}

#[test]
fn what_a_thread_recorded_before_it_ended_is_not_lost_and_its_ring_is_freed() {
    let alone = alone(|_| {});
    for _ in 0..20 {
        thread::spawn(|| traced!(site!("short-lived"), ())).join().expect("no panic");
    }
    assert!(alone.handle.flush(soon()));
    assert_eq!(alone.exported.all().iter().filter(|span| span.name == "short-lived").count(), 20);
    let closed = local::rings().iter().filter(|ring| ring.is_closed()).count();
    assert_eq!(closed, 0, "rings of ended threads are given up");
}

#[test]
fn a_full_ring_drops_spans_and_counts_each() {
    let alone = alone(|options| options.traces.max_export_batch_size = 1 << 20);
    let before = alone.handle.counts(soon()).expect("nobody holds it");
    // The thread of the collector is kept away, as on a machine that is too busy.
    let spans = 3 * ring::WORDS / 8;
    let blocked = alone.handle.hold();
    thread::spawn(move || {
        traced!(site!("root"), {
            for _ in 0..spans {
                traced!(site!("many"), ());
            }
        });
    })
    .join()
    .expect("no panic");
    drop(blocked);
    assert!(alone.handle.flush(soon()));
    let counts = alone.handle.counts(soon()).expect("nobody holds it");
    let delivered = alone.exported.all().len() as u64;
    assert_eq!(counts.exported, delivered);
    assert_eq!(counts.ended - before.ended, spans + 1);
    assert_eq!(delivered + counts.queue_full, spans + 1);
    assert!(counts.queue_full > 0 && delivered > 0);
}

#[test]
fn recording_from_the_destructor_of_a_thread_local_does_no_harm() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            traced!(site!("goodbye"), traced!(site!("inner goodbye"), ()));
            current::set_attribute("late", "word");
            current::capture().in_scope(|| ());
        }
    }
    thread_local!(static EARLY: RefCell<Option<Late>> = const { RefCell::new(None) });
    let alone = alone(|_| {});
    // The destructor runs after ours, before ours, and on a thread that never recorded.
    thread::spawn(|| {
        EARLY.with(|late| late.replace(Some(Late)));
        traced!(site!("ordinary"), ());
    })
    .join()
    .expect("no panic");
    thread::spawn(|| {
        traced!(site!("ordinary"), ());
        EARLY.with(|late| late.replace(Some(Late)));
    })
    .join()
    .expect("no panic");
    thread::spawn(|| drop(EARLY.with(|late| late.replace(Some(Late))))).join().expect("no panic");
    assert!(alone.handle.flush(soon()));
    let counts = alone.handle.counts(soon()).expect("nobody holds it");
    assert_eq!(counts.ended, 8);
    assert_eq!(counts.exported + counts.queue_full, 8);
}

/// An exporter that is instrumented itself.
#[derive(Debug)]
struct Recursive(mpsc::Sender<usize>);

impl SpanExporter for Recursive {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        traced!(site!("inside of the exporter"), current::add_event("sending", Vec::new()));
        _ = self.0.send(batch.len());
        Ok(())
    }
}

/// An exporter that panics.
#[derive(Debug)]
struct Broken;

impl SpanExporter for Broken {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        std::panic::resume_unwind(Box::new("broken"))
    }
}

#[test]
fn an_exporter_may_be_instrumented_and_may_panic() {
    let (send, receive) = mpsc::channel();
    let alone = alone(|options| {
        options.exporters.insert(0, super::super::Exporter::direct(Broken));
        options.exporters.push(super::super::Exporter::threaded(Recursive(send), 1000));
    });
    traced!(site!("work"), ());
    assert!(!alone.handle.flush(soon()) || alone.handle.flush(soon()));
    assert_eq!(receive.recv(), Ok(1));
    let counts = alone.handle.counts(soon()).expect("nobody holds it");
    assert!(counts.panicked >= 1);
    assert!(alone.exported.all().iter().any(|span| span.name == "work"), "the others got theirs");
}

#[cfg(unix)]
#[test]
fn a_forked_child_records_nothing_and_its_parent_goes_on() {
    unsafe extern "C" {
        fn fork() -> i32;
        fn _exit(code: i32) -> !;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    }
    let alone = alone(|_| {});
    traced!(site!("before"), ());
    // SAFETY: the child only makes calls that are switched off and leaves by `_exit`.
    let child = unsafe { fork() };
    if child == 0 {
        let known = traced!(site!("in the child"), current::current().is_none());
        let below = traced!(site!("registered in the child"), current::current().is_none());
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { _exit(if known && below { 7 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place; the child is ours.
    assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
    assert_eq!(status >> 8, 7, "the child saw no span");
    traced!(site!("after"), ());
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["before", "after"]);
}
