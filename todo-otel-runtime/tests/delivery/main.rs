//! Delivery as whole processes: commands that leave a child behind, services that are killed, a receiver that outlives
//! them all. The test program is also the program under test and the receiver, chosen by the variable `ACT_AS`; that is
//! why it brings a harness of its own: `main` must reach `on_start` before anything else.

mod command;
mod conservation;
mod figures;
mod oracle;
mod process;
mod program;
mod syscalls;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

type Test = (&'static str, fn(), Kind);

/// When a test runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Always, beside others.
    Parallel,
    /// Always, after the others and alone, because it measures time.
    Alone,
    /// Only with `--ignored`.
    Sweep,
}

fn main() {
    todo_otel_runtime::on_start();
    if let Ok(role) = std::env::var("ACT_AS") {
        program::act(&role);
        return;
    }
    let tests: Vec<Test> =
        [command::TESTS, process::TESTS, conservation::TESTS, syscalls::TESTS, figures::TESTS].concat();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        tests.iter().for_each(|(name, _, _)| println!("{name}: test"));
        return;
    }
    let sweep = arguments.iter().any(|a| a == "--ignored" || a == "--include-ignored");
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let chosen: Vec<&Test> =
        tests.iter().filter(|(name, _, kind)| (*kind != Kind::Sweep || sweep) && matches(name, &filters)).collect();
    let (together, alone): (Vec<&Test>, Vec<&Test>) =
        chosen.iter().copied().partition(|(_, _, k)| *k == Kind::Parallel);
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let run = |(name, test, _): &Test| {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.lock().unwrap_or_else(|p| p.into_inner()).push(*name);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(test) = together.get(next.fetch_add(1, Ordering::SeqCst)) {
                    run(test);
                }
            });
        }
    });
    alone.iter().for_each(|test| run(test));
    let failed = failed.into_inner().unwrap_or_else(|p| p.into_inner());
    println!("\ntest result: {} passed; {} failed: {failed:?}", chosen.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        std::process::exit(1);
    }
}

fn matches(name: &str, filters: &[&String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}
