//! Every signature of the matrix, with each attribute and with all of them, in the edition of the package that includes
//! this file.

mod case;
mod drop_order;

use case::{Case, NAP};
use todo_otel_runtime::testing::{capture, Capture};

macro_rules! under {
    ($($attribute:ident)*) => {$(
        #[path = "."]
        mod $attribute {
            use matrix_attr::$attribute as measured;
            #[path = "signatures/calls.rs"]
            pub mod calls;
            #[path = "signatures/arguments.rs"]
            pub mod arguments;
            #[path = "signatures/futures.rs"]
            pub mod futures;
            #[path = "signatures/traits.rs"]
            pub mod traits;
            #[path = "signatures/surroundings.rs"]
            pub mod surroundings;
            pub fn cases() -> Vec<super::Case> {
                [calls::cases(), arguments::cases(), futures::cases(), traits::cases(), surroundings::cases()]
                    .into_iter().flatten().collect()
            }
        }
    )*};
}
under!(plain traced red_metrics db_span stacked);

/// What one kind of attribute must record about a call.
struct Records {
    span: bool,
    client: bool,
    /// Name of the metric with one value per call, behind the function's own name.
    metrics: &'static [&'static str],
}

#[todo_otel_runtime::traced]
fn surrounding(run: fn()) {
    run();
}

thread_local!(static RUNNING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });

/// A panic inside of a case is part of its story.
fn silence_panics_of_cases() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !RUNNING.get() {
                usual(panic);
            }
        }));
    });
}

#[track_caller]
fn check_all(cases: &[Case], records: &Records) {
    silence_panics_of_cases();
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| check(case, records).err().map(|e| format!("{}: {e}", case.name))).collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 200, "the matrix has shrunk to {}", cases.len());
}

fn check(case: &Case, records: &Records) -> Result<(), String> {
    let seen = capture();
    RUNNING.set(true);
    let unwound = std::panic::catch_unwind(|| surrounding(case.run));
    RUNNING.set(false);
    let failed = matches!(case.outcome, "error" | "panic");
    let panic = unwound.err().map(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("something").to_owned(),
    });
    if panic.is_some() != (case.outcome == "panic") {
        return Err(format!("ended with {:?}", panic.as_deref().unwrap_or("no panic")));
    }
    let spans = seen.spans();
    let parent = spans.iter().find(|span| span.name == "surrounding").ok_or("no surrounding span")?;
    let own: Vec<_> = spans.iter().filter(|span| span.name == case.name).collect();
    expect("number of spans", own.len(), if records.span { case.times } else { 0 })?;
    for span in &own {
        let attribute =
            |key| span.attributes.iter().find(|a| a.key.as_str() == key).map(|a| a.value.as_str().into_owned());
        let took = span.end_time.duration_since(span.start_time).map_err(|e| e.to_string())?;
        expect("outcome", attribute("outcome").unwrap_or_else(|| "ok".into()), case.outcome.to_owned())?;
        expect("error.type", attribute("error.type").is_some(), failed)?;
        expect("kind", span.span_kind == opentelemetry::trace::SpanKind::Client, records.client)?;
        expect("status", matches!(span.status, opentelemetry::trace::Status::Error { .. }), failed)?;
        expect("trace", span.span_context.trace_id(), parent.span_context.trace_id())?;
        let below = own.iter().any(|other| other.span_context.span_id() == span.parent_span_id);
        expect("parent", below || span.parent_span_id == parent.span_context.span_id(), true)?;
        if case.waits && took < NAP {
            return Err(format!("took {took:?}: its construction was measured, not its work"));
        }
    }
    for metric in records.metrics {
        let (name, labels) = match metric.strip_prefix('.') {
            Some(suffix) => (format!("{}.{suffix}", stem(case.name)), vec![("outcome", case.outcome)]),
            None => ((*metric).to_owned(), vec![]),
        };
        let calls = count(&seen, &name, &labels);
        expect(&name, calls, case.times as f64)?;
        if case.waits {
            expect("seconds", seconds(&seen, &name) >= NAP.as_secs_f64() * case.times as f64, true)?;
        }
    }
    if records.metrics.contains(&".duration") {
        let errors = seen.metric(&format!("{}.errors", stem(case.name)), &[]);
        expect("errors", errors, if failed { case.times as f64 } else { 0.0 })?;
    }
    Ok(())
}

fn count(seen: &Capture, name: &str, labels: &[(&str, &str)]) -> f64 {
    seen.metric(name, labels)
}

/// Sum of a histogram.
fn seconds(seen: &Capture, name: &str) -> f64 {
    let snapshot = seen.metrics();
    let metrics = snapshot.scopes.iter().flat_map(|scope| &scope.metrics).filter(|metric| &*metric.name == name);
    metrics
        .map(|metric| match &metric.data {
            todo_otel_runtime::metrics::model::Data::Histogram { points, .. } => points.iter().map(|p| p.sum).sum(),
            _ => f64::INFINITY,
        })
        .sum()
}

/// `BlockAbove::run` as it begins the name of a metric.
fn stem(function: &str) -> String {
    let mut stem = String::new();
    for c in function.replace("::", ".").chars() {
        if c.is_uppercase() && stem.ends_with(char::is_lowercase) {
            stem.push('_');
        }
        stem.extend(c.to_lowercase());
    }
    stem
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {wanted:?}"))
    }
}

#[test]
fn without_an_attribute_nothing_is_recorded() {
    let cases: Vec<Case> = plain::cases().into_iter().map(|case| Case { times: 0, ..case }).collect();
    check_all(&cases, &Records { span: false, client: false, metrics: &[] });
}

#[test]
fn traced_records_a_span() {
    check_all(&traced::cases(), &Records { span: true, client: false, metrics: &[] });
}

#[test]
fn red_metrics_records_calls_errors_and_durations() {
    check_all(&red_metrics::cases(), &Records { span: false, client: false, metrics: &[".calls", ".duration"] });
}

#[test]
fn db_span_records_a_client_span_and_its_duration() {
    check_all(&db_span::cases(), &Records { span: true, client: true, metrics: &["db.client.operation.duration"] });
}

#[test]
fn all_of_them_record_one_call_once() {
    let metrics = &[".calls", ".duration", "db.client.operation.duration"];
    check_all(&stacked::cases(), &Records { span: true, client: true, metrics });
}
