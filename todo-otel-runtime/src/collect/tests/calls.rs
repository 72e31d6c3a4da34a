#![expect(clippy::needless_borrow, reason = "the number of references decides which trait applies")]

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use opentelemetry::{
    Array, KeyValue, Value,
    trace::{SpanKind, Status},
};

use super::{attribute, capture, is_child, named, site, traced};
use crate::{
    __private as rt,
    record::{current, meta::Kind},
};

#[test]
fn calls_become_spans_that_nest_as_the_calls_do() {
    let capture = capture();
    let result = traced!(site!("outer", kind: Kind::Server), {
        traced!(site!("first"), 1) + traced!(site!("second"), { traced!(site!("inner"), 2) })
    });
    assert_eq!(result, 3);
    let spans = capture.spans();
    assert_eq!(spans.len(), 4);
    let outer = named(&spans, "outer");
    is_child(named(&spans, "first"), outer);
    is_child(named(&spans, "second"), outer);
    is_child(named(&spans, "inner"), named(&spans, "second"));
    assert_eq!(outer.span_kind, SpanKind::Server);
    assert_eq!(outer.status, Status::Unset);
    assert!(outer.span_context.is_valid() && outer.span_context.is_sampled());
    assert_eq!(outer.span_context.trace_flags().to_u8(), 3, "sampled, and the id is random");
    assert_eq!(outer.parent_span_id, opentelemetry::SpanId::INVALID);
    assert_eq!(outer.instrumentation_scope.name(), "acme");
    assert_eq!(outer.instrumentation_scope.version(), Some("1.2.3"));
    assert_eq!(attribute(outer, "code.function.name"), Some("acme::work".into()));
    assert_eq!(attribute(outer, "code.file.path"), Some("src/acme.rs".into()));
    assert_eq!(attribute(outer, "code.line.number"), Some(Value::I64(7)));
    assert_eq!(attribute(outer, "outcome"), None);
}

#[test]
fn roots_begin_traces_of_their_own() {
    let capture = capture();
    traced!(site!("one"), ());
    traced!(site!("two"), { traced!(site!("fresh", root: true), ()) });
    traced!(site!("three"), { traced!(site!("apart", detached: true), ()) });
    let spans = capture.spans();
    let trace = |name| named(&spans, name).span_context.trace_id();
    assert_ne!(trace("one"), trace("two"));
    assert_ne!(trace("two"), trace("fresh"));
    assert_ne!(trace("three"), trace("apart"));
    let links = &named(&spans, "apart").links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].span_context.span_id(), named(&spans, "three").span_context.span_id());
}

#[test]
fn attributes_of_every_type_arrive_as_they_are() {
    let site = site!("typed", attributes: &[
        "bool", "int", "big", "float", "str", "string", "absent", "cow", "ints", "texts", "bools", "floats",
        "display", "debug", "redacted", "len", "cut", "char"
    ], outputs: &["count"]);
    let capture = capture();
    let found = rt::call(
        site,
        rt::returns(),
        || {
            rt::attributes(site, |w| {
                w.put(&true);
                w.put(&-7i32);
                w.put(&u64::MAX);
                w.put(&0.5f32);
                w.put("héllo wörld");
                w.put(&String::from("owned"));
                w.put(&None::<i64>);
                w.put(&Some(std::borrow::Cow::Borrowed("cow")));
                w.put(&[1i64, -2]);
                w.put(&vec!["a", "", "ß"]);
                w.put(&[true, false][..]);
                w.put(&vec![1.5f64]);
                w.put(&rt::display(&std::net::Ipv4Addr::LOCALHOST));
                w.put(&rt::debug(&Some(1)));
                w.put(&rt::redact("secret"));
                w.put(&rt::len("four"));
                w.put(rt::truncate(2, "ßßß"));
                w.put(&'x');
            });
            vec![1, 2, 3]
        },
        |found, exit| exit.output(0, &found.len()),
    );
    assert_eq!(found.len(), 3);
    let spans = capture.spans();
    let typed = named(&spans, "typed");
    let expect = |key: &'static str, value: Value| assert_eq!(attribute(typed, key), Some(value), "{key}");
    expect("bool", true.into());
    expect("int", (-7).into());
    expect("big", u64::MAX.to_string().into());
    expect("float", 0.5.into());
    expect("str", "héllo wörld".into());
    expect("string", "owned".into());
    assert_eq!(attribute(typed, "absent"), None);
    expect("cow", "cow".into());
    expect("ints", Value::Array(Array::I64(vec![1, -2])));
    expect("texts", Value::Array(Array::String(vec!["a".into(), "".into(), "ß".into()])));
    expect("bools", Value::Array(Array::Bool(vec![true, false])));
    expect("floats", Value::Array(Array::F64(vec![1.5])));
    expect("display", "127.0.0.1".into());
    expect("debug", "Some(1)".into());
    expect("redacted", "[redacted]".into());
    expect("len", 4.into());
    expect("cut", "ßß".into());
    expect("char", "x".into());
    expect("count", 3.into());
}

