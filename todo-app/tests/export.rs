//! One command against a real receiver: spans, metrics and logs arrive, share their ids and have their documented names.

use std::{
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point},
    trace::v1::Span,
};
use otlp_test_support::{
    Receiver, Seen,
    peer::{Answer, Peer},
};

mod common;
use common::{Home, Run};

/// A command whose telemetry goes to the receiver. A detached child delivers, as it does outside CI.
fn exporting(home: &Home, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn int(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let AnyValue { value } = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    value.as_ref()
}

#[track_caller]
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    found[0]
}

fn metric(seen: &Seen, name: &str) -> Option<Metric> {
    let metrics = seen.metrics();
    let mut all = metrics.iter().flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
    all.rfind(|metric| metric.name == name).cloned()
}

/// Everything of one command has arrived.
fn complete(seen: &Seen) -> bool {
    seen.spans().iter().any(|span| span.name.starts_with("todo.command."))
        && !seen.log_records().is_empty()
        // The first export of a new installation shows every series at 0, the next one what was counted.
        && metric(seen, "todo.commands").is_some_and(|metric| match metric.data {
            Some(Data::Sum(sum)) => sum.data_points.iter().any(|point| point.value == Some(number_data_point::Value::AsInt(1))),
            _ => false,
        })
}

/// Runs the main job once; how long after its end everything was at the receiver.
fn add_and_wait(receiver: &Receiver, endpoint: &str, protocol: &str) -> Duration {
    receiver.reset();
    let home = Home::new();
    // The schema is made by another command, so that the tree is that of everyday use.
    home.ok(&["list"]);
    let output = exporting(&home, endpoint, &["add", "Buy milk tomorrow"])
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .output()
        .unwrap();
    let ended = Instant::now();
    let run = Run::from(output);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{protocol}");
    assert!(receiver.wait_for(complete, Duration::from_secs(20)), "{protocol}: {:?}", receiver.seen());
    ended.elapsed()
}

#[test]
fn a_single_command_brings_all_three_signals_over_both_protocols() {
    let receiver = Receiver::start();
    for (endpoint, protocol) in [(receiver.http_url(), "http/protobuf"), (receiver.grpc_url(), "grpc")] {
        // The child that delivers leaves the processor to everybody else: on a busy machine the usual run counts.
        let mut times: Vec<Duration> = (0..5).map(|_| add_and_wait(&receiver, &endpoint, protocol)).collect();
        times.sort();
        assert!(times[2] <= Duration::from_secs(2), "{protocol}: all signals after {times:?}");

        let seen = receiver.seen();
        let spans = seen.spans();
        let root = named(&spans, "todo.command.add");
        assert!(root.parent_span_id.is_empty());
        for (child, parent) in [
            ("db.todo.create", "todo.command.add"),
            ("ai.enrichment.analyze", "todo.command.add"),
            ("ai.provider.local.request", "ai.enrichment.analyze"),
            ("ai.response.parse", "ai.enrichment.analyze"),
            ("db.ai_enrichment.save", "ai.enrichment.analyze"),
            ("cli.display.results", "todo.command.add"),
        ] {
            let span = named(&spans, child);
            assert_eq!(span.parent_span_id, named(&spans, parent).span_id, "{child}");
            assert_eq!(span.trace_id, root.trace_id, "{child}");
        }
        assert_eq!(int(&root.attributes, "process.exit.code"), Some(0));
        assert_eq!(text(&root.attributes, "todo.command"), Some("add"));
        assert_eq!(text(&root.attributes, "process.executable.name"), Some("todo"));
        assert_eq!(int(&root.attributes, "todo.id"), Some(1));
        assert_eq!(text(&root.attributes, "todo.enrichment.mode"), Some("inline"));
        let create = named(&spans, "db.todo.create");
        assert_eq!(text(&create.attributes, "db.system.name"), Some("sqlite"));
        assert_eq!(text(&create.attributes, "db.operation.name"), Some("INSERT"));
        assert_eq!(text(&create.attributes, "db.collection.name"), Some("todos"));
        assert!(text(&create.attributes, "code.function.name").unwrap().ends_with("::create"));
        assert!(!format!("{seen:?}").contains("Buy milk"), "no title leaves the machine");

        let traces = seen.traces();
        let resource = traces[0].resource.as_ref().unwrap();
        assert_eq!(text(&resource.attributes, "service.name"), Some("todo-cli"));
        assert_eq!(text(&resource.attributes, "service.version"), Some(env!("CARGO_PKG_VERSION")));

        for record in seen.log_records() {
            assert_eq!(record.trace_id, root.trace_id, "{record:?}");
            let span = spans.iter().find(|span| span.span_id == record.span_id);
            assert!(span.is_some(), "{record:?}");
        }
        let created = seen.log_records().into_iter().find(|record| record.event_name == "todo.created").unwrap();
        assert_eq!(created.span_id, root.span_id);

        let is_ours = |attributes: &[KeyValue]| {
            text(attributes, "todo.command") == Some("add") && text(attributes, "outcome") == Some("ok")
        };
        let Some(Data::Sum(commands)) = metric(&seen, "todo.commands").unwrap().data else { panic!("a sum") };
        let point = commands.data_points.iter().find(|point| is_ours(&point.attributes));
        let Some(Data::Histogram(durations)) = metric(&seen, "todo.command.duration").unwrap().data else {
            panic!("a histogram")
        };
        assert!(point.is_some());
        let point = durations.data_points.iter().find(|point| is_ours(&point.attributes)).unwrap();
        assert_eq!((point.count, point.explicit_bounds.as_slice()), (1, todo_app::names::COMMAND_BOUNDS));
        assert!(point.exemplars.iter().any(|exemplar| exemplar.span_id == root.span_id), "{:?}", point.exemplars);
    }
}

