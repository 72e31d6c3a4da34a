//! The table of faults names tests that exist, and every row has one.

use std::{collections::BTreeSet, path::Path};

fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            functions(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
            found.extend(names.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_fault_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Ok(table) = std::fs::read_to_string(root.join("docs/faults.md")) else {
        otlp_test_support::not_run("every_fault_has_its_tests", "the repository around the package");
        return;
    };
    let mut known = BTreeSet::new();
    for package in ["todo-otel-runtime", "todo-app"] {
        functions(&root.join(package), &mut known);
    }
    let mut rows = 0;
    for line in table.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Some(Ok(row)) = line.strip_prefix("| ").and_then(|rest| rest.split(' ').next()).map(str::parse::<usize>)
        else {
            continue;
        };
        rows += 1;
        assert_eq!(row, rows, "rows in order");
        let names: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "row {row} has no test");
        for name in names {
            assert!(known.contains(name), "row {row}: there is no test `{name}`");
        }
    }
    assert_eq!(rows, 50);
}
