//! The real worker beside real commands, on a file of SQLite and, in a build that can, on a real PostgreSQL server.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use opentelemetry_proto::tonic::trace::v1::Span;
use otlp_test_support::{
    Receiver, attribute,
    peer::{Answer, Peer},
};
use serde_json::json;
use todo_app::store::Store;

mod common;
use common::Home;

const PATIENCE: Duration = Duration::from_secs(60);

/// A home whose todos are in a database of their own.
struct Place {
    home: Home,
    url: String,
}

fn on_sqlite(_: &str) -> Option<Place> {
    let home = Home::new();
    let url = home.path().join("todo.db").display().to_string();
    Some(Place { home, url })
}

#[cfg(feature = "postgres")]
fn on_postgres(test: &str) -> Option<Place> {
    Some(Place { home: Home::new(), url: otlp_test_support::postgres::database(test)? })
}

macro_rules! on_each_database {
    ($($name:ident)*) => {
        mod sqlite { $( #[test] fn $name() {
            if let Some(place) = super::on_sqlite(stringify!($name)) { super::$name(&place); }
        } )* }
        #[cfg(feature = "postgres")]
        mod postgres { $( #[test] fn $name() {
            if let Some(place) = super::on_postgres(stringify!($name)) { super::$name(&place); }
        } )* }
    };
}

on_each_database! {
    a_command_and_its_job_are_linked_across_two_processes
    the_job_can_be_part_of_the_trace_of_its_command
    several_workers_never_do_a_job_twice
    the_job_of_a_killed_worker_is_done_once_by_another
    a_worker_that_is_told_to_stop_gives_its_job_back
    an_overdue_todo_is_told_once
}

impl Place {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env("TODO_DATABASE_URL", &self.url).env("TODO_AI_PROVIDER", "local");
        command
    }

    /// A command that asks this peer for its enrichments.
    fn asking(&self, peer: &Peer, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command
            .env("TODO_AI_PROVIDER", "openai")
            .env("OPENAI_API_KEY", "sk-test-0123456789")
            .env("OPENAI_BASE_URL", peer.url());
        command
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) {
        succeed(self.command(arguments));
    }

    fn store(&self) -> Store {
        Store::connect(&self.url).unwrap()
    }

    /// How many suggestions there are for each todo and field, whatever became of them.
    fn suggested(&self) -> BTreeMap<(i64, String), usize> {
        let mut counts = BTreeMap::new();
        for suggestion in self.store().suggestions(None, false, Timestamp::now()).unwrap() {
            *counts.entry((suggestion.todo_id, suggestion.value.field().as_str().to_owned())).or_default() += 1;
        }
        counts
    }
}

