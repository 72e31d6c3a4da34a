use std::{collections::BTreeSet, path::Path, process::Command};

use super::*;

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
    let objectives = objectives::all();
    let alerts = alerts::service().into_iter().chain(alerts::pipeline());
    let names: Vec<_> = alerts.chain(objectives.iter().flat_map(|objective| objective.burn_alerts())).collect();
    assert_eq!(names.iter().map(|alert| alert.name).collect::<BTreeSet<_>>().len(), names.len());
    for alert in names {
        assert!(uids.contains(alert.dashboard), "{} links to {}", alert.name, alert.dashboard);
    }
}
