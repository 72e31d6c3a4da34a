//! What the program says on standard error: errors for programs, the flow for those who want to see it, nothing else.

use otlp_test_support::peer::{Answer, Peer};
use serde_json::Value;

mod common;
use common::{Home, Run};

/// A home, variables, and the exit code that they lead to.
type Broken = (Home, Vec<(&'static str, &'static str)>, i32);

/// Settings that cannot be used: some commands go on without them, some fail.
fn broken() -> Vec<Broken> {
    let file = |text: &str| {
        let home = Home::new();
        home.configure(text);
        home
    };
    vec![
        (file("[ai\nprovider = "), vec![], 6),
        (file("[ai]\nprovider = \"nobody\"\n"), vec![], 6),
        (file("[ai]\nprovder = \"openai\"\n[observability]\nnothing = 1\n"), vec![], 3),
        (Home::new(), vec![("TODO_CONFIG", "/nowhere.toml")], 6),
        (Home::new(), vec![("TODO_LOG_LEVEL", "loud"), ("OTEL_TRACES_SAMPLER", "dice")], 3),
        (Home::new(), vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://nowhere")], 3),
        (Home::new(), vec![("OTEL_CONFIG_FILE", "/nowhere.yaml")], 3),
    ]
}

#[test]
fn with_json_standard_error_is_one_object() {
    for (home, variables, code) in broken() {
        let run = Run::from(home.command(["show", "9", "--json"]).envs(variables.clone()).output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{variables:?} {}", run.stderr);
        let document: Value =
            serde_json::from_str(&run.stderr).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
        assert!(document["error"]["message"].is_string(), "{document}");
        let run = Run::from(home.command(["version", "--json"]).envs(variables).output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_variable_about_the_provider_stops_only_what_asks_the_provider() {
    for (name, value, said) in [
        ("TODO_AI_PROVIDER", "nobody", "unknown value `nobody`"),
        ("OPENAI_API_KEY", "sk-with a blank", "the API key of openai holds white space"),
    ] {
        let home = Home::new();
        let run = |arguments: &[&str]| Run::from(home.command(arguments).env(name, value).output().unwrap());
        for quiet in [&["add", "one", "--no-enrich"][..], &["list"], &["stats"]] {
            let run = run(quiet);
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name} {quiet:?}");
        }
        let saved = run(&["add", "two"]);
        assert_eq!(saved.code, Some(0), "{name}: {}", saved.stderr);
        assert_eq!(saved.stderr.matches(said).count(), 1, "{name}: {}", saved.stderr);
        assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 2, "both are stored");
        let asked = run(&["enrich", "1"]);
        assert_eq!((asked.code, asked.stderr.contains(said)), (Some(6), true), "{name}: {}", asked.stderr);
        let shown = run(&["config", "show"]);
        assert_eq!((shown.code, shown.stderr.contains(said)), (Some(0), true), "{name}: {}", shown.stderr);
        assert!(!shown.stdout.contains("with a blank"), "{}", shown.stdout);
    }
}

#[test]
fn a_fault_is_told_once() {
    for (home, variables, code) in broken() {
        let run = Run::from(home.command(["show", "9"]).envs(variables.clone()).output().unwrap());
        assert_eq!(run.code, Some(code));
        let faults = run.stderr.lines().filter(|line| !line.starts_with("hint:")).count();
        // Who could go on ends with another error, that there is no such todo.
        let expected = match code {
            6 => 1,
            _ => 2 + usize::from(run.stderr.contains("provder")),
        };
        assert_eq!(faults, expected, "{variables:?}: {}", run.stderr);
    }
    let home = Home::new();
    home.configure("[ai\n");
    assert_eq!(home.run(&["list"]).stderr.lines().count(), 2, "error and hint");
}

#[track_caller]
fn once(stderr: &str, words: &str) {
    assert_eq!(stderr.matches(words).count(), 1, "{words:?} in {stderr}");
}

#[test]
fn verbose_shows_the_flow_of_the_program_and_nothing_of_its_libraries() {
    let home = Home::new();
    let run = home.run(&["add", "Buy milk tomorrow", "--verbose"]);
    for words in [
        "schema migrated event=db.migration.applied todo.migration.version=1",
        "store opened db.system.name=sqlite",
        "todo created",
        "provider of suggestions chosen provider=local model=rules-1 todo.setting.source=auto",
        "AI enrichment started",
        "suggestions stored todo.count=",
        "AI enrichment completed",
    ] {
        once(&run.stderr, words);
    }
    let confidence = run.stderr.split("confidence=").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(confidence.len() <= 8, "{confidence}");
    once(&home.run(&["list", "--verbose"]).stderr, "todos found todo.count=1");

    for flag in ["--verbose", "--debug"] {
        let vendor = Peer::start([Answer::new(401, "{}")]);
        let mut command = home.command(["add", "Call mum", flag]);
        let run = Run::from(command.env("OPENAI_BASE_URL", vendor.url()).output().unwrap());
        once(&run.stderr, "the AI provider was asked");
        assert!(run.stderr.contains("OPENAI_BASE_URL"), "why this provider: {}", run.stderr);
        for foreign in ["hyper", "reqwest", "/.cargo/", "/registry/", env!("CARGO_MANIFEST_DIR")] {
            assert!(!run.stderr.contains(foreign), "{flag} {foreign}: {}", run.stderr);
        }
    }
    let vendor = Peer::start([Answer::new(401, "{}")]);
    let mut command = home.command(["add", "Call mum", "--debug"]);
    command.env("OPENAI_BASE_URL", vendor.url()).env("TODO_LOG_LEVEL", "hyper_util=debug");
    let run = Run::from(command.output().unwrap());
    assert!(run.stderr.contains("hyper_util"), "who asks for a library gets it: {}", run.stderr);
    assert!(!run.stderr.contains("/registry/"), "{}", run.stderr);
}

#[test]
fn only_verbose_tells_what_became_of_telemetry() {
    let run = |home: &Home, flags: &[&str]| {
        let mut command = home.command([&["list"], flags].concat());
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").env("CI", "true");
        let run = Run::from(command.output().unwrap());
        assert_eq!(run.code, Some(0));
        run.stderr
    };
    let home = Home::new();
    assert_eq!(run(&home, &[]), "");
    assert_eq!(run(&home, &[]), "", "nobody asked");
    let told = run(&home, &["--verbose"]);
    once(&told, "telemetry is not taken by its receiver: ");
    once(&told, "kept on disk, next try in ");
    once(&told, "telemetry is on disk for its delivery delivered=0 spooled=");
    for line in run(&home, &["--debug"]).lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let mut command = home.command(["list", "--verbose"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:10").env("TODO_EXIT_FLUSH_MS", "0");
    let told = Run::from(command.env("TODO_DETACHED_FLUSH", "false").output().unwrap()).stderr;
    once(&told, "telemetry is on disk for its delivery delivered=0 spooled=");
}
