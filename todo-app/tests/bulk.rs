//! Many todos changed at once, by what they are.

use serde_json::{Value, json};

mod common;
use common::Home;

/// Three open todos, two of them in the garden, and one that is done.
fn home() -> Home {
    let home = Home::new();
    let add = |title: &str, more: &[&str]| home.ok(&[&["add", title, "--no-enrich"], more].concat());
    add("Plant a tree", &["--project", "home.garden", "-t", "outside", "--due", "2030-05-01"]);
    add("Water the roses", &["--project", "home.garden", "-t", "outside", "-p", "high"]);
    add("Pay rent", &["--project", "home", "--due", "2020-01-31"]);
    add("Sweep the path", &["--project", "home.garden"]);
    home.ok(&["complete", "4"]);
    home
}

/// Number and one field of each todo, done ones too.
fn listed(home: &Home, field: &str) -> Vec<(i64, Value)> {
    let listed = home.json(&["list", "--all", "--sort", "id"]);
    let todos = listed["todos"].as_array().unwrap();
    todos.iter().map(|todo| (todo["id"].as_i64().unwrap(), todo[field].clone())).collect()
}

#[test]
fn what_a_filter_finds_is_changed_and_comes_back_with_one_undo() {
    let home = home();
    let everything = || ["project", "tags", "due"].map(|field| listed(&home, field));
    let before = everything();
    let edit = ["edit", "--filter", "project:home.garden", "--project", "yard", "-t", "big", "--untag", "outside"];
    assert_eq!(home.ok(&[&edit[..], &["-y"]].concat()), "Changed #1 Plant a tree\nChanged #2 Water the roses\n");
    let [projects, tags, _] = everything();
    assert_eq!(projects, [(1, "yard"), (2, "yard"), (3, "home"), (4, "home.garden")].map(|(id, p)| (id, json!(p))));
    assert_eq!(tags[..3], [(1, json!(["big"])), (2, json!(["big"])), (3, json!([]))]);
    assert_eq!(home.json(&["undo"])["todos"].as_array().unwrap().len(), 2);
    assert_eq!(everything(), before);

    assert_eq!(home.json(&["edit", "--all", "--due", "none", "--yes"])["todos"].as_array().unwrap().len(), 3);
    home.ok(&["undo"]);
    assert_eq!(everything(), before);
}

#[test]
fn the_conditions_are_those_of_list() {
    let home = home();
    for (conditions, flags) in [
        (&["tag:outside"][..], &["--tag", "outside"][..]),
        (&["project:home"], &["--project", "home"]),
        (&["priority:high", "tag:outside"], &["-p", "high", "--tag", "outside"]),
        (&["due:overdue"], &["--due", "overdue"]),
        (&["due.after:2029-01-01"], &["--due-after", "2029-01-01"]),
        (&["due.before:2029-01-01"], &["--due-before", "2029-01-01"]),
        (&["status:done"], &["--done"]),
        (&["status:all", "the"], &["--all", "the"]),
        (&["ROSES", "water"], &["ROSES", "water"]),
        (&["no:key"], &["no:key"]),
    ] {
        let filters = conditions.iter().flat_map(|condition| ["--filter", condition]);
        let arguments: Vec<&str> = ["edit", "--category", "x", "--yes", "--json"].into_iter().chain(filters).collect();
        let changed: Value = serde_json::from_str(&home.run(&arguments).stdout).unwrap();
        let found = home.json(&[&["list", "--sort", "id"], flags].concat());
        let ids = |document: &Value| -> Vec<Value> {
            document["todos"].as_array().unwrap().iter().map(|todo| todo["id"].clone()).collect()
        };
        assert_eq!(ids(&changed), ids(&found), "{conditions:?}");
    }
    for (arguments, problem) in [
        (&["edit", "--filter", "due:soon", "-p", "low", "-y"][..], "no date to filter by"),
        (&["edit", "--filter", "status:gone", "-p", "low", "-y"], "no status to filter by"),
        (&["delete", "--filter", "project:a", "--filter", "project:b", "-y"], "named twice"),
        (&["delete", "1", "--all", "-y"], "cannot be used with"),
        (&["complete", "--all", "--filter", "milk", "-y"], "cannot be used with"),
    ] {
        let said = home.fails(2, arguments);
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn nobody_who_could_not_be_asked_loses_anything() {
    let home = home();
    let before = listed(&home, "status");
    for verb in ["complete", "reopen", "delete"] {
        let said = home.fails(2, &[verb, "--all"]);
        assert!(said.contains("would change") && said.contains("--yes"), "{said}");
    }
    assert!(home.typing("n\n", home.command(["delete", "--all"])).contains("Delete 3 todos? [y/N]"));
    assert!(home.typing("\n", home.command(["complete", "--all"])).contains("Nothing changed."));
    assert_eq!(listed(&home, "status"), before);

    assert!(home.typing("y\n", home.command(["complete", "--filter", "tag:outside"])).contains("#2 Water the roses"));
    assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 1);
    home.ok(&["reopen", "--all", "--yes"]);
    assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 4);
    assert_eq!(home.json(&["delete", "--filter", "no such words", "--yes"])["todos"], json!([]));
    home.ok(&["delete", "--filter", "status:all", "--yes"]);
    assert_eq!(home.json(&["undo"])["todos"].as_array().unwrap().len(), 4);
}

#[test]
fn more_todos_than_a_statement_takes_values_change_at_once() {
    let home = Home::new();
    let todos: Vec<Value> = (0..33_000).map(|number| json!({ "title": format!("todo {number}") })).collect();
    std::fs::write(home.path().join("many.json"), Value::from(todos).to_string()).unwrap();
    home.ok(&["import", "many.json"]);
    let changed = home.json(&["edit", "--all", "-p", "high", "--yes"]);
    assert_eq!(changed["todos"].as_array().unwrap().len(), 33_000);
    home.json(&["delete", "--all", "--yes"]);
    assert_eq!(home.json(&["list"])["todos"], json!([]));
}
