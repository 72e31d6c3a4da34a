//! From a rule to a person: Prometheus evaluates, Alertmanager groups, inhibits and calls a webhook. Debian's versions are
//! enough.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use otlp_test_support::{
    not_run,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};

use crate::servers::{answers, deploy, find};

/// A server that ends with its handle.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start(program: &Path, arguments: &[String]) -> Server {
    let mut command = Command::new(program);
    Server(command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
pub fn until(what: &str, limit: u64, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(limit);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The Alertmanager that ships, with a webhook in the place of the empty receiver and without waiting times.
fn alertmanager(program: &Path, folder: &Path, webhook: &str) -> (Server, u16) {
    let text = fs::read_to_string(deploy().join("alertmanager/alertmanager.yml")).unwrap();
    assert!(text.contains("group_wait: 10s") && text.contains("  - name: default\n"), "{text}");
    let text = text
        .replace("group_wait: 10s", "group_wait: 1s\n  group_interval: 1s")
        .replace("  - name: default\n", &format!("  - name: default\n    webhook_configs: [{{url: \"{webhook}\"}}]\n"));
    let config = folder.join("alertmanager.yml");
    fs::write(&config, text).unwrap();
    let port = free_port();
    let server = start(
        program,
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", folder.join("alertmanager").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".into(),
        ],
    );
    until("Alertmanager is not ready", 60, || answers(port, "/-/ready"));
    (server, port)
}

/// Status and name of every alert that the webhook was told.
fn told(webhook: &Peer) -> Vec<(String, Value)> {
    let bodies = webhook.requests().into_iter().map(|request| request.json());
    let alerts = bodies.flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default());
    alerts.map(|alert| (alert["status"].as_str().unwrap_or_default().to_owned(), alert)).collect()
}

#[test]
fn an_alert_reaches_its_receiver_and_so_does_its_end() {
    let name = "an_alert_reaches_its_receiver_and_so_does_its_end";
    let (Some(prometheus), Some(program)) = (find(&["prometheus"]), find(&["alertmanager", "prometheus-alertmanager"]))
    else {
        return not_run(name, "prometheus, prometheus-alertmanager");
    };
    let folder = tempfile::tempdir().unwrap();
    let webhook = Peer::start([Answer::json(&json!({}))]);
    let (_alertmanager, alerts) = alertmanager(&program, folder.path(), &webhook.url());

    // A server of the stack that is away for its first ten scrapes.
    let page = Answer::new(200, "up_and_running 1\n").header("content-type", "text/plain; version=0.0.4");
    let target = Peer::start((0..10).map(|_| Answer::new(503, "away")).chain([page]));
    let rules = fs::read_to_string(deploy().join("rules/todo-pipeline.yml")).unwrap();
    let rules = rules
        .replace("interval: 1m", "interval: 1s")
        .replace("for: 5m", "for: 1s")
        .replace("keep_firing_for: 10m", "keep_firing_for: 1s");
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"127.0.0.1:{alerts}\"]}}]}}]}}\n\
         scrape_configs: [{{job_name: stack, static_configs: [{{targets: [\"{}\"]}}]}}]\n",
        target.address()
    );
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let _prometheus = start(
        &prometheus,
        &[
            format!("--config.file={}", folder.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{}", free_port()),
        ],
    );
    let has = |status: &str| told(&webhook).into_iter().find(|(told, _)| told == status).map(|(_, alert)| alert);
    until("no alert reached the webhook", 60, || has("firing").is_some());
    let alert = has("firing").unwrap();
    assert_eq!(alert["labels"]["alertname"], "StackDown", "{alert}");
    assert_eq!(alert["labels"]["severity"], "ticket", "{alert}");
    assert!(alert["annotations"]["runbook_url"].as_str().unwrap().ends_with("/StackDown.md"), "{alert}");
    assert_eq!(alert["annotations"]["dashboard"], "todo-infrastructure");
    until("its end did not", 60, || has("resolved").is_some());
    assert!(told(&webhook).iter().all(|(_, alert)| alert["labels"]["alertname"] == "StackDown"), "nothing else fired");
}

#[test]
fn a_page_inhibits_the_ticket_of_its_own_objective_only() {
    let name = "a_page_inhibits_the_ticket_of_its_own_objective_only";
    let (Some(program), Some(amtool)) = (find(&["alertmanager", "prometheus-alertmanager"]), find(&["amtool"])) else {
        return not_run(name, "prometheus-alertmanager, amtool");
    };
    let folder = tempfile::tempdir().unwrap();
    let webhook = Peer::start([Answer::json(&json!({}))]);
    let (_alertmanager, port) = alertmanager(&program, folder.path(), &webhook.url());
    for (alert, severity, objective) in [
        ("TodoCommandBudgetFastBurn", "page", "command-success"),
        ("TodoCommandBudgetSlowBurn", "ticket", "command-success"),
        ("TodoAiLatencyBudgetSlowBurn", "ticket", "ai-latency"),
    ] {
        let labels = [("alertname", alert), ("severity", severity), ("service", "todo"), ("sloth_slo", objective)];
        let added = Command::new(&amtool)
            .arg(format!("--alertmanager.url=http://127.0.0.1:{port}"))
            .args(["alert", "add"])
            .args(labels.map(|(key, value)| format!("{key}={value}")))
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
    let heard = || {
        let mut names: Vec<_> =
            told(&webhook).iter().map(|(_, alert)| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    until("the ticket of another objective is missing", 30, || {
        heard().contains(&"TodoAiLatencyBudgetSlowBurn".to_owned())
            && heard().contains(&"TodoCommandBudgetFastBurn".to_owned())
    });
    // Every group waits for one second; the ticket was there before the others were told.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(heard(), ["TodoAiLatencyBudgetSlowBurn", "TodoCommandBudgetFastBurn"]);
}
