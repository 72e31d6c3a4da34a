//! What telemetry adds to a command of 50 ms, and whether anything of it is lost: paired runs of the real program, with
//! and without `--no-telemetry`, against receivers that are absent, silent, slow and healthy.
//!
//! `cargo run --release -p todo-otel-benches --features runs --bin cli_runs`. `RUNS=n` pairs for each receiver (default
//! 1000), `BUSY=1` also with both cores busy, `WAITING=n` also with so many segments in the spool (default 1000; 0 =
//! not at all), `TODO_BIN` a program that is built already. Ends with code 1 when something is lost.

use otlp_test_support::{Fault, Proxy, Receiver, Seen};
use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Segments that a command's spool may hold: before that many wait, the receiver is given a chance.
const FLUSH_EVERY: usize = 300;

fn main() -> Result<()> {
    let program = program()?;
    let runs = number("RUNS", 1000);
    println!("{}, {runs} pairs for each line; ms that telemetry adds to `todo list`", program.display());
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>9} {:>8} {:>6}",
        "receiver", "without", "added p50", "p90", "p99", "spans", "lost"
    );
    let mut lost = 0;
    for kind in ["absent", "silent", "slow", "healthy"] {
        lost += measure(&program, kind, kind, runs, 0)?;
    }
    let waiting = number("WAITING", 1000);
    if waiting > 0 {
        lost += measure(&program, &format!("silent, {waiting} segments wait"), "silent", runs / 5, waiting)?;
    }
    if number("BUSY", 1) > 0 {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop()
                    }
                });
            }
            for kind in ["absent", "silent", "healthy"] {
                lost += measure(&program, &format!("{kind}, all cores busy"), kind, runs / 5, 0).inspect_err(|_| {
                    stop.store(true, Ordering::Relaxed);
                })?;
            }
            stop.store(true, Ordering::Relaxed);
            Ok(())
        })?;
    }
    if lost > 0 {
        return Err(format!("{lost} spans are lost").into());
    }
    Ok(())
}

fn number(name: &str, otherwise: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The release build of the program.
fn program() -> Result<PathBuf> {
    if let Some(path) = env::var_os("TODO_BIN") {
        return Ok(path.into());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "-q", "-p", "todo-app"]).status()?;
    if !built.success() {
        return Err("the program does not build".into());
    }
    Ok(env::current_exe()?.with_file_name("todo"))
}

/// The receiver of one line, and how to bring it back.
struct Peer {
    receiver: Option<Receiver>,
    proxy: Option<Proxy>,
    /// A port that nobody listens on yet.
    port: u16,
    url: String,
}

impl Peer {
    fn start(kind: &str) -> Result<Peer> {
        if kind == "absent" {
            let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            return Ok(Peer { receiver: None, proxy: None, port, url: format!("http://127.0.0.1:{port}") });
        }
        let receiver = Receiver::start();
        let proxy = Proxy::start(receiver.http_addr());
        proxy.otherwise(fault(kind));
        let url = proxy.url();
        Ok(Peer { receiver: Some(receiver), proxy: Some(proxy), port: 0, url })
    }

    fn well(&mut self) {
        match &self.proxy {
            Some(proxy) => {
                proxy.otherwise(Fault::Pass);
                proxy.cut_all();
            }
            None => self.receiver = Some(Receiver::on(&format!("127.0.0.1:{}", self.port), "127.0.0.1:0")),
        }
    }

    fn ill(&mut self, kind: &str) {
        match &self.proxy {
            Some(proxy) => proxy.otherwise(fault(kind)),
            None => self.receiver = None,
        }
    }

    fn seen(&self) -> Seen {
        self.receiver.as_ref().map(Receiver::seen).unwrap_or_default()
    }
}

fn fault(kind: &str) -> Fault {
    match kind {
        "silent" => Fault::Silent,
        "slow" => Fault::Late(Duration::from_millis(500)),
        _ => Fault::Pass,
    }
}

fn measure(program: &Path, label: &str, kind: &str, runs: usize, waiting: usize) -> Result<u64> {
    let home = tempfile::tempdir()?;
    let mut peer = Peer::start(kind)?;
    let url = peer.url.clone();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let timed = |mut command: Command| -> Result<f64> {
        let started = Instant::now();
        if !command.status()?.success() {
            return Err("the program failed".into());
        }
        Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    timed(command(&["add", "Buy milk", "--no-telemetry"]))?;
    let mut expected = 0_u64;
    while files(home.path(), ".seg") < waiting {
        // Without a child: nothing is sent in between.
        let mut filling = command(&["list"]);
        filling.env("OTEL_METRICS_EXPORTER", "none");
        timed(filling)?;
        expected += 1;
    }
    let (mut without, mut added) = (Vec::new(), Vec::new());
    let mut found = Found::default();
    for run in 0..runs {
        // Either comes first every other time, so that neither profits from the other's warm caches.
        let (plain, full) = if run % 2 == 0 {
            let plain = timed(command(&["list", "--no-telemetry"]))?;
            (plain, timed(command(&["list"]))?)
        } else {
            let full = timed(command(&["list"]))?;
            (timed(command(&["list", "--no-telemetry"]))?, full)
        };
        expected += 1;
        without.push(plain);
        added.push(full - plain);
        if waiting == 0 && run % FLUSH_EVERY == FLUSH_EVERY - 1 && kind != "healthy" {
            peer.well();
            flush(&command, home.path())?;
            found.add(&peer.seen());
            peer.ill(kind);
        }
    }
    peer.well();
    flush(&command, home.path())?;
    found.add(&peer.seen());
    let lost = expected.saturating_sub(found.roots.len() as u64);
    without.sort_by(f64::total_cmp);
    added.sort_by(f64::total_cmp);
    let at = |values: &[f64], share: f64| values[((values.len() - 1) as f64 * share) as usize];
    println!(
        "{label:<28} {:>9.2} {:>+9.2} {:>+9.2} {:>+9.2} {:>8} {lost:>6}",
        at(&without, 0.5),
        at(&added, 0.5),
        at(&added, 0.9),
        at(&added, 0.99),
        found.spans.len(),
    );
    Ok(lost)
}

/// Distinct spans that arrived: all, and those of commands.
#[derive(Default)]
struct Found {
    spans: std::collections::BTreeSet<Vec<u8>>,
    roots: std::collections::BTreeSet<Vec<u8>>,
}

impl Found {
    fn add(&mut self, seen: &Seen) {
        for span in seen.spans() {
            if span.name == "todo.command.list" {
                self.roots.insert(span.span_id.clone());
            }
            self.spans.insert(span.span_id);
        }
    }
}

/// Sends until nothing is left.
fn flush(command: &dyn Fn(&[&str]) -> Command, home: &Path) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let status = command(&["telemetry", "flush", "--deadline", "30"]).status()?;
        if status.success() && files(home, ".t.seg") == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("the flush leaves {} segments", files(home, ".seg")).into());
        }
    }
}

/// Files in the spools of this home with such an ending.
fn files(home: &Path, ending: &str) -> usize {
    let Ok(spools) = std::fs::read_dir(home.join(".local/state/todo/telemetry/spool")) else { return 0 };
    let names =
        spools.flatten().filter_map(|spool| std::fs::read_dir(spool.path()).ok()).flat_map(|files| files.flatten());
    names.filter(|file| file.file_name().to_string_lossy().ends_with(ending)).count()
}
