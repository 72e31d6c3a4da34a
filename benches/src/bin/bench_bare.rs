//! The bare functions, and one clock read: what everything else is measured against.

use std::time::Instant;

use todo_otel_benches::{CALLS, black_box, cases, functions, run};

functions!(plain = [], three = [], arguments = a b c);

#[cfg(target_arch = "x86_64")]
fn clock_read() -> u64 {
    // SAFETY: reads a counter; every x86-64 processor has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn clock_read() -> Instant {
    Instant::now()
}

fn main() {
    let mut cases = cases!(|calls: &dyn Fn()| calls(), |_| ());
    cases.push(todo_otel_benches::case("clock read", || {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(clock_read());
        }
        start.elapsed()
    }));
    run("bare", cases, || ());
}
