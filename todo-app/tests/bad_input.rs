//! What goes wrong outside the program: a clear error, the right code, nothing half-written.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use serde_json::Value;

mod common;
use common::{Home, Run};

fn connect(home: &Home) -> SqliteConnection {
    SqliteConnection::establish(home.database().to_str().unwrap()).unwrap()
}

#[test]
fn bad_values_are_refused_and_nothing_is_stored() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    let long = "x".repeat(501);
    for (arguments, expected) in [
        (&["add", ""][..], "the title is empty"),
        (&["add", " \t"], "the title is empty"),
        (&["add", &long], "501 characters, at most 500"),
        (&["add", "t", "--due", "2026-02-30"], "does not exist in the calendar"),
        (&["add", "t", "--due", "someday"], "is not a date"),
        (&["add", "t", "--priority", "urgent"], "is no priority"),
        (&["add", "t", "--tag", "two words"], "no blanks"),
        (&["add", "t", "--project", " "], "project is empty"),
        (&["edit", "1"], "nothing to change"),
        (&["edit", "1", "--estimate", "soon"], "no length of time"),
        (&["edit", "1", "--title", ""], "the title is empty"),
        (&["list", "--due", "31.2."], "no date to filter by"),
        (&["accept", "--todo", "1", "--field", "title"], "no field that suggestions are made for"),
        (&["show", "zero"], "invalid value 'zero'"),
        (&["show", "0"], "0 is not in 1.."),
        (&["complete"], "required arguments"),
        (&["add"], "required arguments"),
        (&["frobnicate"], "unrecognized subcommand"),
    ] {
        let said = home.fails(2, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(home.json(&["list", "--all"])["todos"].as_array().unwrap().len(), 1);
}

#[test]
fn unknown_numbers_are_named_and_nothing_else_changes() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    for verb in ["complete", "reopen", "delete"] {
        let said = home.fails(3, &[verb, "1", "41", "42"]);
        assert!(said.contains("no todo with number 41, 42"), "{said}");
        assert_eq!(home.json(&["show", "1"])["todo"]["status"], "open", "{verb}");
    }
    for arguments in
        [&["show", "9"][..], &["edit", "9", "--title", "x"], &["suggestions", "9"], &["accept", "--todo", "9"]]
    {
        assert!(home.fails(3, arguments).contains("no todo with number 9"), "{arguments:?}");
    }
}

