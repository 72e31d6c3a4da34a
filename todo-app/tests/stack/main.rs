//! The program and real servers: Tempo, Loki, Prometheus 3 and the Collector, started here from `$STACK_BIN_DIR` or `$PATH`.
//! A scripted day, then every panel, rule and runbook query must be answered with data.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use otlp_test_support::{Fault, Proxy, not_run};
use serde_json::Value;
use todo_app::operate::{
    stack::{dashboard::Source, panels as dashboards},
    verify::{
        panels,
        servers::{Servers, Window, list},
        unix_now,
    },
};

mod alertmanager;
#[path = "../common/mod.rs"]
mod common;
mod delta;
mod queries;
mod scenario;
mod servers;

use scenario::Installation;
use servers::{Stack, deploy};

/// Panels that stay empty on the scripted day, each with the reason.
const EMPTY: &[(&str, &str)] = &[];

/// Series that do not exist on the scripted day, although rules name them.
const ABSENT: &[(&str, &str)] = &[
    ("loki_discarded_samples_total", "Loki makes it when it discards something"),
    ("tempo_discarded_spans_total", "Tempo makes it when it discards something"),
    ("prometheus_api_otlp_translation_warnings_total", "Prometheus makes it at the first warning"),
    ("otelcol_exporter_enqueue_failed_log_records_total", FAILURE),
    ("otelcol_exporter_enqueue_failed_metric_points_total", FAILURE),
    ("otelcol_exporter_enqueue_failed_spans_total", FAILURE),
    ("otelcol_exporter_send_failed_log_records_total", FAILURE),
    ("otelcol_exporter_send_failed_metric_points_total", FAILURE),
    ("otelcol_exporter_send_failed_spans_total", FAILURE),
    ("", "`otel_metric_overflow`: no instrument of the program can meet its limit with closed label sets"),
];

/// Blocks of runbooks that return nothing on the scripted day: file, language, reason.
const SILENT: &[(&str, &str, &str)] = &[
    ("BackendDiscards.md", "promql", "nothing is discarded"),
    ("TodoMetricOverflow.md", "promql", "nothing overflows"),
    ("TodoAiAcceptanceLow.md", "traceql", "the vendor is always sure"),
    ("CollectorFailed.md", "promql", "a rate of a counter that is as old as the one thing it counted"),
    ("CollectorRefused.md", "promql", "a rate of a counter that is as old as the one thing it counted"),
];

const FAILURE: &str = "the Collector makes it at the first failure of an exporter";

/// Most series of the program's own metrics, whatever it does.
const SERIES: usize = 3000;

/// Most streams in Loki: one per service and severity of nothing else.
const STREAMS: usize = 3;

const RATE_INTERVAL: &str = "1m";

