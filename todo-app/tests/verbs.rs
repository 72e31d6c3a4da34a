//! Every verb as people use it.

use serde_json::{Value, json};

mod common;
use common::Home;

fn titles(document: &Value) -> Vec<&str> {
    document["todos"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap()).collect()
}

#[test]
fn a_day_with_the_program() {
    let home = Home::new();
    let added = home.json(&[
        "add",
        "Plant a tree",
        "--no-enrich",
        "-p",
        "high",
        "--due",
        "2030-05-01",
        "-t",
        "garden",
        "--tag",
        "#outside",
        "--project",
        "home.garden",
        "-d",
        "A small one\nnear the fence",
    ]);
    assert_eq!(added["todo"]["id"], 1);
    assert_eq!(added["todo"]["priority"], "high");
    assert_eq!(added["todo"]["due"], "2030-05-01");
    assert_eq!(added["todo"]["tags"], json!(["garden", "outside"]));
    assert_eq!(added["todo"]["description"], "A small one\nnear the fence");
    assert_eq!(added["enrichment"]["status"], "skipped");
    home.ok(&["add", "Pay rent", "--no-enrich", "--due", "yesterday"]);
    home.ok(&["add", "Read a book", "--no-enrich"]);

    assert_eq!(titles(&home.json(&["list"])), ["Pay rent", "Plant a tree", "Read a book"]);
    assert_eq!(titles(&home.json(&["list", "--due", "overdue"])), ["Pay rent"]);
    assert_eq!(titles(&home.json(&["list", "--due", "none"])), ["Read a book"]);
    assert_eq!(titles(&home.json(&["list", "--due-after", "2030-01-01"])), ["Plant a tree"]);
    assert_eq!(titles(&home.json(&["list", "--tag", "garden", "-p", "high", "--project", "home"])), ["Plant a tree"]);
    assert_eq!(titles(&home.json(&["list", "TREE"])), ["Plant a tree"]);
    assert_eq!(titles(&home.json(&["list", "--sort", "id", "-n", "2"])), ["Plant a tree", "Pay rent"]);
    // 6 + 2.4 + 0.9 + 1 + 0.8 for the tree, at least 9.1 for a rent that was due yesterday.
    assert_eq!(titles(&home.json(&["list", "--sort", "urgency", "-n", "2"])), ["Plant a tree", "Pay rent"]);
    assert!(home.ok(&["show", "1"]).contains("urgency     11.1"));

    let shown = home.ok(&["show", "1"]);
    assert!(shown.contains("#1 Plant a tree") && shown.contains("near the fence"), "{shown}");
    let edited = home.json(&["edit", "1", "--due", "none", "--untag", "outside", "--estimate", "1h30m", "-p", "low"]);
    assert_eq!(edited["todo"]["due"], Value::Null);
    assert_eq!(edited["todo"]["tags"], json!(["garden"]));
    assert_eq!(edited["todo"]["estimate_minutes"], 90);
    assert_eq!(edited["todo"]["version"], 2);

    assert_eq!(home.ok(&["complete", "1", "2"]), "Done #1 Plant a tree\nDone #2 Pay rent\n");
    assert_eq!(titles(&home.json(&["list", "--done"])).len(), 2);
    assert_eq!(home.ok(&["reopen", "1"]), "Open again #1 Plant a tree\n");
    assert_eq!(home.ok(&["delete", "3"]), "Deleted #3 Read a book\n");
    assert_eq!(titles(&home.json(&["list", "--all"])), ["Plant a tree", "Pay rent"]);
    let stats = home.json(&["stats"]);
    assert_eq!((&stats["stats"]["open"], &stats["stats"]["done"]), (&json!(1), &json!(1)));
    assert!(home.ok(&["stats"]).starts_with("1 open, 1 done, 0 due today, 0 overdue\n"));
    assert!(home.ok(&["list"]).lines().next().unwrap().starts_with("ID"));
}

#[test]
fn suggestions_are_offered_and_people_decide() {
    let home = Home::new();
    let added = home.json(&["add", "Buy milk tomorrow"]);
    assert_eq!(added["enrichment"]["status"], "done");
    let offered = added["enrichment"]["suggestions"].as_array().unwrap().clone();
    assert!(offered.iter().any(|suggestion| suggestion["field"] == "due"), "{offered:?}");
    assert_eq!(home.json(&["show", "1"])["todo"]["due"], Value::Null, "nothing is applied unasked");

    let due = home.json(&["accept", "--todo", "1", "--field", "due"]);
    assert!(due["todos"][0]["due"].is_string());
    let other = offered.iter().find(|suggestion| suggestion["field"] != "due").unwrap()["id"].to_string();
    assert_eq!(home.json(&["reject", &other])["suggestions"][0]["status"], "rejected");
    assert!(home.fails(2, &["accept", &other]).contains("already rejected"));
    assert!(home.fails(3, &["accept", "999"]).contains("no suggestion with number 999"));

    let left = home.json(&["suggestions", "1"])["suggestions"].as_array().unwrap().len();
    assert_eq!(left, offered.len() - 2);
    assert_eq!(home.json(&["suggestions", "--all"])["suggestions"].as_array().unwrap().len(), offered.len());
    home.ok(&["complete", "1"]);
    assert_eq!(home.ok(&["suggestions"]), "No suggestions.\n", "a done todo has nothing left to decide");
}

