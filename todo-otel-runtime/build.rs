//! Hands the compiler's version to the resource attribute `process.runtime.version`.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().ok();
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let version = text.split_whitespace().nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=TODO_OTEL_RUSTC_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
}
