//! What goes wrong outside the program: a clear error, the right code, nothing half-written.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
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
        (&["add", "t", "--due", "in -3 days"], "is not a date"),
        (&["list", "--db", ""], "a value is required for '--db <FILE>'"),
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
        assert!(!document["error"]["hint"].as_str().unwrap().is_empty(), "{document}");
    }
}

/// From the Unicode tables, beside the product's own list: `Cc`, `Zl`, `Zp`, and of `Cf` and the default ignorables what
/// reorders, hides or cannot be seen. The joiners, which scripts and emoji need, are none of these.
fn is_obeyed_or_unseen(c: char) -> bool {
    const RANGES: [(u32, u32); 16] = [
        (0x0, 0x1f),
        (0x7f, 0x9f),
        (0xad, 0xad),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x180e, 0x180e),
        (0x200b, 0x200b),
        (0x200e, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff9, 0xfffb),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe007f),
    ];
    RANGES.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}

#[test]
fn every_such_character_is_shown_instead_of_obeyed() {
    let home = Home::new();
    let all: Vec<char> = (1..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_obeyed_or_unseen(*c)).collect();
    let mut todo = 0;
    for part in all.chunks(400) {
        home.ok(&["add", &format!("x{}x", part.iter().collect::<String>()), "--no-enrich"]);
        todo += 1;
    }
    for format in [&["list"][..], &["list", "--json"], &["show", &todo.to_string()]] {
        let shown = home.ok(format);
        let raw: Vec<char> = shown.chars().filter(|c| is_obeyed_or_unseen(*c) && *c != '\n').collect();
        assert!(raw.is_empty(), "{format:?}: {raw:?}");
    }
}

#[test]
fn escape_sequences_reach_neither_terminal_nor_reader_raw() {
    let home = Home::new();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m \u{202e}txt.exe\u{2066} a\rb\u{e0041} \u{200b}\u{ad}\u{2060}\u{3164}\u{feff}";
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
    let raw: Vec<char> = seen.chars().filter(|c| is_obeyed_or_unseen(*c) && *c != '\n').collect();
    assert!(raw.is_empty(), "{raw:?} in {seen:?}");
    assert_eq!(home.json(&["show", "1"])["todo"]["title"], evil, "stored as it was typed");
}

#[test]
fn a_locked_database_is_waited_for_and_then_reported() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    let mut other = connect(&home);
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let said = home.fails(4, &["add", "two", "--no-enrich"]);
    assert!(started.elapsed() >= Duration::from_secs(4), "waited for, {:?}", started.elapsed());
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
fn a_database_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    let folder = home.database().parent().unwrap().to_owned();
    let set = |file: u32, directory: u32| {
        fs::set_permissions(home.database(), fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(directory)).unwrap();
    };
    for (file, directory, named) in
        [(0o400, 0o700, home.database()), (0o600, 0o500, folder.clone()), (0o400, 0o500, home.database())]
    {
        set(file, directory);
        for arguments in [&["list"][..], &["show", "1"], &["stats"], &["suggestions"], &["export"]] {
            let run = home.unprivileged(arguments);
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{file:o} {directory:o} {arguments:?}");
            assert!(arguments[0] != "list" || run.stdout.contains("one"), "{}", run.stdout);
        }
        for arguments in [&["add", "two", "--no-enrich"][..], &["complete", "1"], &["undo"]] {
            let run = home.unprivileged(arguments);
            assert_eq!((run.code, run.stdout.as_str()), (Some(4), ""), "{file:o} {directory:o} {arguments:?}");
            let expected = format!("{} cannot be written", named.display());
            assert!(run.stderr.contains(&expected) && run.stderr.contains("hint:"), "{}", run.stderr);
        }
    }
    set(0o600, 0o700);
    assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 1);
}

#[test]
fn looking_into_a_named_database_does_not_make_it() {
    let home = Home::new();
    for verb in [&["list"][..], &["show", "1"], &["stats"], &["export"], &["suggestions"]] {
        let said = home.fails(4, &[verb, &["--db", "none/such/list.db"]].concat());
        assert!(said.contains("none/such/list.db: there is no such file"), "{said}");
    }
    assert!(!home.path().join("none").exists());
    home.ok(&["add", "one", "--no-enrich", "--db", "none/such/list.db"]);
    assert!(home.ok(&["list", "--db", "none/such/list.db"]).contains("one"));
}

#[test]
fn what_changes_nothing_says_so() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    assert_eq!(home.ok(&["reopen", "1"]), "Open already #1 one\n");
    home.ok(&["complete", "1"]);
    assert_eq!(home.ok(&["complete", "1"]), "Done already #1 one\n");
    assert_eq!(home.ok(&["reopen", "1"]), "Open again #1 one\n");
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
    assert!(home.on_terminal(home.command(["list"])).contains("\u{1b}[1;31m"), "a terminal");
    for quiet in [("NO_COLOR", "1"), ("TODO_COLOR", "never")] {
        let mut command = home.command(["list"]);
        command.env(quiet.0, quiet.1);
        assert!(!home.on_terminal(command).contains('\u{1b}'), "{quiet:?}");
    }
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