#[track_caller]
fn succeed(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A process that is ended with the test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Running {
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        succeed({
            let mut kill = Command::new("kill");
            kill.args([format!("-{name}"), self.0.id().to_string()]);
            kill
        });
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process ends", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Adds a todo in one process and lets a worker in another one enrich it; the spans of both ends of the queue.
fn enqueue_and_process(place: &Place, context: &str) -> (Span, Span) {
    let receiver = Receiver::start();
    for arguments in [&["add", "Buy milk tomorrow", "--background"][..], &["worker", "--once"]] {
        let mut command = place.command(arguments);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()).env("TODO_JOB_CONTEXT", context);
        succeed(command);
    }
    let names = ["enqueue enrichment", "db.todo.create", "db.job.claim", "process enrichment"];
    let all = receiver.wait_for(|seen| names.iter().all(|name| seen.span(name).is_some()), PATIENCE);
    assert!(all, "{:?}", receiver.spans().iter().map(|span| span.name.clone()).collect::<Vec<_>>());
    let [enqueue, create, claim, process] = names.map(|name| receiver.seen().span(name).unwrap());
    let system = place.store().system();
    for span in [create, claim] {
        assert_eq!(attribute(&span.attributes, "db.system.name").as_deref(), Some(system));
        assert!(attribute(&span.attributes, "todo.db.statements").is_some(), "{:?}", span.attributes);
    }
    (enqueue, process)
}

const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

fn a_command_and_its_job_are_linked_across_two_processes(place: &Place) {
    let (sent, done) = enqueue_and_process(place, "link");
    assert_eq!((sent.kind, done.kind), (PRODUCER, CONSUMER));
    assert!(done.parent_span_id.is_empty(), "a trace of its own");
    assert_ne!(done.trace_id, sent.trace_id);
    let links: Vec<_> = done.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
    assert_eq!(links, [(&sent.trace_id, &sent.span_id)]);
    let id = attribute(&sent.attributes, "messaging.message.id");
    assert!(id.is_some());
    assert_eq!(attribute(&done.attributes, "messaging.message.id"), id);
    assert_eq!(attribute(&done.attributes, "todo.job.attempt").as_deref(), Some("1"));
    for key in ["todo.job.queue_time", "messaging.client.id"] {
        assert!(attribute(&done.attributes, key).is_some(), "{key}");
    }
}

fn the_job_can_be_part_of_the_trace_of_its_command(place: &Place) {
    let (sent, done) = enqueue_and_process(place, "parent");
    assert_eq!((&done.trace_id, &done.parent_span_id), (&sent.trace_id, &sent.span_id));
    assert!(done.links.is_empty());
}

fn several_workers_never_do_a_job_twice(place: &Place) {
    const JOBS: usize = 24;
    for number in 0..JOBS {
        place.ok(&["add", &format!("Buy milk tomorrow {number}"), "--background"]);
    }
    let workers: Vec<Running> =
        (0..4).map(|_| Running::start(place.command(&["worker", "--once", "--concurrency", "2"]))).collect();
    for mut worker in workers {
        let code = worker.wait().code();
        // A file has one worker; the others say so and leave.
        let refused = place.store().path().is_some() && code == Some(75);
        assert!(code == Some(0) || refused, "{code:?}");
    }
    let suggested = place.suggested();
    let todos: std::collections::BTreeSet<i64> = suggested.keys().map(|(todo, _)| *todo).collect();
    assert_eq!(todos.len(), JOBS, "every job was done");
    assert!(suggested.values().all(|times| *times == 1), "{suggested:?}");
}

/// A reply that suggests one thing.
fn reply() -> Answer {
    let tags = json!({ "value": ["groceries"], "confidence": 0.9, "reason": "it says so" });
    let content = json!({
        "category": null, "priority": null, "estimate_minutes": null, "due": null, "tags": tags, "next_step": null,
    });
    Answer::json(&json!({
        "id": "chatcmpl-1",
        "model": "test-model",
        "choices": [{
            "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content.to_string() },
        }],
        "usage": { "prompt_tokens": 300, "completion_tokens": 80 },
    }))
}

fn the_job_of_a_killed_worker_is_done_once_by_another(place: &Place) {
    place.ok(&["add", "Buy milk", "--background"]);
    let peer = Peer::start([Answer::silence(), reply()]);
    let mut first = Running::start(place.asking(&peer, &["worker", "--lease", "2"]));
    assert!(peer.wait_for(1, PATIENCE), "the first worker has the job");
    first.signal("KILL");
    first.wait();
    assert!(place.suggested().is_empty());
    let _second = Running::start(place.asking(&peer, &["worker", "--lease", "2"]));
    until("another worker does the job", || !place.suggested().is_empty());
    assert_eq!(place.suggested().into_values().collect::<Vec<_>>(), [1]);
    assert_eq!(peer.requests().len(), 2);
}

fn a_worker_that_is_told_to_stop_gives_its_job_back(place: &Place) {
    place.ok(&["add", "Buy milk", "--background"]);
    let peer = Peer::start([Answer::silence()]);
    let mut worker = Running::start(place.asking(&peer, &["worker"]));
    assert!(peer.wait_for(1, PATIENCE), "the worker has the job");
    let store = place.store();
    assert!(!store.has_due_jobs(Timestamp::now()).unwrap());
    worker.signal("TERM");
    worker.wait();
    let jobs = store.claim_jobs("test", 1, Duration::from_secs(1), Timestamp::now()).unwrap();
    assert_eq!(jobs.iter().map(|job| job.attempt).collect::<Vec<_>>(), [1], "as if it had never been taken");
}

fn an_overdue_todo_is_told_once(place: &Place) {
    let receiver = Receiver::start();
    place.ok(&["add", "Pay rent", "--due", "2020-01-31"]);
    for _ in 0..2 {
        place.ok(&["add", "Buy milk tomorrow", "--background"]);
        let mut worker = place.command(&["worker", "--once"]);
        worker.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url());
        succeed(worker);
    }
    let rounds = |seen: &otlp_test_support::Seen| {
        seen.spans().iter().filter(|span| span.name == "worker.reminders.run").count() == 2
    };
    assert!(receiver.wait_for(rounds, PATIENCE));
    let told = receiver.log_records().into_iter().filter(|record| record.event_name == "todo.overdue").count();
    assert_eq!(told, 1);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Status line and body; `None` while nobody answers.
fn get(port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), body.to_owned()))
}

