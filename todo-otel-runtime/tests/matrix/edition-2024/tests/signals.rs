//! Span, metric and log of one call, for each way out of it: the same outcome, the same class of error, the same ids.

use std::panic::catch_unwind;

use opentelemetry::trace::Status;
use todo_otel_runtime::{
    ErrorClass, red_metrics,
    testing::{Capture, CapturedLog, capture},
    traced,
};

#[derive(Debug, ErrorClass)]
enum Failure {
    #[error_class("broken")]
    Broken,
    #[error_class("not_found", expected)]
    Missing,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it did not work")
    }
}

impl std::error::Error for Failure {}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Value,
    EarlyReturn,
    Broken,
    QuestionMark,
    Missing,
    Panic,
    Cancelled,
}

fn inner(way: Way) -> Result<u32, Failure> {
    if way == Way::QuestionMark { Err(Failure::Broken) } else { Ok(1) }
}

#[traced(name = "signals.sync", log)]
#[red_metrics(name = "signals.sync")]
fn sync(way: Way) -> Result<u32, Failure> {
    if way == Way::EarlyReturn {
        return Ok(7);
    }
    let one = inner(way)?;
    match way {
        Way::Broken => Err(Failure::Broken),
        Way::Missing => Err(Failure::Missing),
        Way::Panic => panic!("out of here"),
        _ => Ok(one),
    }
}

#[traced(name = "signals.async", log)]
#[red_metrics(name = "signals.async")]
async fn asynchronous(way: Way) -> Result<u32, Failure> {
    tokio::task::yield_now().await;
    if way == Way::EarlyReturn {
        return Ok(7);
    }
    let one = inner(way)?;
    match way {
        Way::Broken => Err(Failure::Broken),
        Way::Missing => Err(Failure::Missing),
        Way::Panic => panic!("out of here"),
        Way::Cancelled => std::future::pending().await,
        _ => Ok(one),
    }
}

fn run(way: Way) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut future = Box::pin(asynchronous(way));
        // A third poll never comes: by then every other way has ended.
        for _ in 0..2 {
            if std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await.is_ready() {
                break;
            }
        }
    });
}

/// What is expected of all three signals.
struct Expected {
    outcome: &'static str,
    class: Option<&'static str>,
    /// Level of the event that tells what went wrong.
    told: Option<&'static str>,
}

#[track_caller]
fn agree(seen: &Capture, name: &str, expected: &Expected) {
    let Expected { outcome, class, told } = expected;
    let failed = matches!(*outcome, "error" | "panic");

    let spans = seen.spans();
    let [span] = &spans[..] else { panic!("one span: {spans:?}") };
    let attribute =
        |key: &str| span.attributes.iter().find(|a| a.key.as_str() == key).map(|a| a.value.as_str().into_owned());
    assert_eq!(span.name, name);
    assert_eq!(attribute("outcome").as_deref(), (*outcome != "ok").then_some(*outcome), "span");
    assert_eq!(attribute("error.type").as_deref(), *class, "span");
    assert_eq!(matches!(span.status, Status::Error { .. }), failed, "span");

    let lines = seen.metrics_text();
    // An expected error is none in the metrics.
    let with_class = class.filter(|_| failed).map_or(String::new(), |class| format!("error.type={class}, "));
    let mut wanted = vec![
        format!("{name}.calls{{outcome={outcome}}} 1"),
        format!("{name}.duration{{{with_class}outcome={outcome}}} n=1"),
    ];
    if failed {
        wanted.push(format!("{name}.errors{{error.type={}}} 1", class.unwrap_or_default()));
    }
    assert_eq!(lines.lines().collect::<Vec<_>>(), wanted, "metrics");

    let logs = seen.logs();
    let ids = (Some(span.span_context.trace_id().to_string()), Some(span.span_context.span_id().to_string()));
    for log in &logs {
        assert_eq!((log.trace_id.clone(), log.span_id.clone()), ids, "{log:?}");
    }
    let says = |log: &CapturedLog, key: &str| log.attributes.get(key).cloned();
    let [end] = &logs.iter().filter(|log| log.attributes.contains_key("outcome")).collect::<Vec<_>>()[..] else {
        panic!("one event says how it ended: {logs:?}")
    };
    assert_eq!(says(end, "outcome").as_deref(), Some(*outcome), "log");
    assert_eq!(says(end, "error.type").as_deref(), *class, "log");
    let begin = logs.iter().filter(|log| log.message.ends_with(" begin")).count();
    assert_eq!(begin, 1, "{logs:?}");
    let about: Vec<_> =
        logs.iter().filter(|log| !log.attributes.contains_key("outcome") && !log.message.ends_with(" begin")).collect();
    assert_eq!(about.iter().map(|log| log.level.as_str()).collect::<Vec<_>>(), told.as_slice(), "{logs:?}");
    for log in about.iter().filter(|log| log.attributes.contains_key("error.type")) {
        assert_eq!(says(log, "error.type").as_deref(), *class, "log");
    }
}

#[test]
fn span_metric_and_log_agree_whichever_way_a_call_ends() {
    let ways = [
        (Way::Value, Expected { outcome: "ok", class: None, told: None }),
        (Way::EarlyReturn, Expected { outcome: "ok", class: None, told: None }),
        (Way::Broken, Expected { outcome: "error", class: Some("broken"), told: Some("ERROR") }),
        (Way::QuestionMark, Expected { outcome: "error", class: Some("broken"), told: Some("ERROR") }),
        (Way::Missing, Expected { outcome: "expected", class: Some("not_found"), told: Some("DEBUG") }),
        // The ERROR of a panic is written by the panic hook that `init` installs, where the panic begins.
        (Way::Panic, Expected { outcome: "panic", class: Some("panic"), told: None }),
        (Way::Cancelled, Expected { outcome: "cancelled", class: None, told: Some("DEBUG") }),
    ];
    for (way, expected) in &ways {
        if *way != Way::Cancelled {
            let seen = capture();
            let _ = catch_unwind(|| sync(*way));
            agree(&seen, "signals.sync", expected);
        }
        let seen = capture();
        let _ = catch_unwind(|| run(*way));
        agree(&seen, "signals.async", expected);
    }
}
