//! Every way out of a program, with every kind of receiver: the exit is bounded, and what was recorded is delivered, on
//! disk or counted, to the span. Each case is this test program started again.

#![cfg(target_os = "linux")]

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use otlp_test_support::{Fault, Proxy, Receiver, Reply};
use todo_otel_runtime::{Config, Role, ShutdownReport, Telemetry, config::Signal, init, traced};

/// The case to play, when this process is one.
const CASE: &str = "ACME_TEST_CASE";
const SPANS: u64 = 5;
/// The program's own.
const BUDGET_MS: u64 = 400;

#[traced(name = "acme.step")]
fn step() {}

fn emit() {
    (0..SPANS).for_each(|_| step());
}

fn print(report: &ShutdownReport) {
    let of = |items: &std::collections::BTreeMap<Signal, u64>| items.get(&Signal::Traces).copied().unwrap_or(0);
    let lost: u64 = report.dropped.iter().filter(|((signal, _), _)| *signal == Signal::Traces).map(|(_, n)| n).sum();
    println!("REPORT {} {} {lost} {}", of(&report.delivered), of(&report.spooled), report.elapsed.as_millis());
}

fn start(role: &str) -> Telemetry {
    let role = if role == "service" { Role::Service } else { Role::Cli };
    init(Config::for_app("acme", role).no_file().resolve()).expect("starts")
}

fn current() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn multi() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime")
}

/// Runs inside the child.
fn play(case: &str) -> ! {
    let (role, way) = case.split_once(' ').expect("role and way");
    match way {
        "shutdown" => {
            let telemetry = start(role);
            emit();
            print(&telemetry.shutdown());
        }
        "drop" => {
            let _telemetry = start(role);
            emit();
        }
        "exit" => {
            let _telemetry = start(role);
            emit();
            todo_otel_runtime::exit(7)
        }
        "std exit" => {
            let _telemetry = start(role);
            emit();
            std::process::exit(7)
        }
        "panic" => {
            let _ = std::panic::catch_unwind(|| {
                let _telemetry = start(role);
                emit();
                panic!("on purpose");
            });
        }
        "current thread" | "multi thread" => {
            let runtime = if way == "current thread" { current() } else { multi() };
            runtime.block_on(async {
                let telemetry = start(role);
                emit();
                print(&telemetry.shutdown_async().await);
            });
        }
        "blocking inside async" => current().block_on(async {
            let telemetry = start(role);
            emit();
            print(&telemetry.shutdown());
        }),
        "runtime dropped first" => {
            let runtime = multi();
            let telemetry = runtime.block_on(async { start(role) });
            runtime.block_on(async { emit() });
            drop(runtime);
            print(&telemetry.shutdown());
        }
        "eight at once" => {
            let handles: Vec<Telemetry> = (0..8).map(|_| start(role)).collect();
            emit();
            std::thread::scope(|scope| {
                let ends: Vec<_> =
                    handles.into_iter().map(|telemetry| scope.spawn(move || telemetry.shutdown())).collect();
                let reports: Vec<ShutdownReport> = ends.into_iter().map(|end| end.join().expect("no panic")).collect();
                assert!(reports.iter().all(|report| *report == reports[0]), "one end for all");
                print(&reports[0]);
            });
        }
        "thread local" => {
            struct Last(Option<Telemetry>);
            impl Drop for Last {
                fn drop(&mut self) {
                    step();
                    drop(self.0.take());
                }
            }
            thread_local!(static LAST: std::cell::RefCell<Last> = const { std::cell::RefCell::new(Last(None)) });
            let role = role.to_owned();
            let thread = std::thread::spawn(move || {
                LAST.with_borrow_mut(|last| last.0 = Some(start(&role)));
                emit();
            });
            thread.join().expect("no panic");
        }
        other => panic!("{other}"),
    }
    std::process::exit(7)
}

fn child(case: &str, url: &str, state: &Path) -> Output {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "every_way_out_keeps_every_span_with_every_receiver", "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(CASE, case)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("XDG_STATE_HOME", state)
        .env("ACME_EXIT_BUDGET_MS", BUDGET_MS.to_string())
        .output()
        .expect("starts")
}

