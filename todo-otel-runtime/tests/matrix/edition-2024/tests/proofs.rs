//! What must hold however a call ends: the three signals agree, nothing is left running, nothing is carried out unasked.

use std::{mem::size_of_val, panic::catch_unwind, time::Duration};

use todo_otel_runtime::{
    ErrorClass, db_span, red_metrics,
    testing::{Capture, capture},
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

#[derive(Clone, Copy)]
enum Way {
    Ok,
    Broken,
    Missing,
    Panic,
}

fn leave(way: Way) -> Result<u32, Failure> {
    match way {
        Way::Ok => Ok(1),
        Way::Broken => Err(Failure::Broken),
        Way::Missing => Err(Failure::Missing),
        Way::Panic => panic!("out of here"),
    }
}

#[traced(name = "proof.sync", log)]
#[red_metrics(name = "proof.sync")]
fn sync(way: Way) -> Result<u32, Failure> {
    leave(way)
}

#[traced(name = "proof.async", log)]
#[red_metrics(name = "proof.async")]
async fn asynchronous(way: Way) -> Result<u32, Failure> {
    tokio::task::yield_now().await;
    leave(way)
}

fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// One outcome, three signals.
#[track_caller]
fn agree(seen: &Capture, name: &str, outcome: &str, class: Option<&str>) {
    let spans = seen.spans();
    let [span] = &spans[..] else { panic!("one span: {spans:?}") };
    let attribute =
        |key: &str| span.attributes.iter().find(|a| a.key.as_str() == key).map(|a| a.value.as_str().into_owned());
    assert_eq!(span.name, name);
    assert_eq!(attribute("outcome").as_deref(), (outcome != "ok").then_some(outcome));
    assert_eq!(attribute("error.type").as_deref(), class);
    let failed = matches!(outcome, "error" | "panic");
    assert_eq!(matches!(span.status, opentelemetry::trace::Status::Error { .. }), failed);

    assert_eq!(seen.metric(&format!("{name}.calls"), &[("outcome", outcome)]), 1.0);
    assert_eq!(seen.metric(&format!("{name}.calls"), &[]), 1.0);
    assert_eq!(seen.metric(&format!("{name}.duration"), &[("outcome", outcome)]), 1.0);
    assert_eq!(seen.metric(&format!("{name}.errors"), &[]), f64::from(u8::from(failed)));
    if let Some(class) = class.filter(|_| failed) {
        assert_eq!(seen.metric(&format!("{name}.errors"), &[("error.type", class)]), 1.0);
    }

    let logs = seen.logs();
    let exit = logs.iter().rev().find(|log| log.attributes.iter().any(|(key, _)| key == "outcome"));
    if let Some(exit) = exit {
        let said = exit.attributes.iter().find(|(key, _)| *key == "outcome").map(|(_, value)| value.to_string());
        assert_eq!(said.as_deref(), Some(outcome), "{logs:?}");
    }
}

#[test]
fn the_three_signals_agree_on_every_exit_path_of_a_function() {
    let ways = [
        (Way::Ok, "ok", None),
        (Way::Broken, "error", Some("broken")),
        (Way::Missing, "expected", Some("not_found")),
        (Way::Panic, "panic", Some("panic")),
    ];
    for (way, outcome, class) in ways {
        let seen = capture();
        let _ = catch_unwind(|| sync(way));
        agree(&seen, "proof.sync", outcome, class);
        drop(seen);
        let seen = capture();
        let _ = catch_unwind(|| block(asynchronous(way)));
        agree(&seen, "proof.async", outcome, class);
    }
}

#[test]
fn a_future_dropped_by_select_or_by_a_timeout_was_cancelled() {
    let seen = capture();
    block(async {
        tokio::select! {
            biased;
            _ = asynchronous(Way::Ok) => unreachable!("it waits first"),
            () = std::future::ready(()) => {}
        }
    });
    agree(&seen, "proof.async", "cancelled", None);

    #[traced(name = "proof.slow")]
    #[red_metrics(name = "proof.slow")]
    async fn slow() {
        std::future::pending::<()>().await;
    }
    let seen = capture();
    block(async { assert!(tokio::time::timeout(Duration::from_millis(5), slow()).await.is_err()) });
    agree(&seen, "proof.slow", "cancelled", None);
}

#[test]
fn a_future_that_is_never_polled_leaves_nothing() {
    let seen = capture();
    drop(asynchronous(Way::Ok));
    assert!(seen.spans().is_empty());
    assert_eq!(seen.metric("proof.async.calls", &[]), 0.0);
}

#[test]
fn a_call_inside_of_an_unwinding_thread_is_judged_by_itself() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            assert_eq!(sync(Way::Ok).unwrap(), 1);
        }
    }
    let seen = capture();
    assert!(
        catch_unwind(|| {
            let _cleanup = Cleanup;
            panic!("outer");
        })
        .is_err()
    );
    agree(&seen, "proof.sync", "ok", None);
}

#[test]
fn a_measured_future_is_at_most_96_bytes_larger() {
    async fn plain(text: String, n: [u64; 8]) -> Result<usize, Failure> {
        tokio::task::yield_now().await;
        Ok(text.len() + n.len())
    }
    #[traced(attributes(n = n[0]), output(n = |v| *v))]
    #[red_metrics(name = "proof.size", labels(big = n[0] > 3))]
    #[db_span(system = sqlite, operation = "SELECT", collection = "todos")]
    async fn measured(text: String, n: [u64; 8]) -> Result<usize, Failure> {
        tokio::task::yield_now().await;
        Ok(text.len() + n.len())
    }
    async fn plain_unit() {
        tokio::task::yield_now().await;
    }
    #[traced]
    async fn measured_unit() {
        tokio::task::yield_now().await;
    }
    let unit = (size_of_val(&plain_unit()), size_of_val(&measured_unit()));
    assert!(unit.1 <= unit.0 + 96, "{unit:?}");
    let full = (size_of_val(&plain(String::new(), [0; 8])), size_of_val(&measured(String::new(), [0; 8])));
    assert!(full.1 <= full.0 + 96, "{full:?}");
}

#[test]
fn tests_in_parallel_see_their_own_calls_only() {
    #[traced(name = "proof.parallel", attributes(n = n))]
    #[red_metrics(name = "proof.parallel")]
    fn work(n: u32) {}
    std::thread::scope(|scope| {
        for n in 1..=8 {
            scope.spawn(move || {
                let seen = capture();
                (0..n).for_each(|_| work(n));
                assert_eq!(seen.tree(), format!("proof.parallel {{n={n}}}\n").repeat(n as usize));
                assert_eq!(seen.metric("proof.parallel.calls", &[]), f64::from(n));
            });
        }
    });
}

#[test]
fn nothing_is_carried_out_that_was_not_named() {
    const SECRET: &str = "hunter2-correct-horse";
    #[traced(attributes(text.length = len(text), text.redacted = redact(text), text.hash = hash(text), first = truncate(3, text)), log)]
    #[red_metrics(name = "proof.secret", labels(long = text.len() > 3))]
    fn send(text: &str, other: &str) -> usize {
        text.len() + other.len()
    }
    let seen = capture();
    send(SECRET, SECRET);
    let everything = format!("{:?} {:?} {:?}", seen.spans(), seen.logs(), seen.metrics());
    assert!(!everything.contains(SECRET));
    let spans = seen.spans();
    let keys: Vec<_> = spans[0].attributes.iter().map(|a| a.key.as_str()).collect();
    assert!(["text.length", "text.redacted", "text.hash", "first"].iter().all(|key| keys.contains(key)), "{keys:?}");
}
