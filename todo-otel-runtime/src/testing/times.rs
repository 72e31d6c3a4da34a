//! Counted times: the order of what happened, without the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_sdk::trace::SpanData;

const STEP: Duration = Duration::from_millis(1);

/// Gives every start, event and end its place in the order of all of them; spans stay in the order they have.
pub(super) fn count(spans: &mut [SpanData]) {
    let mut moments: Vec<(SystemTime, u8, &mut SystemTime)> = Vec::new();
    for span in spans {
        moments.push((span.start_time, 0, &mut span.start_time));
        moments.extend(span.events.events.iter_mut().map(|event| (event.timestamp, 1, &mut event.timestamp)));
        moments.push((span.end_time, 2, &mut span.end_time));
    }
    moments.sort_by_key(|(time, kind, _)| (*time, *kind));
    let mut now = UNIX_EPOCH;
    for (_, _, moment) in moments {
        *moment = now;
        now += STEP;
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Capture, Show, telemetry_test};

    static OUTER: crate::__private::Callsite =
        crate::__private::Callsite::new(&crate::__private::Meta { name: "outer", ..crate::__private::Meta::DEFAULT });

    fn outer(inside: impl FnOnce()) {
        crate::__private::call(&OUTER, crate::__private::returns(), inside, |(), _| {});
    }

    #[telemetry_test(crate = crate)]
    fn moments_are_one_millisecond_apart_in_every_run(telemetry: Capture) {
        outer(|| {
            outer(|| crate::add_event("seen", Vec::new()));
            outer(|| {});
        });
        let tree = telemetry.tree_with(&Show::names().durations());
        assert_eq!(tree, "outer 6 ms\n├─ outer 2 ms\n└─ outer 1 ms\n");
        let ids = |telemetry: &Capture| telemetry.spans()[0].span_context.span_id();
        let first = ids(&telemetry);
        drop(telemetry);
        let again = crate::testing::deterministic(1);
        outer(|| {});
        assert_eq!(ids(&again), first);
    }

    #[telemetry_test(crate = crate, seed = 9)]
    async fn a_future_is_driven_and_a_result_returned(telemetry: Capture) -> Result<(), std::fmt::Error> {
        let woken = std::future::poll_fn({
            let mut polled = false;
            move |context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            }
        });
        woken.await;
        outer(|| {});
        assert_eq!(telemetry.tree(), "outer\n");
        Ok(())
    }

    #[telemetry_test(crate = crate)]
    #[should_panic = "on purpose"]
    fn a_test_without_an_argument_has_a_capture_too() {
        outer(|| panic!("on purpose"));
    }
}