#[test]
fn a_failing_command_is_an_error_in_all_three_signals() {
    let receiver = Receiver::start();
    let home = Home::new();
    home.ok(&["list"]);
    let output = exporting(&home, &receiver.http_url(), &["show", "42"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(receiver.wait_for(complete, Duration::from_secs(20)), "{:?}", receiver.seen());
    let seen = receiver.seen();
    let spans = seen.spans();
    let root = named(&spans, "todo.command.show");
    assert_eq!(text(&root.attributes, "error.type"), Some("not_found"));
    assert_eq!(int(&root.attributes, "process.exit.code"), Some(3));
    assert_eq!(root.status.as_ref().map(|status| status.code), Some(2));
    assert!(seen.log_records().iter().any(|record| record.trace_id == root.trace_id && record.severity_number >= 13));
    let Some(Data::Sum(errors)) = metric(&seen, "todo.command.errors").unwrap().data else { panic!("a sum") };
    let point = errors.data_points.iter().find(|point| text(&point.attributes, "error.type") == Some("not_found"));
    assert_eq!(text(&point.unwrap().attributes, "todo.command"), Some("show"));
}

#[test]
fn the_workers_span_is_linked_to_the_command_that_left_the_job() {
    let receiver = Receiver::start();
    let home = Home::new();
    let endpoint = receiver.http_url();
    let output = exporting(&home, &endpoint, &["add", "Buy milk", "--background"]).output().unwrap();
    assert!(output.status.success());
    let output =
        exporting(&home, &endpoint, &["worker", "--once"]).env("OTEL_EXPORTER_PROMETHEUS_PORT", "0").output().unwrap();
    assert_eq!(Run::from(output).code, Some(0));
    let both = |seen: &Seen| {
        ["enqueue enrichment", "process enrichment"]
            .iter()
            .all(|name| seen.spans().iter().any(|span| span.name == *name))
    };
    assert!(receiver.wait_for(both, Duration::from_secs(20)), "{:?}", receiver.seen());
    let spans = receiver.spans();
    let enqueue = named(&spans, "enqueue enrichment");
    let process = named(&spans, "process enrichment");
    assert_eq!(enqueue.parent_span_id, named(&spans, "todo.command.add").span_id);
    assert!(process.parent_span_id.is_empty(), "a trace of its own");
    assert_ne!(process.trace_id, enqueue.trace_id);
    assert_eq!(process.links[0].trace_id, enqueue.trace_id);
    assert_eq!(process.links[0].span_id, enqueue.span_id);
    assert_eq!(text(&process.attributes, "messaging.message.id"), text(&enqueue.attributes, "messaging.message.id"));
    let analyze = spans.iter().find(|span| span.name == "ai.enrichment.analyze").unwrap();
    assert_eq!(analyze.parent_span_id, process.span_id);
}

#[test]
fn telemetry_changes_neither_output_nor_code_nor_data() {
    let receiver = Receiver::start();
    let nobody = "http://127.0.0.1:9";
    let collect = |endpoint: Option<&str>, flags: &[&str]| -> String {
        let home = Home::new();
        let mut all = String::new();
        for arguments in [
            &["add", "Buy milk", "--no-enrich", "--due", "2030-01-01"][..],
            &["add", ""],
            &["list"],
            &["complete", "1", "9"],
            &["complete", "1"],
            &["show", "7", "--json"],
        ] {
            let arguments = [arguments, flags].concat();
            let mut command = home.command(&arguments);
            if let Some(endpoint) = endpoint {
                command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
            }
            let run = Run::from(command.output().unwrap());
            all.push_str(&format!("{:?} {} {}\n", run.code, run.stdout, run.stderr));
        }
        all
    };
    let expected = collect(None, &["--no-telemetry"]);
    assert!(expected.contains("Some(3)"), "{expected}");
    assert_eq!(collect(None, &[]), expected);
    assert_eq!(collect(Some(&receiver.http_url()), &[]), expected);
    assert_eq!(collect(Some(nobody), &[]), expected);
    assert_eq!(collect(Some(nobody), &["--no-telemetry"]), expected);
}

/// Opens connections and never says a word.
fn black_hole() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn a_receiver_that_never_answers_holds_no_command() {
    const EXIT_BUDGET: Duration = Duration::from_millis(250);
    // Far below the time limit of a request, which is what a command would wait that waits at all.
    const BUSY_MACHINE: Duration = Duration::from_millis(500);
    let (_hole, address) = black_hole();
    for protocol in ["http/protobuf", "grpc"] {
        for ci in [None, Some("true")] {
            let home = Home::new();
            home.ok(&["list"]);
            let time = |more: &[&str]| {
                let arguments = [&["add", "x", "--no-enrich"], more].concat();
                let mut command = exporting(&home, &format!("http://{address}"), &arguments);
                command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).env("OTEL_EXPORTER_OTLP_TIMEOUT", "60000");
                if let Some(ci) = ci {
                    command.env("CI", ci);
                }
                let started = Instant::now();
                let run = Run::from(command.output().unwrap());
                let took = started.elapsed();
                assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{protocol} {ci:?}");
                took
            };
            // In turn, and the fastest of each: what else the machine does is in both.
            let pairs: Vec<_> = (0..5).map(|_| (time(&[]), time(&["--no-telemetry"]))).collect();
            let with = pairs.iter().map(|(with, _)| *with).min().unwrap();
            let without = pairs.iter().map(|(_, without)| *without).min().unwrap();
            assert!(with < without + EXIT_BUDGET + BUSY_MACHINE, "{protocol} {ci:?}: {pairs:?}");
        }
    }
}

/// Held by who uses the ports of the default endpoints.
static DEFAULT_PORTS: Mutex<()> = Mutex::new(());

#[test]
fn port_4317_without_a_protocol_means_grpc() {
    let _ports = DEFAULT_PORTS.lock();
    let Ok(probe) = std::net::TcpListener::bind("127.0.0.1:4317") else {
        otlp_test_support::not_run("port_4317_without_a_protocol_means_grpc", "port 4317, which somebody else has");
        return;
    };
    drop(probe);
    let receiver = Receiver::on("127.0.0.1:0", "127.0.0.1:4317");
    // Without a scheme nothing is encrypted on the way from this machine to itself.
    for endpoint in ["http://127.0.0.1:4317", "127.0.0.1:4317", "localhost:4317"] {
        receiver.reset();
        let home = Home::new();
        home.ok(&["list"]);
        assert!(exporting(&home, endpoint, &["list"]).output().unwrap().status.success());
        let arrived = receiver.wait_for(|seen| seen.span("todo.command.list").is_some(), Duration::from_secs(20));
        assert!(arrived, "{endpoint}");
    }
}

#[test]
fn an_interrupted_command_is_cancelled_and_no_error() {
    let receiver = Receiver::start();
    let vendor = Peer::start([Answer::silence()]);
    let home = Home::new();
    home.ok(&["list"]);
    let child = exporting(&home, &receiver.http_url(), &["add", "Buy milk"])
        .env("OPENAI_BASE_URL", vendor.url())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    assert!(vendor.wait_for(1, Duration::from_secs(20)), "the vendor is asked");
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap()), Some(2));
    assert!(receiver.wait_for(complete, Duration::from_secs(20)), "{:?}", receiver.seen());
    let seen = receiver.seen();
    let spans = seen.spans();
    let root = named(&spans, "todo.command.add");
    assert_eq!(text(&root.attributes, "outcome"), Some("cancelled"));
    assert_eq!(text(&root.attributes, "error.type"), Some("interrupted"));
    assert_eq!(int(&root.attributes, "process.exit.code"), Some(130));
    assert_eq!(root.status.as_ref().map(|status| status.code), Some(2), "its exit code is not 0");
    if let Some(Data::Sum(errors)) = metric(&seen, "todo.command.errors").and_then(|metric| metric.data) {
        let counted = |point: &&NumberDataPoint| point.value != Some(number_data_point::Value::AsInt(0));
        assert_eq!(errors.data_points.iter().filter(counted).count(), 0, "{errors:?}");
    }
    assert!(seen.log_records().iter().all(|record| record.severity_number < 17), "{:?}", seen.log_records());
}

