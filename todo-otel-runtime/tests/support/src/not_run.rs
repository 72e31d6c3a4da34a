//! How a test that lacks a server or a right says so, instead of passing in silence.

use std::{fs::OpenOptions, io::Write};

/// Names a check that cannot run here and what it lacks. `.ci/run` gathers these lines through the file named by
/// `NOT_RUN_FILE` into its summary, since the output of a test that returns early is captured.
pub fn not_run(check: &str, missing: &str) {
    let line = format!("{check}: {missing}\n");
    eprint!("NOT RUN: {line}");
    let Some(path) = std::env::var_os("NOT_RUN_FILE") else { return };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    // One write of a short line to a file opened for appending is whole, whatever other tests write.
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        panic!("{}: {error}", path.display());
    }
}
