//! What somebody relies on who takes the two libraries into another program.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LIBRARIES: [&str; 2] = ["todo-otel-runtime", "todo-otel-macros"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source file below, those that only hold tests left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() && name != "tests" && name != "snapshots" {
            sources(&entry, found);
        } else if name.ends_with(".rs") && !["tests.rs", "snapshots.rs"].contains(&name.as_str()) {
            found.push(entry);
        }
    }
}

#[test]
fn the_libraries_know_nothing_of_the_program() {
    let mut files = Vec::new();
    for library in LIBRARIES {
        sources(&root().join(library).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            // What the libraries are called, and the name of the standard macro.
            let line = line.to_ascii_lowercase();
            let rest = line.replace("todo_otel", "").replace("todo-otel", "").replace("\"todo\",", "");
            assert!(!rest.contains("todo"), "{}:{}: {line}", file.display(), number + 1);
        }
    }
}

#[test]
fn every_feature_is_described_and_every_public_item_must_be() {
    let (manifest, documentation) = (read("todo-otel-runtime/Cargo.toml"), read("todo-otel-runtime/src/lib.rs"));
    let features = manifest.split_once("[features]").unwrap().1.split_once("\n[").unwrap().0;
    let names = features.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let names: Vec<&str> = names.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "default") {
        let mut table = documentation.lines().filter(|line| line.starts_with("//! | `"));
        assert!(table.any(|row| row.contains(&format!("`{name}`"))), "the crate's documentation leaves out `{name}`");
    }
    for library in LIBRARIES {
        assert!(read(&format!("{library}/src/lib.rs")).contains("#![deny(missing_docs)]"), "{library}");
    }
}

#[test]
fn the_minimum_rust_version_is_the_same_everywhere() {
    let manifest = read("Cargo.toml");
    let version = manifest.split_once("rust-version = \"").unwrap().1.split_once('"').unwrap().0;
    for place in ["README.md", "todo-otel-runtime/src/lib.rs"] {
        assert!(read(place).contains(&format!("Rust {version}")), "{place} does not say Rust {version}");
    }
}
