//! Many threads meet at the very first call of a function: not one call is lost.

use std::sync::Barrier;

use todo_otel_runtime::{red_metrics, testing::capture, traced};

const THREADS: usize = 8;

macro_rules! fresh {
    ($($name:ident)*) => {
        $(
            #[traced]
            #[red_metrics]
            fn $name() {}
        )*
        const SITES: &[(&str, fn())] = &[$((stringify!($name), $name as fn())),*];
    };
}

fresh! {
    f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
    f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49
}

#[test]
fn threads_that_meet_at_a_first_call_are_all_recorded() {
    let seen = capture();
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (handle, barrier) = (seen.handle(), &barrier);
            scope.spawn(move || {
                handle.in_scope(|| {
                    for (_, call) in SITES {
                        barrier.wait();
                        call();
                    }
                });
            });
        }
    });
    assert_eq!(SITES.len(), 50);
    let spans = seen.spans();
    for (name, _) in SITES {
        assert_eq!(spans.iter().filter(|span| span.name == *name).count(), THREADS, "spans of {name}");
        assert_eq!(seen.metric(&format!("{name}.calls"), &[]), THREADS as f64, "calls of {name}");
    }
}
