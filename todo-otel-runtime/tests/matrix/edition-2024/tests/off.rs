//! Telemetry compiled out: the same tokens, and nothing of the runtime in the build. In a package of its own, because
//! cargo would switch the runtime on for all members of one workspace.

use std::{path::PathBuf, process::Command};

fn cargo(arguments: &[&str]) -> String {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../off");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("off");
    let run = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo");
    let (said, complained) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "cargo {arguments:?}:\n{said}\n{complained}");
    said.into_owned()
}

#[test]
fn the_attributes_give_back_the_tokens_they_got() {
    let said = cargo(&["test", "--quiet"]);
    assert!(said.contains("7 passed"), "{said}");
}

#[test]
fn only_the_macros_are_left_in_the_build() {
    let tree = cargo(&["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--no-dedupe"]);
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let left =
        ["proc-macro2", "quote", "switched-off", "syn", "todo-otel-macros", "todo-otel-runtime", "unicode-ident"];
    assert_eq!(names, left);
}
