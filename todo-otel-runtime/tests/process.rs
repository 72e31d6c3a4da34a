//! What a whole process does: what its exit leaves behind, which threads it has, which files it makes. Each case is this
//! test program started again.

#![cfg(unix)]

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use otlp_test_support::{Receiver, Reply};
use todo_otel_runtime::{Config, Role, config::Flags, init};

/// The case to play, when this process is one.
const CASE: &str = "ACME_TEST_CASE";

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Runs inside the child. Threads that a case may not have are told on standard error.
fn play(case: &str) -> ! {
    let role = if case.starts_with("service") { Role::Service } else { Role::Cli };
    let flags =
        Flags { no_telemetry: case.ends_with("no-telemetry"), verbose: case.ends_with("drop"), ..Flags::default() };
    let before = threads();
    let config = Config::for_app("acme", role).no_file().flags(flags).resolve();
    assert_eq!(config.errors, []);
    let telemetry = init(config).expect("starts");
    tracing::info!("a record");
    if role == Role::Cli || flags.no_telemetry {
        assert_eq!(threads(), before, "{case} started a thread");
    }
    match case.rsplit('-').next() {
        Some("exit") => std::process::exit(7),
        Some("quit") => todo_otel_runtime::exit(7),
        Some("panic") => {
            let _kept = telemetry;
            let _ = std::panic::catch_unwind(|| panic!("broken on purpose"));
            std::process::exit(7)
        }
        Some("drop") => drop(telemetry),
        _ => {
            let report = telemetry.shutdown();
            assert_eq!(report.lost(), 0, "{report}");
        }
    }
    if role == Role::Cli {
        assert_eq!(threads(), before, "{case} left a thread");
    }
    std::process::exit(7)
}

/// Starts this program again for one test with a clean environment.
fn child(test: &str, case: &str, env: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(CASE, case)
        .envs(env.iter().copied())
        .output()
        .expect("starts")
}

#[track_caller]
fn assert_code(output: &Output, what: &str) {
    assert_eq!(output.status.code(), Some(7), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn whatever_ends_a_service_its_records_arrive() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let receiver = Receiver::start();
    for case in ["service-shutdown", "service-exit", "service-quit", "service-drop"] {
        receiver.reset();
        let state = tempfile::tempdir().expect("a directory");
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()),
            ("XDG_STATE_HOME", state.path().display().to_string()),
        ];
        let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = child("whatever_ends_a_service_its_records_arrive", case, &env);
        assert_code(&output, case);
        assert!(receiver.wait_for(|seen| seen.log_records().len() == 1, Duration::from_secs(5)), "{case}");
    }
}

#[test]
fn a_panic_is_an_exception_event() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let receiver = Receiver::start();
    let url = receiver.http_url();
    let output = child("a_panic_is_an_exception_event", "service-panic", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    assert_code(&output, "panic");
    assert!(receiver.wait_for(
        |seen| seen.log_records().iter().any(|record| record.event_name == "exception"),
        Duration::from_secs(5)
    ));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("broken on purpose"), "the hook that was there before still runs: {stderr}");
}

#[test]
fn a_command_starts_no_thread_and_spools_what_it_cannot_send() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let receiver = Receiver::start();
    receiver.rule(|_| Some(Reply::status(503)));
    let state = tempfile::tempdir().expect("a directory");
    let env =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()), ("XDG_STATE_HOME", state.path().display().to_string())];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let output = child("a_command_starts_no_thread_and_spools_what_it_cannot_send", "cli-shutdown", &env);
    assert_code(&output, "cli");
    let spool = state.path().join("acme/telemetry/spool");
    let segments: usize = std::fs::read_dir(&spool)
        .expect("a spool")
        .flatten()
        .map(|entry| {
            std::fs::read_dir(entry.path()).map_or(0, |files| {
                files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".seg")).count()
            })
        })
        .sum();
    assert!(segments >= 1, "nothing in {}", spool.display());
}

#[test]
fn without_telemetry_there_is_no_thread_no_file_and_no_connection() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let receiver = Receiver::start();
    let url = receiver.http_url();
    for (case, extra) in [
        ("cli-no-telemetry", ("A", "b")),
        ("service-no-telemetry", ("A", "b")),
        ("cli-shutdown", ("OTEL_SDK_DISABLED", "true")),
        ("cli-shutdown", ("OTEL_ENABLED", "false")),
    ] {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().display().to_string();
        let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("HOME", &path), ("XDG_STATE_HOME", &path), extra];
        let output = child("without_telemetry_there_is_no_thread_no_file_and_no_connection", case, &env);
        assert_code(&output, case);
        assert_eq!(std::fs::read_dir(home.path()).expect("listed").count(), 0, "{case} {extra:?} made a file");
        assert!(receiver.seen().log_records().is_empty(), "{case} {extra:?} sent something");
    }
}

#[test]
fn a_receiver_that_never_answers_delays_no_exit_past_the_budget() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let receiver = Receiver::start();
    receiver.rule(|_| Some(Reply::ok().after(Duration::from_secs(60))));
    let url = receiver.http_url();
    for case in ["cli-drop", "service-drop", "service-exit"] {
        let state = tempfile::tempdir().expect("a directory");
        let path = state.path().display().to_string();
        let env =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("XDG_STATE_HOME", &path), ("ACME_EXIT_BUDGET_MS", "400")];
        let started = Instant::now();
        let output = child("a_receiver_that_never_answers_delays_no_exit_past_the_budget", case, &env);
        assert_code(&output, case);
        // The start of a process under load is in it too; without a deadline it would be ten seconds and more.
        assert!(started.elapsed() < Duration::from_secs(4), "{case} {:?}", started.elapsed());
    }
}

#[test]
fn otlp_on_standard_output_is_one_json_object_per_line() {
    if let Ok(case) = std::env::var(CASE) {
        play(&case);
    }
    let name = "otlp_on_standard_output_is_one_json_object_per_line";
    let output = child(name, "cli-shutdown", &[("OTEL_LOGS_EXPORTER", "otlp/stdout")]);
    assert_code(&output, "stdout");
    let stdout = String::from_utf8_lossy(&output.stdout);
    // The harness has begun the line already.
    let line = stdout.lines().find_map(|line| line.find('{').map(|at| &line[at..]));
    let value: serde_json::Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{stdout}"))).expect("JSON");
    let record = &value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["body"]["stringValue"], "a record");
}