#[test]
fn enrichment_can_be_asked_for_later() {
    let home = Home::new();
    home.ok(&["add", "Call the dentist", "--no-enrich"]);
    home.ok(&["add", "Buy bread", "--no-enrich"]);
    let one = home.json(&["enrich", "1"]);
    assert_eq!((&one["enrichments"][0]["status"], &one["failed"]), (&json!("done"), &json!(0)));
    let all = home.json(&["enrich", "--all"]);
    assert_eq!(all["enrichments"].as_array().unwrap().len(), 1, "only what was never enriched");
    assert_eq!(home.ok(&["enrich", "--all"]), "Nothing to enrich.\n");
    assert!(home.fails(3, &["enrich", "7"]).contains("no todo with number 7"));
}

#[test]
fn the_worker_does_what_was_left_to_it() {
    let home = Home::new();
    let added = home.json(&["add", "Buy milk tomorrow", "--background"]);
    assert_eq!(added["enrichment"]["status"], "queued");
    assert_eq!(home.ok(&["suggestions"]), "No suggestions.\n");
    home.ok(&["worker", "--once"]);
    assert!(!home.json(&["suggestions"])["suggestions"].as_array().unwrap().is_empty());

    home.ok(&["add", "Call the dentist", "--no-enrich"]);
    home.ok(&["enrich", "2", "--background"]);
    home.ok(&["worker", "--once"]);
    assert!(!home.json(&["suggestions", "2"])["suggestions"].as_array().unwrap().is_empty());
}

#[test]
fn the_database_can_lie_elsewhere() {
    let home = Home::new();
    home.ok(&["add", "here", "--no-enrich", "--db", "my/list.db"]);
    assert!(home.path().join("my/list.db").is_file());
    let listed = home.command(["list", "--json"]).env("TODO_DATABASE_URL", "sqlite://my/list.db").output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("\"here\""));
    assert!(!home.database().exists());
    let refused = home.fails(4, &["list", "--db", "mysql://localhost/todo"]);
    assert!(refused.contains("databases of kind mysql"), "{refused}");
}

