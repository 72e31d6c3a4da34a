use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceState},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor},
};

use super::{alone, attribute, named, site, soon, traced};
use crate::{
    __private as rt,
    config::{KeepConfig, SamplerConfig, SiteMode},
    record::{current, meta::Keep},
};

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_ref()).collect()
}

#[test]
fn an_unsampled_trace_records_nothing_but_has_ids() {
    let alone = alone(|options| options.traces.sampler = SamplerConfig::AlwaysOff);
    let (outer, inner) = traced!(site!("root"), {
        let outer = current::current().expect("ids for logs and others");
        (outer, traced!(site!("child"), current::current()).expect("the same"))
    });
    assert!(!outer.sampled);
    assert_eq!(outer.trace, inner.trace);
    assert!(alone.handle.flush(soon()));
    assert!(alone.exported.all().is_empty());
    assert_eq!(current::current(), None);
}

#[test]
fn the_tail_decision_keeps_traces_with_errors_whole_and_marks_them() {
    let alone = alone(|options| {
        options.traces.sampler = SamplerConfig::ParentBased(Box::new(SamplerConfig::Ratio(0.0)));
        options.traces.keep = KeepConfig { errors: true, slow: None };
    });
    traced!(site!("fine"), traced!(site!("fine child"), ()));
    traced!(site!("bad"), {
        traced!(site!("good child"), ());
        _ = traced!(site!("bad child"), Err::<(), _>("no"));
    });
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(names(&spans), ["good child", "bad child", "bad"]);
    assert!(spans.iter().all(|span| span.span_context.is_sampled()));
    assert_eq!(attribute(named(&spans, "bad"), "acme.sampling.reason"), Some("error".into()));
    let counts = alone.handle.counts(soon()).expect("nobody holds it");
    assert_eq!((counts.ended, counts.exported, counts.sampled), (5, 3, 2));
}

#[test]
fn a_call_site_may_keep_and_sample_for_itself() {
    let alone = alone(|options| {
        options.traces.sampler = SamplerConfig::ParentBased(Box::new(SamplerConfig::Ratio(1.0)));
    });
    traced!(site!("never", sample: Some(0.0)), traced!(site!("below never"), ()));
    traced!(site!("kept", sample: Some(0.0), keep: Keep { error: false, slow_ns: 1 }), ());
    traced!(site!("parent"), {
        traced!(site!("left out", sample: Some(0.0)), traced!(site!("below left out"), ()));
        traced!(site!("sibling"), ());
    });
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(names(&spans), ["kept", "sibling", "parent"]);
    assert_eq!(attribute(&spans[0], "acme.sampling.reason"), Some("slow".into()));
}

