//! The Grafana stack as data of the program: dashboards, recording and alert rules. `deploy/` holds what is rendered
//! from here; a difference fails the tests.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub mod alerts;
pub mod dashboard;
pub mod grafana;
pub mod objectives;
pub mod panels;
pub mod rules;

#[cfg(test)]
mod tests;

/// Every alert, those of objectives last.
pub fn alerts() -> Vec<rules::Alert> {
    let of_objectives = objectives::all().into_iter().flat_map(|objective| objective.burn_alerts());
    alerts::service().into_iter().chain(alerts::pipeline()).chain(of_objectives).collect()
}

/// Every generated file: path below `deploy/` and contents.
pub fn files() -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = panels::dashboards()
        .into_iter()
        .map(|dashboard| {
            let name = dashboard.uid.trim_start_matches("todo-");
            (Path::new("dashboards").join(format!("{name}.json")), format!("{:#}\n", dashboard.render()))
        })
        .collect();
    let rules = Path::new("rules");
    files.push((rules.join("todo-service.yml"), rules::alert_file("todo", &alerts::service())));
    files.push((rules.join("todo-pipeline.yml"), rules::alert_file("todo-pipeline", &alerts::pipeline())));
    files.push((rules.join("todo-objectives.yml"), rules::objective_file(&objectives::all())));
    files.push(("grafana/provisioning/alerting/todo.yaml".into(), grafana::alert_copies(&alerts())));
    files
}

/// Writes every generated file below `folder`; their paths.
///
/// # Errors
/// The first file or folder that cannot be written.
pub fn write(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (path, contents) in files() {
        let full = folder.join(&path);
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(full, contents)?;
        written.push(path);
    }
    Ok(written)
}

/// The files below `folder` that differ from what would be written.
pub fn drift(folder: &Path) -> Vec<PathBuf> {
    let same = |(path, contents): &(PathBuf, String)| {
        fs::read_to_string(folder.join(path)).is_ok_and(|committed| committed == *contents)
    };
    files().into_iter().filter(|file| !same(file)).map(|(path, _)| path).collect()
}