#[test]
fn everything_an_operator_sees_has_data() {
    let name = "everything_an_operator_sees_has_data";
    let Some(stack) = Stack::start() else {
        return not_run(name, "a Prometheus that takes OTLP, tempo, loki, otelcol (STACK_BIN_DIR, then PATH)");
    };
    if !stack.absent().is_empty() {
        not_run(name, &format!("what needs {} (STACK_BIN_DIR, then PATH)", stack.absent().join(", ")));
    }
    let url = |server: &str, port: &str| stack.has(server).then(|| stack.url(port));
    let (prometheus, tempo, loki) = (stack.url("PROMETHEUS"), url("tempo", "TEMPO"), url("loki", "LOKI"));
    let servers = Servers::new(Some(&prometheus), tempo.as_deref(), loki.as_deref()).unwrap();
    let began = unix_now() - 5;
    let window = || Window { from: began, to: unix_now(), step: 5 };

    let mut telemetry = vec![
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".into()),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", format!("{prometheus}/api/v1/otlp/v1/metrics")),
    ];
    telemetry.push(match &tempo {
        Some(_) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/v1/traces", stack.url("TEMPO_OTLP_HTTP"))),
        None => ("OTEL_TRACES_EXPORTER", "none".into()),
    });
    telemetry.push(match &loki {
        Some(loki) => ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", format!("{loki}/otlp/v1/logs")),
        None => ("OTEL_LOGS_EXPORTER", "none".into()),
    });
    let mut losing = Installation::new(telemetry.clone());
    if loki.is_some() {
        losing.lose_logs();
    }
    let mut direct = Installation::new(telemetry);
    direct.live();
    verify(&direct, &stack, "directly");
    for (protocol, port) in [("http/protobuf", "COLLECTOR_HTTP"), ("grpc", "COLLECTOR_GRPC")] {
        if stack.has("collector") && stack.absent().is_empty() {
            let through = Installation::new(vec![
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.into()),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", stack.url(port)),
            ]);
            through.ends_with(0, &["add", "Buy bread"]);
            verify(&through, &stack, protocol);
        }
    }

    let mut problems = probe_panels(&servers, window);
    problems.extend(rules_have_data(&stack, &servers));
    problems.extend(runbooks_run(&servers, window()));
    walk(&servers, window());
    budgets(&direct, &servers, window());
    if stack.absent().is_empty() {
        offline(&stack, &servers);
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// The configurations that ship, held against the programs that read them. Not that of Prometheus: its server has no such
/// check, and promtool 2 does not know `otlp`.
#[test]
fn shipped_configurations_are_accepted() {
    let path = |file: &str| deploy().join(file).display().to_string();
    let checks = [
        ("tempo", vec!["-config.verify=true".into(), format!("-config.file={}", path("tempo/tempo.yaml"))]),
        ("loki", vec!["-verify-config".into(), format!("-config.file={}", path("loki/loki.yaml"))]),
        ("otelcol-contrib", vec!["validate".into(), format!("--config={}", path("collector/otelcol.yaml"))]),
        ("otelcol-contrib", vec!["validate".into(), format!("--config={}", path("collector/otelcol-delta.yaml"))]),
        ("amtool", vec!["check-config".into(), path("alertmanager/alertmanager.yml")]),
    ];
    for (program, arguments) in checks {
        let Some(found) = servers::find(&[program]) else {
            not_run("shipped_configurations_are_accepted", &format!("{program} (STACK_BIN_DIR, then PATH)"));
            continue;
        };
        let output = std::process::Command::new(found).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {}{said}", String::from_utf8_lossy(&output.stdout));
    }
}

/// One mark, followed into each backend by the program itself.
fn verify(installation: &Installation, stack: &Stack, way: &str) {
    let servers: Vec<(&str, String)> =
        [("prometheus", "--prometheus", "PROMETHEUS"), ("tempo", "--tempo", "TEMPO"), ("loki", "--loki", "LOKI")]
            .into_iter()
            .filter(|(name, ..)| stack.has(name))
            .map(|(_, flag, port)| (flag, stack.url(port)))
            .collect();
    let mut arguments = vec!["telemetry", "verify"];
    arguments.extend(servers.iter().flat_map(|(flag, url)| [*flag, url]));
    let run = installation.run(&arguments);
    println!("verify {way}:\n{}", run.stdout.lines().take(1 + servers.len()).collect::<Vec<_>>().join("\n"));
    assert_eq!(run.code, Some(0), "{way}:\n{}\n{}", run.stdout, run.stderr);
}

/// Every query of every panel, until all have data or the time is over.
fn probe_panels(servers: &Servers, window: impl Fn() -> Window) -> Vec<String> {
    let excused = |panel: &str| EMPTY.iter().any(|(title, _)| *title == panel);
    let deadline = Instant::now() + Duration::from_secs(90);
    let probed = loop {
        let probed = panels::probe(servers, RATE_INTERVAL, |_| window());
        let done = probed.iter().all(|p| p.points.as_ref().is_ok_and(|points| *points > 0) || excused(p.panel));
        if done || Instant::now() > deadline {
            break probed;
        }
        thread::sleep(Duration::from_secs(1));
    };
    println!("\n| dashboard | panel | points | query |\n|---|---|---|---|");
    for p in &probed {
        let points = p.points.as_ref().map_or_else(|error| format!("REFUSED {error}"), usize::to_string);
        println!("| {} | {} | {points} | `{}` |", p.dashboard, p.panel, p.query.replace('|', "\\|"));
    }
    let targets =
        dashboards::dashboards().into_iter().flat_map(|dashboard| dashboard.panels).flat_map(|panel| panel.targets);
    assert_eq!(probed.len(), targets.filter(|target| servers.has(target.source)).count(), "every query is asked");
    probed
        .iter()
        .filter(|p| !excused(p.panel) && p.points.as_ref().map_or(true, |points| *points == 0))
        .map(|p| format!("{}: {}: {:?}: {}", p.dashboard, p.panel, p.points, p.query))
        .collect()
}

/// Prometheus evaluates every rule without an error; every recorded name and every series that a rule reads exists.
fn rules_have_data(stack: &Stack, servers: &Servers) -> Vec<String> {
    let rules = servers.get(Source::Prometheus, "api/v1/rules", &[]).unwrap();
    let rules: Vec<&Value> = list(&rules["data"]["groups"]).flat_map(|group| list(&group["rules"])).collect();
    assert!(rules.len() > 60, "{}", rules.len());
    let mut problems = BTreeSet::new();
    println!("\n| rule | selector | series |\n|---|---|---|");
    for rule in rules {
        let (name, query) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        if rule["health"] != "ok" {
            problems.insert(format!("{name}: {}", rule["lastError"]));
        }
        let mut selectors = queries::selectors(servers, query);
        if rule["type"] == "recording" {
            let id = rule["labels"]["sloth_id"].as_str().unwrap();
            selectors = vec![(name.to_owned(), format!("{name}{{sloth_id=\"{id}\"}}"))];
        }
        for (metric, selector) in selectors {
            let count = count(servers, &format!("count(last_over_time({selector}[15m]))"));
            println!("| {name} | `{}` | {count} |", selector.replace('|', "\\|"));
            let excused = ABSENT.iter().any(|(absent, _)| *absent == metric)
                || stack.absent().iter().any(|server| metric.starts_with(prefix(server)));
            if count == 0 && !excused {
                problems.insert(format!("{name}: no series {selector}"));
            }
        }
    }
    problems.into_iter().collect()
}

/// Every block of every runbook is a query that its server takes and answers with data.
fn runbooks_run(servers: &Servers, window: Window) -> Vec<String> {
    let mut problems = Vec::new();
    let mut asked = 0;
    println!("\n| runbook | language | points |\n|---|---|---|");
    for file in fs::read_dir(deploy().join("runbooks")).unwrap().map(|file| file.unwrap().path()) {
        for (language, query) in queries::blocks(&fs::read_to_string(&file).unwrap()) {
            let source = match language.as_str() {
                "promql" => Source::Prometheus,
                "logql" => Source::Loki,
                "traceql" => Source::Tempo,
                _ => continue,
            };
            if !servers.has(source) {
                continue;
            }
            let points = servers.points(source, &query, false, window);
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            println!("| {name} | {language} | {points:?} |");
            let silent = SILENT.iter().any(|(file, block, _)| (*file, *block) == (&*name, &*language));
            match points {
                Ok(0) if !silent => problems.push(format!("{name}: no data: {query}")),
                Ok(_) => {}
                Err(error) => problems.push(format!("{name}: {query}: {error}")),
            }
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked} queries in runbooks");
    problems
}

/// From an exemplar to its trace, from the trace to its log lines and back.
fn walk(servers: &Servers, window: Window) {
    if !servers.has(Source::Tempo) || !servers.has(Source::Loki) {
        return;
    }
    let (start, end) = (window.from.to_string(), (window.to + 60).to_string());
    let parameters = [("query", "todo_command_duration_seconds_bucket"), ("start", &*start), ("end", &*end)];
    let found = servers.get(Source::Prometheus, "api/v1/query_exemplars", &parameters).unwrap();
    let mut walked = 0;
    for series in list(&found["data"]) {
        let command = series["seriesLabels"]["todo_command"].as_str().unwrap();
        for exemplar in list(&series["exemplars"]) {
            let trace = exemplar["labels"]["trace_id"].as_str().unwrap();
            let stored = servers.get(Source::Tempo, &format!("api/v2/traces/{trace}"), &[]).unwrap().to_string();
            assert!(stored.contains(&format!("todo.command.{command}")), "{trace} is no trace of {command}");
            let lines = format!(r#"{{service_namespace="todo"}} | trace_id="{trace}""#);
            let lines = servers.points(Source::Loki, &lines, false, Window { to: window.to + 60, ..window }).unwrap();
            walked += usize::from(lines > 0);
            println!("exemplar of {command} -> trace {trace} -> {lines} log lines");
        }
    }
    assert!(walked > 0, "no exemplar leads to a trace and its log lines: {found}");
    links(servers, Window { to: window.to + 60, ..window });
}

/// The other directions, by the queries that Grafana's data sources are provisioned with.
fn links(servers: &Servers, window: Window) {
    let provisioned = fs::read_to_string(deploy().join("grafana/provisioning/datasources/todo.yaml")).unwrap();
    let provisioned: Value = serde_saphyr::from_str(&provisioned).unwrap();
    let source = |name: &str| {
        list(&provisioned["datasources"]).find(|source| source["type"] == name).unwrap()["jsonData"].clone()
    };
    let (loki, tempo) = (source("loki"), source("tempo"));

    // Logs to trace and logs to metrics: the derived fields are labels of real lines.
    let lines = r#"{service_namespace="todo"} | trace_id!="" | todo_command="add""#;
    let (start, end) = (format!("{}000000000", window.from), format!("{}000000000", window.to));
    let parameters = [("query", lines), ("start", &*start), ("end", &end), ("limit", "20")];
    let answer = servers.get(Source::Loki, "loki/api/v1/query_range", &parameters).unwrap();
    let line = list(&answer["data"]["result"]).next().expect("a line of `add`")["stream"].clone();
    for field in list(&loki["derivedFields"]) {
        let label = field["matcherRegex"].as_str().unwrap();
        assert!(line[label].is_string(), "no label {label} on {line}");
    }
    let trace = line["trace_id"].as_str().unwrap();
    servers.get(Source::Tempo, &format!("api/v2/traces/{trace}"), &[]).expect("the line's trace");

    // Trace to logs: the lines of that trace only.
    let logs = &tempo["tracesToLogsV2"];
    let tag = logs["tags"][0]["value"].as_str().unwrap();
    let query = logs["query"].as_str().unwrap();
    let query = query.replace("$${__tags}", &format!("{tag}=\"todo-cli\"")).replace("$${__trace.traceId}", trace);
    assert!(servers.points(Source::Loki, &query, false, window).unwrap() > 0, "{query}");

    // Trace to metrics: every named query.
    let metrics = &tempo["tracesToMetrics"];
    let tags = |tag: &Value| match tag["value"].as_str().unwrap() {
        "todo_command" => "todo_command=\"add\"".to_owned(),
        label => format!("{label}=\"todo-cli\""),
    };
    let tags: Vec<String> = list(&metrics["tags"]).map(tags).collect();
    for query in list(&metrics["queries"]) {
        let query = query["query"].as_str().unwrap().replace("$$__tags", &tags.join(","));
        assert!(servers.points(Source::Prometheus, &query, false, window).unwrap() > 0, "{query}");
    }

    // Trace to trace: a job's span links to the command that enqueued it.
    let (start, end) = (window.from.to_string(), window.to.to_string());
    let parameters = [("q", r#"{ name = "enqueue enrichment" }"#), ("start", &*start), ("end", &end)];
    let enqueued = servers.get(Source::Tempo, "api/search", &parameters).unwrap();
    let linked = list(&enqueued["traces"]).filter(|trace| {
        let query =
            format!(r#"{{ name = "process enrichment" && link:traceID = "{}" }}"#, trace["traceID"].as_str().unwrap());
        servers.points(Source::Tempo, &query, false, window).unwrap() > 0
    });
    let linked = linked.count();
    println!("log -> trace, log -> command, trace -> logs, trace -> metrics; {linked} jobs link to their command");
    assert!(linked > 0, "no job links to the command that enqueued it");
}

/// 200 more runs make no new series and no new stream.
fn budgets(installation: &Installation, servers: &Servers, window: Window) {
    let own = r#"count({__name__=~"todo_.+|todos_.+|ai_.+"})"#;
    let installations = "count(count by (instance) (todo_commands_total))";
    let runs = AtomicUsize::new(0);
    let total = r#"sum(todo_commands_total{todo_command="list",outcome="ok"})"#;
    let (before, instances, counted) = (count(servers, own), count(servers, installations), count(servers, total));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while runs.fetch_add(1, Ordering::Relaxed) < 200 {
                    installation.ends_with(0, &["list"]);
                }
            });
        }
    });
    let deadline = Instant::now() + Duration::from_secs(120);
    while count(servers, total) < counted + 200 {
        assert!(Instant::now() < deadline, "{} of {} runs were counted", count(servers, total), counted + 200);
        thread::sleep(Duration::from_millis(500));
    }
    let after = count(servers, own);
    let streams = servers.get(
        Source::Loki,
        "loki/api/v1/series",
        &[("match[]", r#"{service_namespace="todo"}"#), ("start", &format!("{}000000000", window.from))],
    );
    let streams = streams.map_or(0, |answer| list(&answer["data"]).count());
    println!(
        "\nbudgets: {before} series before 200 runs, {after} after (at most {SERIES}); {streams} streams (at most {STREAMS}); {instances} installations; exactly 200 runs counted"
    );
    assert_eq!(count(servers, total), counted + 200, "a run was counted twice");
    assert_eq!(count(servers, installations), instances, "a run made an installation of its own");
    assert!(after <= SERIES && after <= before + 40, "{before} series became {after}");
    assert!(streams <= STREAMS, "{streams} streams");
}

/// Commands while every server is away, then a worker when they are back: nothing is lost, nothing counted twice, and each
/// trace is found where it happened, not where it arrived.
fn offline(stack: &Stack, servers: &Servers) {
    const RUNS: usize = 30;
    let away = ["TEMPO_OTLP_HTTP", "PROMETHEUS", "LOKI"].map(|server| {
        let proxy = Proxy::start(([127, 0, 0, 1], stack.port(server)).into());
        proxy.otherwise(Fault::Reset);
        proxy
    });
    let [tempo, prometheus, loki] = away.each_ref().map(Proxy::url);
    let mut installation = Installation::new(vec![
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".into()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{tempo}/v1/traces")),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", format!("{prometheus}/api/v1/otlp/v1/metrics")),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", format!("{loki}/otlp/v1/logs")),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=train".into()),
    ]);
    let began = unix_now();
    for _ in 0..RUNS {
        installation.ends_with(0, &["add", "Written on the train", "--no-enrich"]);
    }
    let ended = unix_now() + 1;
    let created = r#"sum(todos_created_total{deployment_environment_name="train"})"#;
    assert_eq!(count(servers, created), 0, "the servers were not away");
    away.iter().for_each(|proxy| proxy.otherwise(Fault::Pass));
    // Later than the last of the commands, so that the search below finds none by the time of its arrival.
    thread::sleep(Duration::from_secs(3));
    let back = Instant::now();
    installation.live_on();

    let totals = [
        created,
        r#"sum(todo_commands_total{deployment_environment_name="train",todo_command="add",outcome="ok"})"#,
        r#"sum(todo_command_duration_seconds_count{deployment_environment_name="train",todo_command="add"})"#,
        r#"sum(traces_spanmetrics_calls_total{deployment_environment_name="train",span_name="todo.command.add"})"#,
    ];
    let (start, end) = (began.to_string(), ended.to_string());
    let query = r#"{ resource.deployment.environment.name = "train" && name = "todo.command.add" }"#;
    let found = || {
        let parameters = [("q", query), ("start", &*start), ("end", &*end), ("limit", "100")];
        let found = servers.get(Source::Tempo, "api/search", &parameters).unwrap();
        list(&found["traces"]).filter_map(|trace| trace["traceID"].as_str().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while totals.map(|query| count(servers, query)) != [RUNS; 4] || found().len() != RUNS {
        let counted = totals.map(|query| count(servers, query));
        assert!(Instant::now() < deadline, "of {RUNS}: {counted:?}, {} found by time", found().len());
        thread::sleep(Duration::from_millis(500));
    }
    for trace in found() {
        servers.get(Source::Tempo, &format!("api/v2/traces/{trace}"), &[]).expect("found by its id");
    }
    println!("offline: {RUNS} runs, all counted and found {:?} after a worker began", back.elapsed());
}

/// How the series that a server makes begin.
fn prefix(server: &str) -> &str {
    match server {
        "collector" => "otelcol_",
        "tempo" => "t",
        server => server,
    }
}

fn count(servers: &Servers, query: &str) -> usize {
    let answer = servers.get(Source::Prometheus, "api/v1/query", &[("query", query)]);
    let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
    let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
    value.unwrap_or(0.0) as usize
}
