//! System calls of the spool on a real disk: each fails, each kills. Needs `strace`; without it the tests say so.

use crate::{
    Kind, Test,
    oracle::{Home, Oracle, Totals, this},
    process::settle,
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

pub const TESTS: &[Test] = &[
    ("a_failing_system_call_changes_nothing_for_the_command", a_failing_system_call_changes_nothing, Kind::Parallel),
    ("death_at_a_system_call_loses_nothing_that_was_safe", death_at_a_system_call_loses_nothing, Kind::Parallel),
];

const CALLS: [&str; 6] = ["renameat,renameat2", "flock", "unlinkat", "getdents64", "fdatasync", "fstatfs,statfs"];

fn strace_works() -> bool {
    let works = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        println!("SKIPPED system calls: no usable strace");
    }
    works
}

/// Runs a role under strace with one injection. Whether it was hit, what was printed, the exit code.
fn injected(home: &Home, role: &str, calls: &str, what: &str, at: u32, first: u64) -> (bool, Totals, Option<i32>) {
    let log = home.dir.path().join("strace");
    let program = home.program(role);
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{what}:when={at}")])
        .arg(this())
        .env_clear()
        .envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .env("ACME_DETACHED_FLUSH", "false")
        .env("ACME_EXIT_FLUSH_MS", "0")
        .env("ACME_DURABILITY", "file")
        .env("BODIES", "2")
        .env("FIRST", first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .output()
        .expect("strace runs");
    let hit = std::fs::read_to_string(Path::new(&log)).unwrap_or_default();
    let hit = hit.contains("INJECTED") || hit.contains("SIGKILL");
    (hit, Totals(String::from_utf8_lossy(&output.stdout).trim().to_owned()), output.status.code())
}

fn a_failing_system_call_changes_nothing() {
    if !strace_works() {
        return;
    }
    let (mut points, mut hits) = (0, 0);
    for calls in CALLS {
        for errno in ["EIO", "ENOSPC", "EACCES", "EMFILE", "ENOLCK"] {
            for at in 1..=3 {
                let oracle = Oracle::start();
                let home = Home::new(format!("http://{}", oracle.http));
                let (hit, totals, code) = injected(&home, "command", calls, &format!("error={errno}"), at, 0);
                assert_eq!(code, Some(0), "{calls} {errno} {at}");
                assert!(totals.says("balanced=true") && totals.says("waiting=0"), "{calls} {errno} {at}: {totals:?}");
                let dropped = totals.get("dropped");
                settle(&home);
                let found = oracle.totals(&home.emissions());
                assert!(found.get("missing") <= dropped, "{calls} {errno} {at}: {found:?} {totals:?}");
                points += 1;
                hits += u32::from(hit);
                if !hit {
                    break;
                }
            }
        }
    }
    println!("system calls: {hits} of {points} injected errors hit; same exit code, unaccounted 0");
    assert!(hits > 20);
}

fn death_at_a_system_call_loses_nothing() {
    if !strace_works() {
        return;
    }
    let mut hits = 0;
    for role in ["command", "flush"] {
        for calls in CALLS {
            for at in 1..=6 {
                let oracle = Oracle::start();
                let home = Home::new(format!("http://{}", oracle.http));
                if role == "flush" {
                    let (_, totals, _) = injected(&home, "command", "none", "error=EIO", 1, 0);
                    let _ = totals;
                }
                let (hit, _, _) = injected(&home, role, calls, "signal=SIGKILL", at, 1000);
                settle(&home);
                let totals = oracle.totals(&home.emissions());
                assert!(totals.says("unsafe_missing=0") && totals.says("altered=0"), "{role} {calls} {at}: {totals:?}");
                assert!(totals.get("duplicates") <= 3, "{role} {calls} {at}: {totals:?}");
                hits += u32::from(hit);
                if !hit {
                    break;
                }
            }
        }
    }
    println!("system calls: killed at {hits}; safe spans lost 0");
    assert!(hits > 8);
}
