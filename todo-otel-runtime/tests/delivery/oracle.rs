//! The receiver as a process of its own: it outlives every kill, keeps every id, and checks every payload.
//!
//! One line in, one line out: `ports`, `answer STATUS [RETRY_AFTER]`, `refuse_items N STATUS`, `totals FILE`,
//! `wait IDS MS`, `requests`.

use crate::program::payload;
use otlp_test_support::{Receiver, Reply, Seen, attribute};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

pub fn serve() {
    let receiver = Receiver::start();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|w| w.parse::<u64>().ok()).unwrap_or(0);
        let answer = match words.first().copied().unwrap_or_default() {
            "ports" => format!("{} {}", receiver.http_addr(), receiver.grpc_addr()),
            "answer" => {
                let (status, after) = (number(1) as u16, words.get(2).map(|w| (*w).to_owned()));
                receiver.rule(move |_| {
                    let reply = Reply::status(status);
                    (status != 200).then(|| after.iter().fold(reply, |reply, after| reply.header("retry-after", after)))
                });
                "ok".to_owned()
            }
            "refuse_items" => {
                let (items, status) = (number(1) as usize, number(2) as u16);
                receiver.rule(move |request| (request.items() == items).then(|| Reply::status(status)));
                "ok".to_owned()
            }
            "wait" => {
                let (count, ms) = (number(1) as usize, number(2));
                let there = receiver.wait_for(|seen| ids(seen).len() >= count, Duration::from_millis(ms));
                format!("{there}")
            }
            "requests" => format!("{}", receiver.seen().requests.len()),
            "totals" => totals(&receiver.seen(), words[1]),
            other => panic!("oracle: {other}"),
        };
        println!("{answer}");
        let _ = std::io::stdout().flush();
    }
}

/// How often each id came.
fn ids(seen: &Seen) -> BTreeMap<u64, u64> {
    let mut ids = BTreeMap::new();
    for span in seen.spans() {
        let id = <[u8; 8]>::try_from(span.span_id.as_slice()).map_or(u64::MAX, |id| u64::from_be_bytes(id) - 1);
        *ids.entry(id).or_default() += 1;
    }
    ids
}

/// Compares what came with what was emitted.
fn totals(seen: &Seen, emissions: &str) -> String {
    let ids = ids(seen);
    let text = std::fs::read_to_string(emissions).unwrap_or_default();
    let (mut emitted, mut safe) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A line that a kill cut short was never a promise.
        let [what, from, to] = words[..] else { continue };
        let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { continue };
        if what == "emit" { emitted.extend(from..to) } else { safe.extend(from..to) }
    }
    let spans = seen.spans();
    let altered = spans.iter().filter(|span| {
        let id = <[u8; 8]>::try_from(span.span_id.as_slice()).map_or(0, u64::from_be_bytes).wrapping_sub(1);
        span.name != payload(id) || span.trace_id != (u128::from(id) + 1).to_be_bytes()
    });
    let mut told = BTreeMap::new();
    for record in seen.log_records().iter().filter(|record| record.event_name == "telemetry.dropped") {
        let uid = attribute(&record.attributes, "log.record.uid").unwrap_or_default();
        let items = attribute(&record.attributes, "acme.telemetry.items").and_then(|i| i.parse().ok()).unwrap_or(0u64);
        if attribute(&record.attributes, "acme.telemetry.signal").as_deref() == Some("traces") {
            told.insert(uid, items);
        }
    }
    let refused = seen.requests.iter().filter(|r| !r.accepted).count();
    format!(
        "emitted={} found={} missing={} unsafe_missing={} unknown={} altered={} duplicates={} told={} requests={} refused={refused}",
        emitted.len(),
        ids.len(),
        emitted.iter().filter(|id| !ids.contains_key(id)).count(),
        safe.iter().filter(|id| !ids.contains_key(id)).count(),
        ids.keys().filter(|id| !emitted.contains(id)).count(),
        altered.count(),
        ids.values().map(|n| n - 1).sum::<u64>(),
        told.values().sum::<u64>(),
        seen.requests.len(),
    )
}

/// The test's end of the line.
pub struct Oracle {
    child: Child,
    line: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    pub http: std::net::SocketAddr,
    pub grpc: std::net::SocketAddr,
}

impl Oracle {
    pub fn start() -> Oracle {
        let mut child = Command::new(this())
            .env("ACT_AS", "oracle")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("oracle starts");
        let line = (child.stdin.take().expect("piped"), BufReader::new(child.stdout.take().expect("piped")));
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut oracle = Oracle { child, line: Mutex::new(line), http: nowhere, grpc: nowhere };
        let ports = oracle.ask("ports");
        let (http, grpc) = ports.split_once(' ').expect("two ports");
        (oracle.http, oracle.grpc) = (http.parse().expect("address"), grpc.parse().expect("address"));
        oracle
    }

    pub fn ask(&self, question: &str) -> String {
        let mut line = self.line.lock().unwrap_or_else(|p| p.into_inner());
        writeln!(line.0, "{question}").expect("oracle listens");
        let mut answer = String::new();
        line.1.read_line(&mut answer).expect("oracle answers");
        answer.trim().to_owned()
    }

    pub fn totals(&self, emissions: &Path) -> Totals {
        Totals(self.ask(&format!("totals {}", emissions.display())))
    }

    pub fn wait(&self, ids: u64, ms: u64) -> bool {
        self.ask(&format!("wait {ids} {ms}")) == "true"
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of `key=value`.
#[derive(Clone, Debug)]
pub struct Totals(pub String);

impl Totals {
    pub fn get(&self, key: &str) -> u64 {
        let value = self.0.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {key} in {:?}", self.0))
    }

    pub fn says(&self, word: &str) -> bool {
        self.0.split_whitespace().any(|w| w == word)
    }
}

/// This executable.
pub fn this() -> PathBuf {
    std::env::current_exe().expect("known")
}

/// A home of its own, and this executable in a role.
pub struct Home {
    pub dir: tempfile::TempDir,
    pub endpoint: String,
    pub grpc: bool,
}

impl Home {
    pub fn new(endpoint: String) -> Home {
        Home { dir: tempfile::tempdir().expect("temporary directory"), endpoint, grpc: false }
    }

    pub fn emissions(&self) -> PathBuf {
        self.dir.path().join("emissions")
    }

    /// Nothing of the caller's environment but what is set here.
    pub fn program(&self, role: &str) -> Command {
        let mut command = Command::new(this());
        command
            .env_clear()
            .env("ACT_AS", role)
            .env("HOME", self.dir.path())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", if self.grpc { "grpc" } else { "http/protobuf" })
            .env("EMISSIONS", self.emissions())
            .stdin(Stdio::null());
        command
    }

    pub fn spool(&self) -> Option<PathBuf> {
        let root = self.dir.path().join(".local/state/acme/telemetry/spool");
        std::fs::read_dir(root).ok()?.flatten().next().map(|entry| entry.path())
    }

    /// Files of the spool with this ending.
    pub fn files(&self, ending: &str) -> Vec<String> {
        let entries = self.spool().and_then(|spool| std::fs::read_dir(spool).ok());
        let names = entries.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.ends_with(ending)).collect()
    }

    /// Items of a file name.
    pub fn items(name: &str) -> u64 {
        name.split("-n").nth(1).and_then(|rest| rest.split('-').next()).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

/// Runs to the end; standard output as totals, and the exit code.
pub fn run(command: &mut Command) -> (Totals, Option<i32>) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.stderr.is_empty(), "stderr: {}", String::from_utf8_lossy(&output.stderr));
    (Totals(text), output.status.code())
}
