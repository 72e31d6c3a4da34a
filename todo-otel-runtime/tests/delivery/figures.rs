//! What a command pays at its end, whatever the network does: paired runs, with delivery and without.

use crate::{
    Kind, Test,
    oracle::{Home, Oracle, Totals},
};
use otlp_test_support::{Fault, Proxy};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

pub const TESTS: &[Test] =
    &[("the_end_of_a_command_waits_for_nobody", the_end_of_a_command_waits_for_nobody, Kind::Alone)];

fn the_end_of_a_command_waits_for_nobody() {
    let rounds = std::env::var("DELIVERY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    let oracle = Oracle::start();
    let silent = Proxy::start(oracle.http);
    silent.otherwise(Fault::Silent);
    let slow = Proxy::start(oracle.http);
    slow.otherwise(Fault::Late(Duration::from_millis(500)));
    let nobody = "http://127.0.0.1:9".to_owned();
    let peers = [
        ("absent", nobody),
        ("silent", silent.url()),
        ("slow", slow.url()),
        ("healthy", format!("http://{}", oracle.http)),
    ];
    let mut first = 0;
    for (name, url) in peers {
        let home = Home::new(url);
        let mut added = Vec::new();
        for _ in 0..rounds {
            let (without, _) = timed(home.program("command").env("BODIES", "0"));
            first += 3;
            let (with, totals) = timed(home.program("command").env("FIRST", first.to_string()));
            assert!(totals.says("spooled=3") && totals.says("balanced=true"), "{name}: {totals:?}");
            added.push(with.as_secs_f64() * 1e3 - without.as_secs_f64() * 1e3);
        }
        added.sort_by(f64::total_cmp);
        let at = |share: f64| added[((added.len() - 1) as f64 * share) as usize];
        println!(
            "exit, receiver {name}: added ms p50 {:+.2}, p99 {:+.2} ({rounds} paired runs, unoptimised build)",
            at(0.5),
            at(0.99)
        );
        assert!(at(0.5) < 100.0, "{name}: the end of a command waits for something");
    }
}

fn timed(command: &mut std::process::Command) -> (Duration, Totals) {
    let started = Instant::now();
    let output = command.stdout(Stdio::piped()).stderr(Stdio::null()).output().expect("runs");
    let took = started.elapsed();
    assert!(output.status.success());
    (took, Totals(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}
