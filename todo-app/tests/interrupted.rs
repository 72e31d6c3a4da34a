//! Signals in the middle of a command: the shell sees the signal, what was recorded is kept, a second one ends at once.

use std::{
    os::unix::process::ExitStatusExt,
    process::Child,
    time::{Duration, Instant},
};

use otlp_test_support::peer::{Answer, Peer};
use rustix::process::{Pid, Signal, kill_process};

mod common;
use common::Home;

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), signal).unwrap();
}

/// Spans in the spool.
fn spooled(home: &Home) -> u64 {
    let Ok(spools) = std::fs::read_dir(home.path().join("state/todo/telemetry/spool")) else { return 0 };
    let files = spools.flatten().filter_map(|spool| std::fs::read_dir(spool.path()).ok()).flat_map(Iterator::flatten);
    let names = files.filter_map(|file| file.file_name().into_string().ok()).filter(|name| name.ends_with(".t.seg"));
    names.filter_map(|name| name.split("-n").nth(1)?.split('-').next()?.parse::<u64>().ok()).sum()
}

/// A command that waits for a vendor who never answers.
fn waiting(home: &Home, vendor: &Peer) -> Child {
    let mut command = home.command(["add", "Buy milk"]);
    command
        .env("OPENAI_BASE_URL", vendor.url())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    assert!(vendor.wait_for(1, Duration::from_secs(30)), "the vendor is asked");
    child
}

#[test]
fn a_signal_ends_a_command_soon_and_keeps_what_it_recorded() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let home = Home::new();
        home.ok(&["list"]);
        let vendor = Peer::start([Answer::silence()]);
        let mut child = waiting(&home, &vendor);
        let sent = Instant::now();
        send(&child, signal);
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status:?}");
        assert!(sent.elapsed() < Duration::from_secs(10), "{:?}: the vendor would have had 20 s", sent.elapsed());
        assert!(spooled(&home) >= 2, "{signal:?}: {} spans kept", spooled(&home));
        let todos = home.json(&["list"])["todos"].as_array().unwrap().len();
        assert_eq!(todos, 1, "{signal:?}: the todo was stored before anybody was asked");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new();
    home.ok(&["list"]);
    let vendor = Peer::start([Answer::silence()]);
    let mut child = waiting(&home, &vendor);
    let sent = Instant::now();
    send(&child, Signal::TERM);
    send(&child, Signal::INT);
    let status = child.wait().unwrap();
    assert!(status.signal().is_some() || matches!(status.code(), Some(130 | 143)), "{status:?}");
    assert!(sent.elapsed() < Duration::from_secs(10), "{:?}", sent.elapsed());
}
