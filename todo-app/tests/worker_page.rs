//! The worker's page for scrapers: there by default, accepted by promtool, with exemplars that lead to spans, and beside
//! it health and readiness.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otlp_test_support::{Receiver, Seen, hex};

mod common;
use common::Home;

/// Ends with the value, whatever the test finds.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Head and body of the answer; empty while nobody listens.
fn get(port: u16, path: &str, accept: &str) -> (String, String) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return Default::default() };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (head.to_owned(), body.to_owned())
}

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";
const DONE: &str = "ai_enrichment_duration_seconds_count";

#[test]
fn a_scraper_gets_a_page_whose_exemplars_lead_to_spans() {
    let (home, receiver, port) = (Home::new(), Receiver::start(), free_port());
    home.ok(&["add", "--background", "Buy milk tomorrow"]);
    let worker = home
        .command(["worker"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "300")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _worker = Worker(worker);
    let (head, page) = wait_for("the job is counted", || {
        let answer = get(port, "/metrics", "text/plain");
        answer.1.contains(DONE).then_some(answer)
    });
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    for name in ["process_cpu_time_seconds_total", "process_memory_usage_bytes", "todo_jobs_pending", "target_info"] {
        assert!(page.contains(name), "{name} is not in\n{page}");
    }
    assert!(get(port, "/healthz", "*/*").1.contains("ok"));
    assert!(get(port, "/readyz", "*/*").0.starts_with("HTTP/1.1 200"));

    let (head, page) = get(port, "/metrics", OPEN_METRICS);
    assert!(head.contains("application/openmetrics-text") && page.ends_with("# EOF\n"), "{head}");
    let line =
        page.lines().find(|line| line.starts_with("ai_enrichment_duration_seconds_bucket") && line.contains(" # {"));
    let line = line.unwrap_or_else(|| panic!("no exemplar in\n{page}"));
    let part = |key: &str| line.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (trace, span) = (part("trace_id"), part("span_id"));
    let value: f64 = line.rsplit("} ").next().unwrap().split(' ').next().unwrap().parse().unwrap();

    let find = |seen: &Seen| {
        seen.spans().into_iter().find(|found| hex(&found.span_id) == span && hex(&found.trace_id) == trace)
    };
    assert!(receiver.wait_for(|seen| find(seen).is_some(), Duration::from_secs(20)), "{trace} {span}");
    let found = find(&receiver.seen()).unwrap();
    assert_eq!(found.name, "ai.enrichment.analyze");
    let took = (found.end_time_unix_nano - found.start_time_unix_nano) as f64 / 1e9;
    assert!((took - value).abs() < 1e-4, "the exemplar says {value} s, its span {took} s");
    println!("exemplar {value} s of {DONE} -> trace {trace}, span {span}: {} of {took} s", found.name);

    let pushed = |seen: &Seen| {
        seen.metric("ai.enrichment.duration").iter().any(|metric| match &metric.data {
            Some(Data::Histogram(histogram)) => {
                let mut all = histogram.data_points.iter().flat_map(|point| &point.exemplars);
                all.any(|exemplar| hex(&exemplar.span_id) == span && hex(&exemplar.trace_id) == trace)
            }
            _ => false,
        })
    };
    assert!(receiver.wait_for(pushed, Duration::from_secs(20)), "the same exemplar arrives over OTLP");
}

#[test]
fn promtool_accepts_the_page() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return otlp_test_support::not_run("promtool_accepts_the_page", "promtool (Debian's package `prometheus`)");
    }
    let (home, port) = (Home::new(), free_port());
    home.ok(&["add", "--background", "Buy milk tomorrow"]);
    let worker = home
        .command(["worker"])
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _worker = Worker(worker);
    let page = wait_for("the job is counted", || {
        let page = get(port, "/metrics", "text/plain").1;
        page.contains(DONE).then_some(page)
    });
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The conventions have names that end in `count`, which promtool would rather see on histograms.
    const CONVENTIONAL: [&str; 3] =
        ["process_thread_count ", "process_unix_file_descriptor_count ", "db_client_connection_count "];
    let is_name =
        |line: &str| line.contains("\"_count\" suffix") && CONVENTIONAL.iter().any(|name| line.starts_with(name));
    let found: Vec<&str> = said.lines().filter(|line| !line.is_empty() && !is_name(line)).collect();
    // 0: nothing to say, 3: advice about names; anything else: it could not be read.
    assert!(matches!(output.status.code(), Some(0 | 3)) && found.is_empty(), "{said}\n{page}");
    println!("promtool check metrics: {}, {} lines of page, it says:\n{said}", output.status, page.lines().count());
}

#[test]
fn a_taken_port_is_one_warning_and_the_worker_runs_on() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    home.ok(&["add", "--background", "Buy milk tomorrow"]);
    let mut worker = home
        .command(["worker"])
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", taken.local_addr().unwrap().port().to_string())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the job is done", || {
        let suggestions = home.json(&["suggestions"]);
        suggestions["suggestions"].as_array().filter(|all| !all.is_empty()).map(|_| ())
    });
    worker.kill().unwrap();
    let said = String::from_utf8(worker.wait_with_output().unwrap().stderr).unwrap();
    assert_eq!(said.matches("no page for scrapers").count(), 1, "{said}");
}