#[test]
fn attributes_belong_to_the_call_that_names_them_even_when_naming_calls_others() {
    fn number(depth: u64) -> u64 {
        let site = site!("recursive", attributes: &["below", "depth"]);
        rt::call(
            site,
            rt::returns(),
            || {
                rt::attributes(site, |w| {
                    w.put(&if depth > 0 { Some(number(depth - 1)) } else { None });
                    w.put(&depth);
                });
                depth
            },
            |_, _| {},
        )
    }
    let capture = capture();
    number(2);
    let spans = capture.spans();
    let found: Vec<_> = spans.iter().map(|span| (attribute(span, "below"), attribute(span, "depth"))).collect();
    let int = |n| Some(Value::I64(n));
    assert_eq!(found, [(None, int(0)), (int(0), int(1)), (int(1), int(2))]);
}

#[derive(Debug)]
struct NotFound;

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such todo")
    }
}

impl std::error::Error for NotFound {}

#[derive(Debug)]
struct Classed(bool);

impl fmt::Display for Classed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("classed")
    }
}

impl std::error::Error for Classed {}

impl rt::ErrorClass for Classed {
    fn class(&self) -> &'static str {
        "not_found"
    }
    fn expected(&self) -> bool {
        self.0
    }
}

#[test]
fn an_error_is_told_by_the_best_that_its_type_can_say() {
    let capture = capture();
    let site = |name: &'static str| {
        let found = match name {
            "error" => site!("error"),
            "classed" => site!("classed"),
            "expected" => site!("expected"),
            "text" => site!("text"),
            "boxed" => site!("boxed"),
            "unit" => site!("unit"),
            _ => site!("none"),
        };
        assert_eq!(found.meta().name, name);
        found
    };
    _ = traced!(site("error"), Err::<(), _>(NotFound));
    _ = traced!(site("classed"), Err::<(), _>(Classed(false)));
    _ = traced!(site("expected"), Err::<(), _>(Classed(true)));
    _ = traced!(site("text"), Err::<(), _>("just words".to_owned()));
    _ = traced!(site("boxed"), Err::<(), Box<dyn std::error::Error + Send + Sync>>(NotFound.into()));
    _ = traced!(site("unit"), Err::<(), ()>(()));
    _ = traced!(site("none"), None::<u8>);
    let spans = capture.spans();
    let told = |name: &str| {
        let span = named(&spans, name);
        (span.status.clone(), attribute(span, "error.type"), attribute(span, "outcome"))
    };
    let text = |text: &'static str| Some(Value::from(text));
    let class = text("todo_otel_runtime::collect::tests::calls::NotFound");
    assert_eq!(told("error"), (Status::error("no such todo"), class, text("error")));
    assert_eq!(told("classed"), (Status::error("classed"), text("not_found"), text("error")));
    assert_eq!(told("expected"), (Status::Unset, text("not_found"), text("expected")));
    assert_eq!(told("text"), (Status::error("just words"), text("_OTHER"), text("error")));
    assert_eq!(told("boxed"), (Status::error("no such todo"), text("_OTHER"), text("error")));
    assert_eq!(told("unit"), (Status::error(""), text("_OTHER"), text("error")));
    assert_eq!(told("none"), (Status::Unset, None, None));
}

#[test]
fn what_a_signal_ended_is_cancelled_with_a_class_and_the_status_of_its_exit_code() {
    #[derive(Debug)]
    struct Interrupted(u8);
    impl std::fmt::Display for Interrupted {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("interrupted")
        }
    }
    impl std::error::Error for Interrupted {}
    impl crate::ErrorClass for Interrupted {
        fn class(&self) -> &'static str {
            "interrupted"
        }
        fn exit_code(&self) -> Option<u8> {
            Some(self.0)
        }
    }
    let capture = capture();
    _ = traced!(site!("by-signal"), Err::<(), _>(Interrupted(130)));
    _ = traced!(site!("by-itself"), Err::<(), _>(Interrupted(1)));
    let spans = capture.spans();
    for (name, outcome) in [("by-signal", "cancelled"), ("by-itself", "error")] {
        let span = named(&spans, name);
        assert!(matches!(span.status, Status::Error { .. }), "{name}");
        assert_eq!(attribute(span, "outcome"), Some(outcome.into()), "{name}");
        assert_eq!(attribute(span, "error.type"), Some("interrupted".into()), "{name}");
    }
}