#[test]
fn attempts_at_a_vendor_are_remarks_and_their_failure_is_told_once() {
    let receiver = Receiver::start();
    let home = Home::new();
    home.configure("[ai]\nbudget = \"1s\"\n");
    let output = exporting(&home, &receiver.http_url(), &["add", "Buy milk", "--verbose"])
        .env("OPENAI_BASE_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(receiver.wait_for(complete, Duration::from_secs(20)), "{:?}", receiver.seen());
    let records = receiver.seen().log_records();
    let severities = |event: &str| -> Vec<i32> {
        records.iter().filter(|record| record.event_name == event).map(|record| record.severity_number).collect()
    };
    let attempts = severities("http.client.request.exception");
    assert!(!attempts.is_empty() && attempts.iter().all(|severity| *severity == 5), "{attempts:?}");
    assert_eq!(severities("gen_ai.client.operation.exception"), [13]);
}

#[test]
fn what_does_not_parse_opens_no_file() {
    let receiver = Receiver::start();
    let home = Home::new();
    for (arguments, code) in [(&["frobnicate"][..], 2), (&["list", "--nope"], 2), (&["--help"], 0), (&["--version"], 0)]
    {
        assert_eq!(exporting(&home, &receiver.http_url(), arguments).output().unwrap().status.code(), Some(code));
    }
    home.wait_until_alone();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    assert!(receiver.seen().requests.is_empty());
}

#[test]
fn a_container_has_neither_session_nor_anybody_to_leave_things_to() {
    let in_namespace = |home: &Home, arguments: &[&str]| {
        let mut command = home.started_by("unshare");
        command.env("PATH", "/usr/bin:/bin").args(["--pid", "--fork", "--mount-proc"]).args(arguments);
        command
    };
    let home = Home::new();
    let works = in_namespace(&home, &["true"]).output().is_ok_and(|output| output.status.success());
    if !works {
        let missing = "the right to make a PID namespace (root), or `unshare`";
        otlp_test_support::not_run("a_container_has_neither_session_nor_anybody_to_leave_things_to", missing);
        return;
    }
    let program = env!("CARGO_BIN_EXE_todo");
    let receiver = Receiver::start();
    let script = r#""$0" list --no-telemetry && "$0" "$@"; exit $?"#;
    let runs_well = |how: &[&str]| {
        let mut command = in_namespace(&home, &[how, &["add", "x", "--no-enrich"]].concat());
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_url());
        let run = Run::from(command.output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{how:?}");
    };
    // The first process of a namespace ends all others with it: what it sends, it sends itself, in 200 ms. A busy machine
    // may need several runs for that; what one did not send, the next one does.
    let arrived = (0..10).any(|_| {
        runs_well(&[program]);
        receiver.wait_for(|seen| seen.span("todo.command.add").is_some(), Duration::ZERO)
    });
    assert!(arrived, "the first process delivers by itself");
    // Below a shell the rest may be left to a child, which ends with the namespace: only the command counts.
    runs_well(&["sh", "-c", script, program]);
}

#[test]
fn nothing_is_sent_unasked() {
    let receiver = Receiver::start();
    let home = Home::new();
    let output =
        exporting(&home, &receiver.http_url(), &["add", "x", "--no-enrich", "--no-telemetry"]).output().unwrap();
    assert!(output.status.success());
    // Where the specification's default endpoints are, somebody listens.
    let _ports = DEFAULT_PORTS.lock();
    let defaults = ["127.0.0.1:4317", "127.0.0.1:4318"].map(std::net::TcpListener::bind);
    home.ok(&["list"]);
    home.wait_until_alone();
    assert!(!home.path().join("state").exists(), "no file of telemetry");
    assert!(receiver.seen().requests.is_empty());
    for listener in defaults {
        let Ok(listener) = listener else {
            otlp_test_support::not_run("nothing_is_sent_unasked", "a default port of OTLP, which somebody else has");
            continue;
        };
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "somebody called {:?}", listener.local_addr());
    }
}