#[test]
fn errors_have_a_shape_for_programs() {
    let home = Home::new();
    for (arguments, kind) in [
        (&["show", "9", "--json"][..], "not_found"),
        (&["add", "", "--json"], "invalid_input"),
        (&["--json", "frobnicate"], "usage"),
        (&["list", "--json", "--db", "postgres://x"], "database"),
        (&["list", "--json", "--config", "/nonexistent.toml"], "config"),
    ] {
        let run = home.run(arguments);
        assert_eq!(run.stdout, "");
        let document: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!(document["error"]["kind"], kind, "{document}");
        assert!(!document["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn escape_sequences_reach_neither_terminal_nor_reader_raw() {
    let home = Home::new();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m \u{202e}txt.exe\u{2066} a\rb\u{e0041}";
    let mut seen = home.ok(&["add", evil, "--tag", "x\u{202e}y", "--project", evil, "--description", evil]);
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["show", "1"],
        &["suggestions"],
        &["suggestions", "--json"],
        &["stats"],
        &["complete", "1"],
    ] {
        seen.push_str(&home.ok(arguments));
    }
    seen.push_str(&home.run(&["add", "t", "--no-enrich", "--due", evil]).stderr);
    seen.push_str(&home.run(&["add", "t", "--no-enrich", "--priority", evil]).stderr);
    seen.push_str(&home.run(&["show", evil]).stderr);
    seen.push_str(&home.run(&["show", evil, "--json"]).stderr);
    seen.push_str(&home.run(&["list", "--db", &format!("/nonexistent/{evil}/x")]).stderr);
    assert!(seen.contains("\\u{1b}"), "shown, not dropped: {seen}");
    let raw: Vec<char> = seen.chars().filter(|c| todo_app::output::is_dangerous(*c) && *c != '\n').collect();
    assert!(raw.is_empty(), "{raw:?} in {seen:?}");
    assert_eq!(home.json(&["show", "1"])["todo"]["title"], evil, "stored as it was typed");
}

#[test]
fn a_locked_database_is_waited_for_and_then_reported() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    let mut other = connect(&home);
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let said = home.fails(4, &["add", "two", "--no-enrich"]);
    assert!(said.contains("the database is locked") && said.contains("hint:"), "{said}");
    assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 1, "readers are not held up");
    other.batch_execute("ROLLBACK").unwrap();
    home.ok(&["add", "two", "--no-enrich"]);
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    connect(&home).batch_execute("PRAGMA user_version = 999").unwrap();
    let before = fs::read(home.database()).unwrap();
    let said = home.fails(4, &["list"]);
    assert!(said.contains("schema version 999") && said.contains("update this program"), "{said}");
    assert_eq!(fs::read(home.database()).unwrap(), before);

    fs::write(home.path().join("list.txt"), "milk, bread, a tree and some more things to do\n".repeat(100)).unwrap();
    assert!(home.fails(4, &["list", "--db", "list.txt"]).contains("is not a SQLite database"));
    assert!(home.fails(4, &["list", "--db", "."]).contains("error:"));
    assert!(home.fails(4, &["list", "--db", "list.txt/below"]).contains("cannot open"));
}

#[test]
fn a_damaged_file_is_reported_as_such() {
    let home = Home::new();
    for number in 0..20 {
        home.ok(&["add", &format!("todo {number} {}", "x".repeat(400)), "--no-enrich"]);
    }
    connect(&home).batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = fs::read(home.database()).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = !*byte;
    }
    fs::write(home.database(), bytes).unwrap();
    let said = home.fails(4, &["list"]);
    assert!(said.contains("damaged") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_read_only_database_can_be_read_but_not_written() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    let folder = home.database().parent().unwrap().to_owned();
    if rustix::process::geteuid().is_root() {
        otlp_test_support::not_run("a_read_only_database_can_be_read_but_not_written", "a user that is not root");
        return;
    }
    let set = |mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.database(), fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode | (mode & 0o400) >> 2)).unwrap();
    };
    set(0o400);
    let said = home.fails(4, &["add", "two", "--no-enrich"]);
    set(0o700);
    assert!(said.contains("cannot be written"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    for number in 0..30 {
        home.ok(&["add", &format!("todo {number} {}", "x".repeat(400)), "--no-enrich", "-d", &"y".repeat(60_000)]);
    }
    let mut child = home.command(["list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    for arguments in [&["list"][..], &["list", "--json"], &["--help"], &["version"], &["completions", "bash"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {said}");
        assert!(said.contains("could not be written"), "{said}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich", "-p", "high"]);
    assert!(!home.ok(&["list"]).contains('\u{1b}'));
    assert!(home.ok(&["list", "--color", "always"]).contains("\u{1b}[1;31m"));
    assert!(!home.ok(&["list", "--color", "always", "--json"]).contains('\u{1b}'));
    let output = home.command(["list"]).env("TODO_COLOR", "always").env("NO_COLOR", "1").output().unwrap();
    assert!(output.stdout.contains(&0x1b), "the program's own variable is the more exact wish");
}

#[test]
fn a_signal_ends_the_worker_and_shows_in_its_status() {
    use std::os::unix::process::ExitStatusExt;
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    for (signal, number) in [(rustix::process::Signal::TERM, 15), (rustix::process::Signal::INT, 2)] {
        let mut child = home.command(["worker"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("Waiting for jobs"), "{line}");
        assert_eq!(home.run(&["worker", "--once"]).code, Some(75), "one worker per database");
        let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(number));
    }
}