/// Spans in the files of the spool, by their names.
fn spooled(state: &Path) -> u64 {
    let Ok(spools) = std::fs::read_dir(state.join("acme/telemetry/spool")) else { return 0 };
    let files = spools.flatten().filter_map(|spool| std::fs::read_dir(spool.path()).ok()).flat_map(Iterator::flatten);
    let names = files.filter_map(|file| file.file_name().into_string().ok()).filter(|name| name.ends_with(".t.seg"));
    names.filter_map(|name| name.split("-n").nth(1)?.split('-').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn every_way_out_keeps_every_span_with_every_receiver() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let ways = [
        "shutdown",
        "drop",
        "exit",
        "std exit",
        "panic",
        "current thread",
        "multi thread",
        "blocking inside async",
        "runtime dropped first",
        "eight at once",
        "thread local",
    ];
    let mut cases = Vec::new();
    for way in ways {
        for peer in ["healthy", "refuses", "never answers", "503", "cuts"] {
            for role in ["service", "command"] {
                // A command that leaves by way of the system's own exit leaves what it had: documented.
                if !(way == "std exit" && role == "command") {
                    cases.push((role, way, peer));
                }
            }
        }
    }
    let (next, failed, slowest) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((role, way, peer)) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match one(role, way, peer) {
                        Ok(ms) => {
                            let mut slowest = slowest.lock().expect("no panic");
                            *slowest = ms.max(*slowest);
                        }
                        Err(problem) => {
                            failed.lock().expect("no panic").push(format!("{role}, {way}, {peer}: {problem}"))
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    println!(
        "ends: {} ways out, 0 hangs, slowest shutdown {} ms of {BUDGET_MS}",
        cases.len(),
        slowest.into_inner().expect("no panic")
    );
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Milliseconds of the shutdown as the program itself reports them.
fn one(role: &str, way: &str, peer: &str) -> Result<u64, String> {
    let receiver = Receiver::start();
    let proxy = Proxy::start(receiver.http_addr());
    match peer {
        "refuses" => proxy.otherwise(Fault::Reset),
        "never answers" => proxy.otherwise(Fault::Silent),
        "cuts" => proxy.otherwise(Fault::CutRequest(40)),
        "503" => receiver.rule(|_| Some(Reply::status(503))),
        _ => {}
    }
    let state = tempfile::tempdir().map_err(|error| error.to_string())?;
    let started = Instant::now();
    let output = child(&format!("{role} {way}"), &proxy.url(), state.path());
    let took = started.elapsed();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() != Some(7) {
        return Err(format!("{:?}: {stderr}", output.status));
    }
    // The start of a process on a loaded machine is in it; without a deadline it would be ten seconds and more.
    if took > Duration::from_secs(8) {
        return Err(format!("took {took:?}"));
    }
    let found: BTreeSet<_> = receiver.spans().into_iter().map(|span| span.span_id).collect();
    let on_disk = spooled(state.path());
    // A span that begins when its thread is almost gone may find no place to be recorded.
    let whole = found.len() as u64 + on_disk;
    if whole != SPANS && !(way == "thread local" && whole == SPANS + 1) {
        return Err(format!("{} delivered, {on_disk} on disk: {stdout} {stderr}", found.len()));
    }
    let Some(report) = stdout.lines().find_map(|line| line.split_once("REPORT ")) else { return Ok(0) };
    let numbers: Vec<u64> = report.1.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [delivered, kept, lost, ms] = numbers[..] else { return Err(stdout.into_owned()) };
    if (delivered, kept, lost) != (found.len() as u64, on_disk, 0) {
        return Err(format!("reported {numbers:?}, found {} and {on_disk} on disk", found.len()));
    }
    Ok(ms)
}

#[test]
fn a_resolver_that_hangs_delays_no_exit() {
    if let Ok(case) = std::env::var(CASE) {
        // A name server that takes questions and never answers.
        let sink = std::net::UdpSocket::bind("127.0.0.2:53").expect("bound");
        let started = Instant::now();
        let telemetry = start(&case);
        emit();
        let report = telemetry.shutdown();
        let mut question = [0; 512];
        sink.set_nonblocking(true).expect("set");
        println!("ASKED {} TOOK {}", sink.recv(&mut question).is_ok(), started.elapsed().as_millis());
        print(&report);
        std::process::exit(7);
    }
    for role in ["service", "command"] {
        let state = tempfile::tempdir().expect("a folder");
        let resolv = state.path().join("resolv.conf");
        std::fs::write(&resolv, "nameserver 127.0.0.2\noptions timeout:5 attempts:2\n").expect("written");
        let script = format!(
            "mount --bind {} /etc/resolv.conf && ip link set lo up && exec \"$0\" --exact a_resolver_that_hangs_delays_no_exit --nocapture",
            resolv.display()
        );
        let output = Command::new("unshare")
            .args(["-n", "-m", "sh", "-c", &script])
            .arg(std::env::current_exe().expect("this program"))
            .env(CASE, role)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318")
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env("XDG_STATE_HOME", state.path())
            .env("ACME_EXIT_BUDGET_MS", BUDGET_MS.to_string())
            .output();
        let output = match output {
            Ok(output) if output.status.code() == Some(7) => output,
            other => {
                otlp_test_support::not_run(
                    "a_resolver_that_hangs_delays_no_exit",
                    &format!("a network namespace: {other:?}"),
                );
                return;
            }
        };
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains("ASKED true"), "{role}: the name was looked up: {stdout}");
        let took = stdout.split("TOOK ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        assert!(took.is_some_and(|ms| ms < 4000), "{role}: {stdout}");
        assert_eq!(spooled(state.path()), SPANS, "{role}: {stdout}");
    }
}