#[test]
fn patterns_switch_call_sites_at_run_time() {
    let alone = alone(|options| {
        options.traces.sites =
            vec![("acme.off.*".to_owned(), SiteMode::Off), ("*metrics*".to_owned(), SiteMode::Metrics)];
    });
    traced!(site!("acme.on.work"), {
        traced!(site!("acme.off.work"), traced!(site!("below"), ()));
        traced!(site!("acme.metrics.work"), ());
    });
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(names(&spans), ["below", "acme.on.work"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
}

#[test]
fn a_cap_bounds_the_traces_of_a_second() {
    let alone = alone(|options| options.traces.traces_per_second = 5);
    for _ in 0..100 {
        traced!(site!("root"), traced!(site!("child"), ()));
    }
    assert!(alone.handle.flush(soon()));
    let roots = alone.exported.all().iter().filter(|span| span.name == "root").count();
    // The loop may cross into the next second.
    assert!((5..=10).contains(&roots), "{roots}");
}

/// A sampler that somebody else wrote.
#[derive(Clone, Debug)]
struct Picky(Arc<Mutex<Vec<String>>>);

impl ShouldSample for Picky {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        assert!(parent.is_none());
        self.0.lock().expect("no panic").push(name.to_owned());
        let decision = if name == "wanted" { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let attributes = vec![KeyValue::new("picked", true)];
        let trace_state = TraceState::from_key_value([("picky", "1")]).expect("valid");
        SamplingResult { decision, attributes, trace_state }
    }
}

/// A processor that somebody else wrote.
#[derive(Debug)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl SpanProcessor for Listener {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, span: SpanData) {
        self.0.lock().expect("no panic").push(span.name.to_string());
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn foreign_samplers_are_asked_at_roots_and_foreign_processors_see_every_end() {
    let (asked, seen) = (Arc::default(), Arc::default());
    let alone = alone(|options| {
        options.sampler = Some(Box::new(Picky(Arc::clone(&asked))));
        options.processors.push(Box::new(Listener(Arc::clone(&seen))));
    });
    traced!(site!("wanted"), traced!(site!("child"), ()));
    traced!(site!("unwanted"), traced!(site!("child of unwanted"), ()));
    assert!(alone.handle.flush(soon()));
    assert_eq!(*asked.lock().expect("no panic"), ["wanted", "unwanted"]);
    assert_eq!(*seen.lock().expect("no panic"), ["child", "wanted"]);
    let spans = alone.exported.all();
    assert_eq!(attribute(named(&spans, "wanted"), "picked"), Some(true.into()));
    for span in &spans {
        assert_eq!(span.span_context.trace_state().get("picky"), Some("1"), "{}", span.name);
    }
}

#[test]
fn probability_sampling_writes_its_threshold_into_the_trace_state() {
    let alone = alone(|options| options.traces.sampler = SamplerConfig::Probability(0.5));
    for _ in 0..64 {
        traced!(site!("root"), traced!(site!("child"), ()));
    }
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert!((20..108).contains(&spans.len()), "{}", spans.len());
    assert!(spans.iter().all(|span| span.span_context.trace_state().get("ot") == Some("th:8")));
}

#[test]
fn spans_that_are_open_at_the_end_are_ended_as_unfinished() {
    let alone = alone(|_| {});
    let exported = alone.exported.clone();
    let guard = rt::enter(site!("endless", attributes: &["n"]));
    rt::attributes(site!("not this one"), |_| unreachable!("another call site"));
    let counts = alone.handle.shutdown(soon());
    drop(guard);
    assert_eq!((counts.unfinished, counts.exported), (1, 1));
    let spans = exported.all();
    assert_eq!(attribute(&spans[0], "unfinished"), Some(true.into()));
    traced!(site!("too late"), ());
    assert_eq!(current::current(), None);
}

#[test]
fn a_watched_call_is_marked_when_it_takes_too_long() {
    let alone = alone(|_| {});
    let site = site!("slow", slow_ns: 1_000_000);
    let deadline = soon();
    traced!(site, {
        while !alone.handle.has_reported() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
    });
    traced!(site!("fast", slow_ns: 60_000_000_000), ());
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(attribute(named(&spans, "slow"), "slow"), Some(true.into()));
    assert_eq!(attribute(named(&spans, "fast"), "slow"), None);
}

#[test]
fn limits_cut_and_count() {
    let alone = alone(|options| {
        options.traces.limits.attributes = 3;
        options.traces.limits.events = 1;
    });
    traced!(site!("much"), {
        for key in ["a", "b", "c", "d"] {
            current::set_attribute(key, key);
        }
        current::add_event("one", Vec::new());
        current::add_event("two", Vec::new());
    });
    assert!(alone.handle.flush(soon()));
    let spans = alone.exported.all();
    assert_eq!(spans[0].attributes.len(), 3);
    assert_eq!(spans[0].dropped_attributes_count, 4, "one given, three of the runtime's own");
    assert_eq!((spans[0].events.len(), spans[0].events.dropped_count), (1, 1));
    assert_eq!(alone.handle.counts(soon()).expect("nobody holds it").cut, 5);
}
