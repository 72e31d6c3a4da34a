//! Commands that send delta points to a Collector: `collector/otelcol-delta.yaml` adds them up, Prometheus scrapes the sums.

use std::{fs, thread};

use otlp_test_support::not_run;
use todo_app::operate::verify::servers::Servers;

use crate::{
    alertmanager::{free_port, start, until},
    count,
    scenario::Installation,
    servers::{answers, deploy, find},
};

const THREADS: usize = 6;
const RUNS: usize = 36;

#[test]
fn commands_that_send_delta_points_are_counted_exactly() {
    let name = "commands_that_send_delta_points_are_counted_exactly";
    let (Some(prometheus), Some(collector)) = (find(&["prometheus"]), find(&["otelcol-contrib", "otelcol"])) else {
        return not_run(name, "prometheus, otelcol-contrib (STACK_BIN_DIR, then PATH)");
    };
    let folder = tempfile::tempdir().unwrap();
    let [grpc, http, health, own, page, queries] = [(); 6].map(|()| free_port());
    // The file that ships, on loopback and free ports. Nothing is sent to the other servers here.
    let mut text = fs::read_to_string(deploy().join("collector/otelcol-delta.yaml")).unwrap();
    for (shipped, here) in [
        ("0.0.0.0:4317", format!("127.0.0.1:{grpc}")),
        ("0.0.0.0:4318", format!("127.0.0.1:{http}")),
        ("0.0.0.0:9464", format!("127.0.0.1:{page}")),
        ("0.0.0.0:13133", format!("127.0.0.1:{health}")),
        ("host: 0.0.0.0, port: 8888", format!("host: 127.0.0.1, port: {own}")),
        ("/var/lib/otelcol", folder.path().join("otelcol").display().to_string()),
    ] {
        assert!(text.contains(shipped), "{shipped}");
        text = text.replace(shipped, &here);
    }
    let config = folder.path().join("otelcol.yaml");
    fs::write(&config, text).unwrap();
    let _collector = start(&collector, &[format!("--config={}", config.display())]);
    until("the Collector is not ready", 60, || answers(health, "/"));

    let config = folder.path().join("prometheus.yml");
    let job =
        format!("{{job_name: commands, honor_labels: true, static_configs: [{{targets: [\"127.0.0.1:{page}\"]}}]}}");
    fs::write(&config, format!("global: {{scrape_interval: 1s}}\nscrape_configs: [{job}]\n")).unwrap();
    let _prometheus = start(
        &prometheus,
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{queries}"),
        ],
    );
    until("Prometheus is not ready", 60, || answers(queries, "/-/ready"));

    let commands = Installation::new(vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{http}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".into()),
        ("OTEL_TRACES_EXPORTER", "none".into()),
        ("OTEL_LOGS_EXPORTER", "none".into()),
        ("TODO_CLI_METRICS", "delta".into()),
    ]);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..RUNS / THREADS {
                    commands.ends_with(0, &["add", "Buy milk", "--no-enrich"]);
                }
            });
        }
    });
    let servers = Servers::new(Some(&format!("http://127.0.0.1:{queries}")), None, None).unwrap();
    let totals = [
        "sum(todos_created_total)",
        r#"sum(todo_commands_total{todo_command="add",outcome="ok",service_name="todo-cli"})"#,
        r#"sum(todo_command_duration_seconds_count{todo_command="add"})"#,
        r#"sum(todo_command_duration_seconds_bucket{todo_command="add",le="+Inf"})"#,
    ];
    let counted = || totals.map(|query| count(&servers, query));
    until(&format!("{totals:?}: {:?}", counted()), 60, || counted() == [RUNS; 4]);
    println!("delta points through the Collector: {:?} of {RUNS}", counted());
    assert_eq!(count(&servers, "count(count by (instance) (todos_created_total))"), 1, "one series for all runs");
}