#[test]
fn a_worker_tells_whether_it_is_well_and_what_it_does() {
    let place = on_sqlite("").unwrap();
    place.ok(&["add", "Buy milk tomorrow", "--background"]);
    let port = free_port();
    let mut command = place.command(&["worker"]);
    command.env("OTEL_METRICS_EXPORTER", "prometheus").env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string());
    let _worker = Running::start(command);
    for path in ["/healthz", "/readyz"] {
        until(path, || get(port, path).is_some_and(|(status, _)| status.contains("200")));
    }
    let mut page = String::new();
    until("the job is counted", || {
        page = get(port, "/metrics").map(|(_, body)| body).unwrap_or_default();
        page.contains("messaging_process_duration_seconds_count")
    });
    for name in [
        "db_client_connection_count",
        "db_client_connection_max",
        "db_client_connection_pending_requests",
        "db_client_connection_wait_time_seconds_bucket",
        "db_client_connection_use_time_seconds_bucket",
        "database_connections_active",
        "messaging_client_consumed_messages_total",
        "todo_jobs_pending",
        "todo_jobs_oldest_age_seconds",
    ] {
        assert!(page.contains(name), "{name} is missing:\n{page}");
    }
}

#[test]
fn a_worker_delivers_what_commands_left_behind() {
    let place = on_sqlite("").unwrap();
    let port = free_port();
    let exporting = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"));
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").env("TODO_DETACHED_FLUSH", "false");
        command
    };
    for title in ["one", "two", "three"] {
        succeed(exporting(&["add", title]));
    }
    let receiver = Receiver::on(&format!("127.0.0.1:{port}"), "127.0.0.1:0");
    let _worker = Running::start(exporting(&["worker"]));
    let all = receiver
        .wait_for(|seen| seen.spans().iter().filter(|span| span.name == "todo.command.add").count() == 3, PATIENCE);
    assert!(all, "{:?}", receiver.spans().iter().map(|span| span.name.clone()).collect::<Vec<_>>());
    assert!(receiver.wait_for(|seen| !seen.metric("todos.created").is_empty(), PATIENCE), "counters of the commands");
}

#[test]
fn a_worker_flushes_at_sighup_and_goes_on() {
    let place = on_sqlite("").unwrap();
    place.ok(&["add", "Buy milk tomorrow", "--background"]);
    let receiver = Receiver::start();
    let mut command = place.command(&["worker"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url()).env("OTEL_METRIC_EXPORT_INTERVAL", "3600000");
    let mut worker = Running::start(command);
    until("the job is done", || !place.suggested().is_empty());
    let jobs = |seen: &otlp_test_support::Seen| !seen.metric("messaging.process.duration").is_empty();
    assert!(!jobs(&receiver.seen()), "the next regular export is an hour away");
    for _ in 0..2 {
        let before = receiver.seen().metric("todo.jobs.pending").len();
        worker.signal("HUP");
        assert!(receiver.wait_for(|seen| seen.metric("todo.jobs.pending").len() > before, PATIENCE));
    }
    assert!(receiver.wait_for(jobs, PATIENCE));
    place.ok(&["add", "Call the dentist", "--background"]);
    until("it goes on", || place.suggested().keys().any(|(todo, _)| *todo == 2));
    worker.signal("TERM");
    assert_eq!(worker.wait().signal(), Some(15), "the first signal that ends it");
}

#[test]
fn a_password_is_shown_nowhere() {
    let home = Home::new();
    let url = "postgres://ann:hunter2@127.0.0.1:1/todo";
    let run = |arguments: &[&str]| {
        let output = home.command(arguments).env("TODO_DATABASE_URL", url).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains("hunter2"), "{arguments:?}: {text}");
        (output.status.code(), text)
    };
    let (_, shown) = run(&["config", "show"]);
    assert!(shown.contains("postgres://ann:[redacted]@127.0.0.1:1/todo"), "{shown}");
    let (code, told) = run(&["list", "--trace"]);
    assert_eq!(code, Some(4));
    if cfg!(feature = "postgres") {
        assert!(told.contains("cannot connect to postgresql://ann@127.0.0.1:1/todo"), "{told}");
    } else {
        assert!(told.contains("no support for PostgreSQL") && told.contains("--features postgres"), "{told}");
    }
}
