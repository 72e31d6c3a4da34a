//! What can happen to a process.

use crate::{
    Kind, Test,
    oracle::{Home, Oracle, Totals, run},
};
use std::{
    io::{Read, Write},
    process::Stdio,
    time::{Duration, Instant},
};

pub const TESTS: &[Test] = &[
    ("killed_commands_lose_nothing_that_was_safe", killed_commands_lose_nothing_that_was_safe, Kind::Parallel),
    ("a_small_file_size_limit_kills_nobody", a_small_file_size_limit_kills_nobody, Kind::Parallel),
    ("odd_homes_are_survived", odd_homes_are_survived, Kind::Parallel),
    ("few_descriptors_and_no_threads_are_survived", few_descriptors_and_no_threads_are_survived, Kind::Parallel),
    ("sixty_commands_at_once_lose_nothing", sixty_commands_at_once_lose_nothing, Kind::Parallel),
    (
        "a_stopped_service_says_what_became_of_everything",
        a_stopped_service_says_what_became_of_everything,
        Kind::Parallel,
    ),
];

fn killed_commands_lose_nothing_that_was_safe() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    let mut seed = 7u64;
    for i in 0..60u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut command = home.program("command");
        command.env("FIRST", (i * 36).to_string()).env("BODIES", "12").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("runs");
        let kill_at = Instant::now() + Duration::from_micros(seed >> 32 & 0x7fff);
        while Instant::now() < kill_at {
            std::thread::yield_now();
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    settle(&home);
    let totals = oracle.totals(&home.emissions());
    println!("killed commands: {}", totals.0);
    assert!(totals.says("unsafe_missing=0") && totals.says("unknown=0") && totals.says("altered=0"), "{totals:?}");
    assert!(totals.get("emitted") > 300, "the kills came too early to mean anything");
}

/// Takes over what dead writers left (which waits two seconds), then flushes until nothing is left.
pub fn settle(home: &Home) -> Totals {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let (flushed, _) = run(&mut home.program("flush"));
        // What a dead writer left torn stays for an hour; what it left complete is taken over after two seconds.
        let fresh = home.files(".tmp").iter().any(|name| age_ms(name) < 2_500);
        if flushed.says("left=0") && !fresh && flushed.says("busy=false") {
            return flushed;
        }
        assert!(Instant::now() < end, "{flushed:?} {:?}", home.files(""));
    }
}

fn age_ms(name: &str) -> u64 {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    now.saturating_sub(name[..13].parse().expect("time in the name"))
}

fn a_small_file_size_limit_kills_nobody() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    for blocks in ["0", "1", "100"] {
        // 512-byte or 1-KiB blocks, both far below what a segment may need.
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -f {blocks}; exec \"$0\""))
            .arg(crate::oracle::this())
            .env_clear()
            .envs(home.program("command").get_envs().filter_map(|(k, v)| Some((k, v?))))
            .env_remove("EMISSIONS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .output()
            .expect("runs");
        let totals = Totals(String::from_utf8_lossy(&output.stdout).into_owned());
        assert_eq!(output.status.code(), Some(0), "ulimit -f {blocks}");
        assert!(totals.says("delivered=3") && totals.says("balanced=true"), "{totals:?}");
    }
}

fn odd_homes_are_survived() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    let long = "/x".repeat(2048);
    let cases: [&[(&str, &str)]; 6] = [
        &[("HOME", "")],
        &[("HOME", "/dev/null")],
        &[("HOME", "/nonexistent/at/all")],
        &[("XDG_STATE_HOME", "relative/path")],
        &[("XDG_STATE_HOME", &long)],
        &[("XDG_STATE_HOME", "/proc/1/root/none")],
    ];
    for (i, case) in cases.iter().enumerate() {
        let mut command = home.program("command");
        command.env("FIRST", (i * 3).to_string()).envs(case.iter().copied());
        let (totals, code) = run(&mut command);
        assert_eq!(code, Some(0));
        assert!(totals.says("balanced=true") && totals.says("dropped=0"), "{case:?}: {totals:?}");
    }
    assert!(oracle.wait(18, 12_000), "{}", oracle.totals(&home.emissions()).0);
    let _ = std::fs::remove_dir_all("/nonexistent");
}

fn few_descriptors_and_no_threads_are_survived() {
    let oracle = Oracle::start();
    for limit in ["ulimit -n 4", "ulimit -n 6", "ulimit -n 8", "ulimit -n 16", "ulimit -u 1"] {
        for role in ["command", "service"] {
            let home = Home::new(format!("http://{}", oracle.http));
            let mut child = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("{limit}; exec \"$0\""))
                .arg(crate::oracle::this())
                .env_clear()
                .envs(home.program(role).get_envs().filter_map(|(k, v)| Some((k, v?))))
                .env_remove("EMISSIONS")
                .env("BODIES", "3")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("runs");
            let mut text = String::new();
            child.stdout.take().expect("piped").read_to_string(&mut text).expect("read");
            let code = child.wait().expect("ends").code();
            // A program that cannot even start under the limit says nothing about delivery.
            if code == Some(0) {
                assert!(Totals(text.clone()).says("balanced=true"), "{limit} {role}: {text}");
            } else {
                println!("{limit}: {role} did not start ({code:?})");
            }
        }
    }
}

fn sixty_commands_at_once_lose_nothing() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    std::thread::scope(|scope| {
        for worker in 0..8u64 {
            let home = &home;
            scope.spawn(move || {
                for i in 0..8u64 {
                    let (totals, _) = run(home.program("command").env("FIRST", ((worker * 8 + i) * 3).to_string()));
                    assert!(totals.says("spooled=3"), "{totals:?}");
                }
            });
        }
    });
    if !oracle.wait(192, 12_000) {
        settle(&home);
    }
    let totals = oracle.totals(&home.emissions());
    assert!(totals.says("missing=0") && totals.says("altered=0") && totals.says("duplicates=0"), "{totals:?}");
}

fn a_stopped_service_says_what_became_of_everything() {
    let oracle = Oracle::start();
    let home = Home::new(format!("http://{}", oracle.http));
    for (i, status) in ["200", "503", "400", "200"].iter().enumerate() {
        oracle.ask(&format!("answer {status}"));
        let mut command = home.program("service");
        command.env("FIRST", (i * 100_000).to_string()).env("PAUSE_MS", "1").env("BODIES", "100");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
        let end = Instant::now() + Duration::from_secs(10);
        let wanted = (i as u64 + 1) * 300;
        while emitted(&home) < wanted && Instant::now() < end {
            std::thread::yield_now();
        }
        child.stdin.take().expect("piped").write_all(b"stop\n").expect("listens");
        let mut text = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut text).expect("read");
        assert!(child.wait().expect("ends").success());
        let totals = Totals(text);
        assert!(totals.says("balanced=true") && totals.says("waiting=0") && totals.says("emitted=300"), "{totals:?}");
        assert!(totals.get("finish_ms") <= 1500, "{totals:?}");
    }
}

fn emitted(home: &Home) -> u64 {
    let text = std::fs::read_to_string(home.emissions()).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("emit")).count() as u64 * 3
}