#[test]
fn verbs_that_need_no_database_make_none() {
    let home = Home::new();
    assert!(home.ok(&["version"]).starts_with("todo 0.1.0 (SQLite 3."));
    assert!(home.ok(&["--version"]).starts_with("todo 0.1.0"));
    assert!(home.ok(&["--help"]).contains("Usage: todo"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(home.ok(&["completions", shell]).contains("complete"), "{shell}");
    }
    assert!(home.ok(&["man"]).contains(".TH todo 1"));
    assert!(home.ok(&["man", "add"]).contains("todo\\-add") || home.ok(&["man", "add"]).contains("todo-add"));
    assert!(home.fails(2, &["man", "frobnicate"]).contains("there is no verb"));
    assert!(home.ok(&["config", "path"]).trim_end().ends_with("config/todo/config.toml"));
    assert!(home.ok(&["config", "show"]).contains("database.url"));
    home.ok(&["config", "init"]);
    home.ok(&["config", "show"]);
    assert!(home.fails(6, &["config", "init"]).contains("hint:"), "never over an existing file");
    assert!(!home.database().exists());
}

#[test]
fn changes_can_be_taken_back() {
    let home = Home::new();
    home.ok(&["add", "one", "--no-enrich"]);
    home.ok(&["add", "two", "--no-enrich"]);
    home.ok(&["delete", "1", "2"]);
    assert_eq!(home.ok(&["undo"]), "Took back delete: #1 one\nTook back delete: #2 two\n");
    assert_eq!(titles(&home.json(&["list"])).len(), 2);
    assert_eq!(home.json(&["undo"])["operation"], "add");
    assert_eq!(titles(&home.json(&["list"])), ["one"]);
    home.ok(&["undo"]);
    assert_eq!(home.ok(&["undo"]), "Nothing to take back.\n");
}

#[test]
fn notes_are_shown_found_and_travel() {
    let home = Home::new();
    home.ok(&["add", "Plant a tree", "-d", "A small one", "--no-enrich"]);
    assert_eq!(home.ok(&["note", "1", "the", "nursery closes\u{1b}[2J at six"]), "Noted #1 Plant a tree\n");
    home.ok(&["note", "1", "bring a spade"]);
    let shown = home.ok(&["show", "1"]);
    assert!(shown.contains("Z the nursery closes") && !shown.contains('\u{1b}'), "{shown}");
    assert!(shown.find("nursery") < shown.find("spade"), "{shown}");
    assert_eq!(titles(&home.json(&["list", "SPADE", "tree"])), ["Plant a tree"]);
    assert!(home.fails(2, &["note", "1", " "]).contains("the note is empty"));
    assert!(home.fails(3, &["note", "9", "x"]).contains("no todo with number 9"));

    for format in ["json", "taskwarrior"] {
        let file = home.path().join(format);
        std::fs::write(&file, home.ok(&["export", "--format", format])).unwrap();
        let other = Home::new();
        other.ok(&["import", file.to_str().unwrap(), "--format", format]);
        let todo = &other.json(&["show", "1"])["todo"];
        assert_eq!(todo["description"], "A small one", "{format}");
        let said: Vec<_> = todo["notes"].as_array().unwrap().iter().map(|note| note["text"].clone()).collect();
        assert_eq!(said, ["the nursery closes\u{1b}[2J at six", "bring a spade"], "{format}");
    }
    assert_eq!(home.json(&["undo"])["operation"], "note");
    assert!(!home.ok(&["show", "1"]).contains("spade"));
}

#[test]
fn a_taskwarrior_export_is_taken_and_given_back() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/taskwarrior.json");
    let home = Home::new();
    let imported = home.json(&["import", file, "--format", "taskwarrior"]);
    assert_eq!(imported["imported"], 6, "neither what was deleted nor the pattern of what recurs");
    let again = home.json(&["import", file, "--format", "taskwarrior"]);
    assert_eq!((&again["imported"], &again["skipped"]), (&json!(0), &json!(6)));

    let rent = &home.json(&["show", "1"])["todo"];
    assert_eq!(
        (&rent["title"], &rent["due"], &rent["priority"], &rent["project"], &rent["tags"]),
        (&json!("Pay rent"), &json!("2026-12-01"), &json!("high"), &json!("home"), &json!(["money", "next"]))
    );
    assert_eq!(rent["uuid"], "6d8e7ba1-3b5e-4f0c-9d5c-2c2a3e6c9f01");
    assert_eq!(
        rent["notes"],
        json!([
            { "at": "2026-11-02T09:00:00Z", "text": "ask about heating" },
            { "at": "2026-11-03T18:15:00Z", "text": "https://example.org/rent?id=7" },
        ])
    );
    let all = |home: &Home| home.json(&["list", "--all", "--sort", "id"])["todos"].as_array().unwrap().clone();
    let statuses: Vec<_> = all(&home).iter().map(|todo| todo["status"].clone()).collect();
    assert_eq!(statuses, ["open", "open", "open", "open", "open", "done"], "what waits is open");

    let exported = home.path().join("back.json");
    std::fs::write(&exported, home.ok(&["export", "--format", "taskwarrior"])).unwrap();
    let other = Home::new();
    other.ok(&["import", exported.to_str().unwrap(), "--format", "taskwarrior"]);
    for (there, here) in all(&other).iter().zip(all(&home)) {
        for field in ["uuid", "title", "description", "status", "priority", "project", "due", "tags"] {
            assert_eq!(there[field], here[field], "{field}");
        }
        let said = |todo: &Value| -> Vec<Value> {
            todo["notes"].as_array().unwrap().iter().map(|note| note["text"].clone()).collect()
        };
        assert_eq!(said(there), said(&here));
    }
}

#[test]
fn todos_travel_between_programs() {
    let home = Home::new();
    home.ok(&[
        "add",
        "Plant a tree",
        "--no-enrich",
        "-p",
        "high",
        "--due",
        "2030-05-01",
        "-t",
        "garden",
        "--project",
        "home",
    ]);
    home.ok(&["add", "Pay rent", "--no-enrich"]);
    home.ok(&["complete", "2"]);
    for format in ["json", "taskwarrior", "todo-txt", "csv"] {
        let file = home.path().join(format);
        std::fs::write(&file, home.ok(&["export", "--format", format])).unwrap();
        let other = Home::new();
        let file = file.to_str().unwrap();
        let imported = other.json(&["import", file, "--format", format]);
        assert_eq!((&imported["imported"], &imported["skipped"]), (&json!(2), &json!(0)), "{format}");
        let listed = other.json(&["list", "--all", "--sort", "id"]);
        assert_eq!(titles(&listed), ["Plant a tree", "Pay rent"], "{format}");
        let first = &listed["todos"][0];
        assert_eq!(
            (&first["due"], &first["priority"], &first["project"]),
            (&json!("2030-05-01"), &json!("high"), &json!("home"))
        );
        assert_eq!(listed["todos"][1]["status"], "done", "{format}");
        if matches!(format, "json" | "taskwarrior") {
            assert_eq!(
                other.json(&["import", file, "--format", format])["skipped"],
                2,
                "the same again is nothing new"
            );
        }
        other.ok(&["undo"]);
        assert!(titles(&other.json(&["list", "--all"])).is_empty(), "{format}");
    }
    std::fs::write(home.path().join("bad"), "[{\"title\": \"ok\"}, {\"title\": \"\"}]").unwrap();
    assert!(home.fails(65, &["import", "bad"]).contains("entry 2: the title is empty"));
    assert!(home.fails(1, &["import", "missing"]).contains("reading missing"));
    assert_eq!(titles(&home.json(&["list", "--all"])).len(), 2, "nothing of a bad file is stored");
}
