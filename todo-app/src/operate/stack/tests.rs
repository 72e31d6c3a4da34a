use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;
use todo_otel_runtime::{
    metrics::{
        InstrumentKind,
        prometheus::{label_name, metric_name},
    },
    names::{Kind, ROWS, Row},
};

use super::*;
use crate::names::TABLE;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

#[test]
fn the_committed_files_are_what_the_program_generates() {
    let drift = drift(&deploy());
    assert!(drift.is_empty(), "run `todo telemetry dashboards --out deploy`; these differ: {drift:?}");
}

#[test]
fn promtool_accepts_every_rule() {
    if Command::new("promtool").arg("--version").output().is_err() {
        otlp_test_support::not_run("promtool_accepts_every_rule", "promtool (Debian's package `prometheus`)");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path()).expect("the files can be written");
    let rules: Vec<_> = ["todo-service.yml", "todo-pipeline.yml", "todo-objectives.yml"]
        .map(|name| folder.path().join("rules").join(name))
        .into();
    let output = Command::new("promtool").args(["check", "rules"]).args(&rules).output().expect("promtool runs");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn panels_do_not_overlap_and_fit_the_grid() {
    for dashboard in panels::dashboards() {
        let rendered = dashboard.render();
        let mut taken = BTreeSet::new();
        for panel in rendered["panels"].as_array().expect("panels") {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a number"));
            assert!(x + w <= 24, "{}: {} leaves the grid", dashboard.uid, panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{}: {} covers another panel", dashboard.uid, panel["title"]);
            }
        }
    }
}

#[test]
fn every_panel_says_what_it_means_and_never_matches_a_bare_bucket_bound() {
    for dashboard in panels::dashboards() {
        for panel in &dashboard.panels {
            assert!(!panel.description.is_empty() && !panel.unit.is_empty(), "{}: {}", dashboard.uid, panel.title);
            assert!(!panel.targets.is_empty(), "{}: {} asks nothing", dashboard.uid, panel.title);
            for target in &panel.targets {
                assert!(
                    !target.query.contains("le=\""),
                    "{}: OTLP writes le=\"5\", OpenMetrics le=\"5.0\"",
                    panel.title
                );
            }
        }
    }
}

#[test]
fn identifiers_are_unique_and_short() {
    let dashboards = panels::dashboards();
    let uids: BTreeSet<_> = dashboards.iter().map(|dashboard| dashboard.uid).collect();
    assert_eq!(uids.len(), dashboards.len());
    assert!(uids.iter().all(|uid| uid.len() <= 40));
    let names = alerts();
    assert_eq!(names.iter().map(|alert| alert.name).collect::<BTreeSet<_>>().len(), names.len());
    for alert in names {
        assert!(uids.contains(alert.dashboard), "{} links to {}", alert.name, alert.dashboard);
    }
}

fn yaml(path: &str) -> Value {
    let path = deploy().join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Alert rules of the committed Prometheus files.
fn committed_alerts() -> Vec<Value> {
    let files = ["todo-service", "todo-pipeline", "todo-objectives"].map(|name| yaml(&format!("rules/{name}.yml")));
    let groups = files.iter().flat_map(|file| array(&file["groups"]));
    groups.flat_map(|group| array(&group["rules"])).filter(|rule| rule["alert"].is_string()).cloned().collect()
}

#[test]
fn copies_for_grafana_say_what_the_rules_say() {
    let copies = yaml("grafana/provisioning/alerting/todo.yaml");
    let copies: Vec<&Value> = array(&copies["groups"][0]["rules"]).collect();
    let alerts = committed_alerts();
    assert_eq!((copies.len(), alerts.len()), (21, 21));
    let mut uids = BTreeSet::new();
    for (copy, alert) in copies.into_iter().zip(&alerts) {
        let text = |value: &Value| value.as_str().map(str::trim).map(str::to_owned);
        assert_eq!(copy["title"], alert["alert"]);
        assert_eq!(text(&copy["data"][0]["model"]["expr"]), text(&alert["expr"]), "{}", copy["title"]);
        assert_eq!(copy["for"], *alert.get("for").unwrap_or(&"0s".into()));
        assert_eq!(copy.get("keepFiringFor"), alert.get("keep_firing_for"), "{}", copy["title"]);
        assert_eq!((&copy["labels"], &copy["annotations"]), (&alert["labels"], &alert["annotations"]));
        assert_eq!(
            copy["data"][1]["model"]["conditions"][0]["evaluator"],
            serde_json::json!({"type": "gt", "params": [0]})
        );
        let uid = copy["uid"].as_str().expect("a uid").to_owned();
        assert!(uid.len() <= 40 && uids.insert(uid), "{}", copy["uid"]);
    }
}

#[test]
fn every_alert_has_a_runbook_and_tests_that_fire_and_stay_quiet() {
    let files = ["service", "pipeline", "objectives"].map(|name| yaml(&format!("rules/tests/{name}.yml")));
    let cases: Vec<&Value> =
        files.iter().flat_map(|file| array(&file["tests"])).flat_map(|test| array(&test["alert_rule_test"])).collect();
    for alert in committed_alerts() {
        let name = alert["alert"].as_str().expect("a name");
        let own = || cases.iter().filter(|case| case["alertname"] == name);
        let fires = |case: &&&Value| array(&case["exp_alerts"]).next().is_some();
        assert!(own().any(|case| fires(&case)), "no test in which {name} fires");
        assert!(own().any(|case| !fires(&case)), "no test in which {name} stays quiet");
        let runbook = fs::read_to_string(deploy().join(format!("runbooks/{name}.md"))).unwrap_or_default();
        for part in ["```promql", "```logql", "```traceql", "amtool silence add", "## Reproduce it"] {
            assert!(runbook.contains(part), "{name}.md has no {part}");
        }
        let url = alert["annotations"]["runbook_url"].as_str().expect("a link");
        assert!(url.ends_with(&format!("/deploy/runbooks/{name}.md")), "{url}");
    }
}

#[test]
fn promtool_runs_the_tests_of_the_rules() {
    if Command::new("promtool").arg("--version").output().is_err() {
        otlp_test_support::not_run("promtool_runs_the_tests_of_the_rules", "promtool (Debian's package `prometheus`)");
        return;
    }
    let tests = ["service", "pipeline", "objectives"].map(|name| deploy().join(format!("rules/tests/{name}.yml")));
    let output = Command::new("promtool").args(["test", "rules"]).args(tests).output().expect("promtool runs");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn every_declared_objective_is_rendered() {
    assert_eq!(objectives::all().len(), objectives::declared(), "an objective without a name and alerts");
    assert_eq!(objectives::all().len(), 3);
}

/// Names that servers and rules make, not this program.
const FOREIGN: [&str; 8] =
    ["traces_spanmetrics_", "otelcol_", "loki_", "tempo_", "prometheus_", "slo:", "sloth_", "target_info"];

/// Every series of the program, with the labels its points may carry.
fn known_series() -> Vec<(String, Vec<String>)> {
    let kind = |row: &Row| match row.kind {
        Kind::Counter | Kind::ObservableCounter => InstrumentKind::Counter,
        Kind::UpDownCounter | Kind::ObservableUpDownCounter => InstrumentKind::UpDownCounter,
        Kind::Histogram => InstrumentKind::Histogram,
        _ => InstrumentKind::Gauge,
    };
    let mut known = Vec::new();
    for row in TABLE.iter().chain(ROWS).filter(|row| row.is_instrument()) {
        let name = metric_name(&row.name_for("todo"), row.unit, kind(row));
        let labels: Vec<String> =
            row.attributes.iter().map(|(key, _)| label_name(&key.replace("{app}", "todo"))).collect();
        let suffixes: &[&str] = if row.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        known.extend(suffixes.iter().map(|suffix| (format!("{name}{suffix}"), labels.clone())));
    }
    known
}

/// Words of a PromQL expression that stand where a metric's name may stand, each with the keys in its braces.
fn names_in(query: &str) -> Vec<(String, Vec<String>)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| word(c) || c == '"' || c == '{' || c == '[') {
        rest = &rest[start..];
        let first = rest.as_bytes()[0];
        if let Some(close) = match first {
            b'"' => Some('"'),
            b'[' => Some(']'),
            b'{' => Some('}'),
            _ => None,
        } {
            let end = rest[1..].find(close).map_or(rest.len(), |end| end + 2);
            rest = &rest[end..];
            continue;
        }
        let end = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
        let variable = query[..query.len() - rest.len()].ends_with('$');
        let (name, after) = rest.split_at(end);
        rest = after;
        if matches!(name, "by" | "without" | "on" | "ignoring" | "group_left" | "group_right") {
            rest = rest.find(')').map_or("", |end| &rest[end..]);
            continue;
        }
        let is_function = after.trim_start().starts_with('(');
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.contains(['_', ':']);
        if !is_function && is_name && !variable {
            let braces = after.strip_prefix('{').and_then(|inside| inside.split('}').next()).unwrap_or_default();
            let keys = braces.split("\",").filter_map(|matcher| matcher.split(['=', '!']).next());
            found.push((
                name.to_owned(),
                keys.map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
            ));
        }
    }
    found
}

#[test]
fn panels_rules_and_runbooks_ask_for_metrics_that_the_program_has() {
    let mut queries: Vec<(String, String)> = Vec::new();
    for dashboard in panels::dashboards() {
        for panel in &dashboard.panels {
            let promql = panel.targets.iter().filter(|target| target.source == dashboard::Source::Prometheus);
            queries.extend(promql.map(|target| (format!("{}: {}", dashboard.uid, panel.title), target.expression())));
        }
    }
    let files = ["todo-service", "todo-pipeline", "todo-objectives"].map(|name| yaml(&format!("rules/{name}.yml")));
    for rule in files.iter().flat_map(|file| array(&file["groups"])).flat_map(|group| array(&group["rules"])) {
        queries.push((rule["expr"].to_string(), rule["expr"].as_str().expect("an expression").to_owned()));
    }
    for file in fs::read_dir(deploy().join("runbooks")).expect("runbooks") {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("readable");
        let blocks = text.split("```promql").skip(1).filter_map(|block| block.split("```").next());
        queries.extend(blocks.map(|block| (path.display().to_string(), block.to_owned())));
    }
    let known = known_series();
    let resource = [
        "service_namespace",
        "service_name",
        "service_version",
        "deployment_environment_name",
        "instance",
        "job",
        "le",
    ];
    let mut problems = BTreeSet::new();
    let mut own = 0;
    for (place, query) in &queries {
        for (name, keys) in names_in(query) {
            if FOREIGN.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            own += 1;
            match known.iter().find(|(metric, _)| *metric == name) {
                None => drop(problems.insert(format!("{place}: {name} is in no table of names"))),
                Some((_, labels)) => {
                    let unknown = keys.iter().filter(|key| !labels.contains(key) && !resource.contains(&key.as_str()));
                    problems.extend(unknown.map(|key| format!("{place}: {name} has no label {key}")));
                }
            }
        }
    }
    assert!(own > 150, "{own} names were looked at");
    assert!(problems.is_empty(), "{}", problems.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Shapes of Grafana's provisioning files; a key that is not among them is a spelling mistake.
mod provisioning {
    #![expect(dead_code, reason = "only read by the parser")]
    use serde::Deserialize;
    use serde_json::Value;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct DataSources {
        api_version: u8,
        pub datasources: Vec<DataSource>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct DataSource {
        name: String,
        #[serde(rename = "type")]
        pub kind: String,
        pub uid: String,
        url: String,
        is_default: Option<bool>,
        json_data: JsonData,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct JsonData {
        http_method: Option<String>,
        time_interval: Option<String>,
        exemplar_trace_id_destinations: Option<Vec<Exemplar>>,
        derived_fields: Option<Vec<DerivedField>>,
        service_map: Option<Value>,
        node_graph: Option<Value>,
        traces_to_logs_v2: Option<TracesTo>,
        traces_to_metrics: Option<TracesTo>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Exemplar {
        name: String,
        datasource_uid: String,
        url_display_label: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct DerivedField {
        name: String,
        matcher_type: String,
        matcher_regex: String,
        datasource_uid: Option<String>,
        url: String,
        url_display_label: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct TracesTo {
        datasource_uid: String,
        span_start_time_shift: String,
        span_end_time_shift: String,
        tags: Vec<Tag>,
        custom_query: Option<bool>,
        query: Option<String>,
        queries: Option<Vec<Named>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tag {
        key: String,
        value: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
        query: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Dashboards {
        api_version: u8,
        pub providers: Vec<Provider>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub struct Provider {
        name: String,
        folder: String,
        #[serde(rename = "type")]
        kind: String,
        disable_deletion: bool,
        allow_ui_updates: bool,
        options: Value,
    }
}

#[test]
fn provisioning_files_have_only_keys_that_grafana_knows() {
    let sources: provisioning::DataSources =
        serde_json::from_value(yaml("grafana/provisioning/datasources/todo.yaml")).expect("data sources");
    let kinds: Vec<_> = sources.datasources.iter().map(|source| (source.kind.as_str(), source.uid.as_str())).collect();
    assert_eq!(kinds, [("prometheus", "prometheus"), ("loki", "loki"), ("tempo", "tempo")]);
    for file in ["grafana/provisioning/dashboards/todo.yaml", "lgtm/dashboards.yaml"] {
        let dashboards: provisioning::Dashboards = serde_json::from_value(yaml(file)).expect(file);
        assert_eq!(dashboards.providers.len(), 1);
    }
}

#[test]
fn compose_files_use_the_pinned_versions_on_loopback_only() {
    let versions = fs::read_to_string(deploy().join("versions.toml")).expect("versions");
    let versions: toml::Table = toml::from_str(&versions).expect("TOML");
    let pinned: BTreeSet<&str> = versions.values().filter_map(|image| image["image"].as_str()).collect();
    let mut used = BTreeSet::new();
    for file in ["docker-compose.observability.yml", "docker-compose.lgtm.yml"] {
        for (name, service) in yaml(file)["services"].as_object().expect("services") {
            let image = service["image"].as_str().expect("an image").to_owned();
            assert!(pinned.contains(image.as_str()), "{file}: {name}: {image} is not in versions.toml");
            assert!(!image.ends_with(":latest"));
            used.insert(image);
            for port in array(&service["ports"]) {
                assert!(port.as_str().expect("a port").starts_with("127.0.0.1:"), "{file}: {name}: {port}");
            }
        }
    }
    assert_eq!(used.len(), pinned.len(), "an image that nothing uses");
}