#[test]
fn a_panic_ends_every_span_it_unwinds_through_and_no_other() {
    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            assert_eq!(traced!(site!("cleanup"), 5), 5);
        }
    }
    let capture = capture();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        traced!(site!("outer"), {
            let _cleanup = OnDrop;
            traced!(site!("inner"), {
                // Without the hook's output.
                let boom: fn() = || std::panic::resume_unwind(Box::new("boom"));
                boom()
            })
        })
    }));
    assert!(caught.is_err());
    traced!(site!("after"), ());
    let spans = capture.spans();
    for name in ["inner", "outer"] {
        let span = named(&spans, name);
        assert!(matches!(span.status, Status::Error { .. }), "{name}");
        assert_eq!(attribute(span, "error.type"), Some("panic".into()));
        assert_eq!(attribute(span, "outcome"), Some("panic".into()));
    }
    assert_eq!(attribute(named(&spans, "cleanup"), "outcome"), None);
    is_child(named(&spans, "cleanup"), named(&spans, "outer"));
    assert_eq!(named(&spans, "after").parent_span_id, opentelemetry::SpanId::INVALID, "nothing is left current");
}

#[test]
fn guards_measure_bodies_without_a_closure() {
    let capture = capture();
    let guarded = |fail: bool| {
        let guard = rt::enter(site!("guarded"));
        traced!(site!("within"), ());
        rt::leave(guard, if fail { Err("no") } else { Ok(1) }, |ret, exit| {
            use rt::Look as _;
            (&&&&&&&&rt::returned(ret)).look()(ret, exit);
        })
    };
    assert!(guarded(false).is_ok());
    assert!(guarded(true).is_err());
    drop(rt::enter(site!("dropped")));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guard = rt::enter(site!("unwound"));
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(unwound.is_err());
    let spans = capture.spans();
    let guarded: Vec<_> = spans.iter().filter(|span| span.name == "guarded").collect();
    assert_eq!(guarded[0].status, Status::Unset);
    assert_eq!(guarded[1].status, Status::error("no"));
    is_child(spans.iter().find(|span| span.name == "within").expect("recorded"), guarded[0]);
    assert_eq!(attribute(named(&spans, "dropped"), "outcome"), None);
    assert_eq!(attribute(named(&spans, "unwound"), "outcome"), Some("panic".into()));
}

#[test]
fn the_current_span_takes_attributes_events_and_links() {
    let capture = capture();
    assert_eq!(current::current(), None);
    current::set_attribute("nobody", "listens");
    let ids = traced!(site!("other"), current::current()).expect("inside of a span");
    let other = opentelemetry::trace::SpanContext::new(
        ids.trace.into(),
        ids.span.into(),
        opentelemetry::TraceFlags::SAMPLED,
        false,
        opentelemetry::trace::TraceState::NONE,
    );
    traced!(site!("rich", attributes: &["static"]), {
        current::set_attribute("text", "first");
        current::set_attribute("number", &7);
        current::set_attribute("text", "last");
        current::add_event("happened", vec![KeyValue::new("how", "well")]);
        current::add_link(&other);
    });
    let spans = capture.spans();
    let rich = named(&spans, "rich");
    assert_eq!(attribute(rich, "text"), Some("last".into()));
    assert_eq!(attribute(rich, "number"), Some(Value::I64(7)));
    assert_eq!(rich.attributes.iter().filter(|pair| pair.key.as_str() == "text").count(), 1);
    assert_eq!(rich.events[0].name, "happened");
    assert_eq!(rich.events[0].attributes, [KeyValue::new("how", "well")]);
    assert!(rich.events[0].timestamp >= rich.start_time && rich.events[0].timestamp <= rich.end_time);
    assert_eq!(rich.links[0].span_context, other);
}

#[test]
fn parent_links_and_baggage_can_be_given() {
    use opentelemetry::baggage::BaggageExt as _;
    let capture = capture();
    let given = traced!(site!("giver"), current::capture());
    let site = site!("taker");
    let start = rt::Start::new(site).parent(&given).link(&given).baggage("todo.list", &42);
    let seen = rt::call_with(
        start,
        rt::returns(),
        || opentelemetry::Context::current().baggage().get("todo.list").map(ToString::to_string),
        |_, _| {},
    );
    assert_eq!(seen.as_deref(), Some("42"));
    assert!(opentelemetry::Context::current().baggage().is_empty(), "nothing is left in place");
    let spans = capture.spans();
    let (giver, taker) = (named(&spans, "giver"), named(&spans, "taker"));
    assert_eq!(taker.parent_span_id, giver.span_context.span_id());
    assert_eq!(taker.span_context.trace_id(), giver.span_context.trace_id());
    assert_eq!(taker.links[0].span_context.span_id(), giver.span_context.span_id());
}

#[test]
fn what_is_too_long_is_cut_at_a_character_and_marked() {
    let capture = capture();
    let long = "ß".repeat(5000);
    traced!(site!("long"), current::set_attribute("long", &long));
    let spans = capture.spans();
    let Some(Value::String(text)) = attribute(named(&spans, "long"), "long") else { panic!("it is a string") };
    assert_eq!(text.as_str().chars().count(), 4096);
    assert!(text.as_str().ends_with("ß…"));
}
