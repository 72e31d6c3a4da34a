//! A command alone: visible at a healthy receiver at once, and never later at its own end for it.

use crate::{
    Kind, Test,
    oracle::{Home, Oracle, run},
    process::settle,
};
use otlp_test_support::{Fault, Proxy};
use std::{
    io::Read,
    process::Stdio,
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("a_command_leaves_the_sending_to_a_child", a_command_leaves_the_sending_to_a_child, Kind::Parallel),
    ("a_pipe_does_not_wait_for_the_child", a_pipe_does_not_wait_for_the_child, Kind::Parallel),
    ("where_no_child_may_live_the_command_sends", where_no_child_may_live_the_command_sends, Kind::Parallel),
    ("commands_in_a_row_share_one_child", commands_in_a_row_share_one_child, Kind::Parallel),
    ("a_child_says_nothing_and_carries_no_secret", a_child_says_nothing_and_carries_no_secret, Kind::Parallel),
    ("a_server_that_says_later_is_left_alone", a_server_that_says_later_is_left_alone, Kind::Parallel),
];

fn a_command_leaves_the_sending_to_a_child() {
    let oracle = Oracle::start();
    for grpc in [false, true] {
        let address = if grpc { oracle.grpc } else { oracle.http };
        let mut home = Home::new(format!("http://{address}"));
        home.grpc = grpc;
        let first = if grpc { 100 } else { 0 };
        let (totals, code) = run(home.program("command").env("FIRST", first.to_string()).env("EXIT_CODE", "3"));
        assert_eq!(code, Some(3));
        assert!(totals.says("spooled=3") && totals.says("balanced=true"), "{totals:?}");
        assert!(oracle.wait(if grpc { 6 } else { 3 }, 8000), "nobody sent it; over gRPC: {grpc}");
    }
}

fn a_pipe_does_not_wait_for_the_child() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    let started = Instant::now();
    // As `$(command)`: reading to the end of the pipe lasts as long as anybody holds it open.
    let mut child = home.program("command").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("read");
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("read");
    let took = started.elapsed();
    assert!(child.wait().expect("ends").success());
    assert!(took < Duration::from_millis(900), "{took:?}: the child lingers for a second");
    assert!(oracle.wait(3, 8000));
}

fn where_no_child_may_live_the_command_sends() {
    let oracle = Oracle::start();
    for (i, (name, value)) in
        [("CI", "true"), ("INVOCATION_ID", "x"), ("ACME_DETACHED_FLUSH", "false")].iter().enumerate()
    {
        let home = Home::new(format!("http://{}", oracle.http));
        let (totals, _) = run(home.program("command").env(name, value).env("FIRST", (i * 10).to_string()));
        assert!(totals.says("delivered=3"), "{name}: {totals:?}");
    }
    assert_eq!(oracle.ask("requests"), "3");
    // And when nobody answers, it ends in time and keeps its data.
    let silent = Proxy::start(oracle.http);
    silent.otherwise(Fault::Silent);
    let home = Home::new(silent.url());
    let started = Instant::now();
    let (totals, _) = run(home.program("command").env("CI", "true"));
    assert!(totals.says("spooled=3"), "{totals:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

fn commands_in_a_row_share_one_child() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    for i in 0..40 {
        run(home.program("command").env("FIRST", (i * 3).to_string()));
    }
    // On a machine with nothing to spare the modest child may reach the end of its ten seconds; then the next one goes on.
    if !oracle.wait(120, 12_000) {
        settle(&home);
    }
    let totals = oracle.totals(&home.emissions());
    assert!(totals.says("missing=0") && totals.says("duplicates=0") && totals.says("altered=0"), "{totals:?}");
    // The answer comes before the file goes.
    let end = Instant::now() + Duration::from_secs(5);
    while !home.files(".seg").is_empty() {
        assert!(Instant::now() < end, "{:?}", home.files(""));
        std::thread::yield_now();
    }
}

fn a_child_says_nothing_and_carries_no_secret() {
    let oracle = Oracle::start();
    let proxy = Proxy::start(oracle.http);
    proxy.otherwise(Fault::Late(Duration::from_millis(300)));
    let home = Home::new(proxy.url());
    let secret = "hunter2-canary-91";
    let headers = format!("authorization=Bearer%20{secret}");
    run(home.program("command").env("OTEL_EXPORTER_OTLP_HEADERS", &headers).env("SECRET_IS", "elsewhere"));
    // While the child works: nothing on its command line, nothing in the spool.
    let mut looked = 0;
    for process in std::fs::read_dir("/proc").expect("proc").flatten() {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        looked += 1;
        assert!(!String::from_utf8_lossy(&arguments).contains(secret));
    }
    assert!(looked > 3);
    for file in home.files("") {
        let bytes = std::fs::read(home.spool().expect("made").join(&file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{file}");
    }
    assert!(oracle.wait(3, 8000), "and yet the receiver got it, with the header");
}

fn a_server_that_says_later_is_left_alone() {
    let oracle = Oracle::start();
    oracle.ask("answer 503 60");
    let home = Home::new(format!("http://{}", oracle.http));
    run(&mut home.program("command"));
    let end = Instant::now() + Duration::from_secs(8);
    while home.files("state").is_empty() && Instant::now() < end {
        std::thread::yield_now();
    }
    for i in 1..10 {
        run(home.program("command").env("FIRST", (i * 3).to_string()));
    }
    let (flushed, _) = run(home.program("flush").env("BUDGET_MS", "300"));
    assert!(flushed.says("left=30") && flushed.get("wait_ms") > 50_000, "{flushed:?}");
    assert_eq!(oracle.ask("requests"), "1");
}
