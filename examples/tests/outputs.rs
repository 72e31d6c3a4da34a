//! Runs every example and compares what it prints with `expected/<name>.txt`. `BLESS=1 cargo test -p todo-otel-examples`
//! writes the files anew: read the difference before you commit it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::{Captures, Regex};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(of: &str, extension: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder(of)).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|found| found == extension));
    files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Standard output, then standard error; nothing of this machine's environment reaches the example.
fn run(name: &str) -> String {
    let target = env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let program = target.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is not built: run `cargo test -p todo-otel-examples`", program.display());
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program).env_clear().env("HOME", home.path()).current_dir(home.path()).output().unwrap();
    assert!(output.status.success(), "{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    format!("{}--- stderr\n{}", text(output.stdout), text(output.stderr))
}

/// Ids by the order in which they turn up, times and ports by what they are, bars not at all.
fn normalised(raw: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let ids = Regex::new(r"\b([0-9a-f]{32}|[0-9a-f]{16})\b").unwrap();
    let text = ids.replace_all(raw, |found: &Captures<'_>| {
        let id = found[0].to_owned();
        let kind = if id.len() == 32 { "trace" } else { "span" };
        let index = seen.iter().position(|known| *known == id).unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        format!("<{kind} {}>", index + 1)
    });
    let text =
        Regex::new(r"\b\d+(\.\d+)? ?(ns|µs|ms|s|min)(\s|,|$)").unwrap().replace_all(&text, "<time>$3").into_owned();
    let text =
        Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap().replace_all(&text, "<uuid>").into_owned();
    let text = Regex::new(r"127\.0\.0\.1:\d\d+").unwrap().replace_all(&text, "127.0.0.1:<port>").into_owned();
    let text = Regex::new(r"[▏▎▍▌▋▊▉█]+").unwrap().replace_all(&text, " ").into_owned();
    // Indentation stays, columns do not.
    let columns = Regex::new(r"(\S)[ ]{2,}").unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            columns
                .replace_all(line, |found: &Captures<'_>| {
                    let rail = &found[1] == "│";
                    if rail { found[0].to_owned() } else { format!("{} ", &found[1]) }
                })
                .trim_end()
                .to_owned()
                + "\n"
        })
        .collect()
}

#[test]
fn every_example_prints_what_is_expected_of_it() {
    let bless = env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names("examples", "rs") {
        let file = folder("expected").join(&name).with_extension("txt");
        let printed = normalised(&run(&name));
        if bless {
            fs::write(&file, &printed).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_else(|_| panic!("{name} has no {}", file.display()));
        if printed != expected {
            wrong.push(format!("== {name} printed\n{printed}\n== and should have printed\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_expectation_belongs_to_an_example_and_every_example_is_listed() {
    let examples = names("examples", "rs");
    assert_eq!(names("expected", "txt").difference(&examples).collect::<Vec<_>>(), Vec::<&String>::new());
    let listed = fs::read_to_string(folder("README.md")).unwrap();
    for name in examples {
        assert!(listed.contains(&format!("[{name}](examples/{name}.rs)")), "examples/README.md does not list {name}");
    }
}

#[test]
fn normalising_keeps_the_shape_and_drops_what_differs() {
    let raw = "trace 0af7651916cd43dd8448eb211c80319c  2 spans, 144 µs\n\
               shop     144 µs  ████▉      cart.items=2\n├─ a  1 ns ▍\n│  └─ b  1.50 ms █ link=0af7651916cd43dd8448eb211c80319c:00f067aa0ba902b7\n\n";
    assert_eq!(
        normalised(raw),
        "trace <trace 1> 2 spans, <time>\nshop <time> cart.items=2\n├─ a <time>\n│  └─ b <time> link=<trace 1>:<span 2>\n"
    );
}