#[test]
fn who_asks_about_telemetry_sees_a_tree_and_adds_nothing() {
    let receiver = Receiver::start();
    let home = Home::new();
    for arguments in [&["telemetry", "status", "--trace"][..], &["telemetry", "flush"]] {
        let run = Run::from(exporting(&home, &receiver.http_url(), arguments).output().unwrap());
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stderr.contains("todo.command.telemetry"), arguments.contains(&"--trace"), "{}", run.stderr);
    }
    home.wait_until_alone();
    assert!(receiver.seen().requests.is_empty());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "and leaves no file");
}

#[test]
fn a_tree_that_cannot_be_shown_is_said_once() {
    let home = Home::new();
    let run = home.run(&["--no-telemetry", "--trace", "list"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("--trace shows nothing while telemetry is off"), "{}", run.stderr);
    assert_eq!(home.run(&["--no-telemetry", "list"]).stderr, "");
}

#[test]
fn what_waits_can_be_seen_sent_and_removed() {
    let home = Home::new();
    let receiver = Receiver::start();
    let endpoint = receiver.http_url();
    // In CI no child is left behind, so what is not delivered in time stays for the next one.
    let run = |endpoint: &str, arguments: &[&str]| {
        let mut command = exporting(&home, endpoint, arguments);
        command.env("TODO_DETACHED_FLUSH", "false").env("TODO_EXIT_FLUSH_MS", "0");
        Run::from(command.output().unwrap())
    };
    assert_eq!(run(&endpoint, &["add", "x", "--no-enrich"]).code, Some(0));
    let status: serde_json::Value =
        serde_json::from_str(&run(&endpoint, &["telemetry", "status", "--json"]).stdout).unwrap();
    assert!(status["spools"][0]["waiting"]["spans"].as_u64().unwrap() >= 3, "{status}");
    let flush = run(&endpoint, &["telemetry", "flush"]);
    assert_eq!((flush.code, flush.stderr.as_str()), (Some(0), ""), "{}", flush.stdout);
    assert!(receiver.seen().span("todo.command.add").is_some());
    assert!(run(&endpoint, &["telemetry", "last"]).stdout.contains("todo.command.add"));

    let nobody = "http://127.0.0.1:9";
    run(nobody, &["list"]);
    let flush = run(nobody, &["telemetry", "flush", "--deadline", "1"]);
    assert_eq!(flush.code, Some(7), "{}", flush.stdout);
    assert!(run(nobody, &["telemetry", "purge"]).stdout.starts_with("Removed "));
    assert_eq!(run(nobody, &["telemetry", "flush", "--deadline", "1"]).code, Some(0));
}
