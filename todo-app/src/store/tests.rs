//! What only a file of SQLite promises. What every database does is in `contract`.

use std::{os::unix::fs::PermissionsExt, path::Path};

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};

use jiff::Timestamp;
use todo_otel_runtime::testing;

use super::*;
use crate::domain::{Filter, NewTodo};

fn fixture() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("todo.db")).unwrap(), folder)
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

fn ask(store: &Store, sql: &str) -> String {
    store.with(|conn| Ok(sql_query(sql).get_result::<Text>(conn)?)).unwrap().text
}

#[test]
fn sqlite_is_new_enough_to_survive_two_writers_and_a_checkpoint() {
    let version = ask(&fixture().0, "SELECT sqlite_version() AS text");
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

#[test]
fn every_connection_has_the_safe_settings() {
    let (store, _folder) = fixture();
    // A second connection is opened while the first is in use.
    store
        .with(|_first| {
            for (pragma, expected) in [
                ("busy_timeout", "5000"),
                ("foreign_keys", "1"),
                ("synchronous", "2"),
                ("trusted_schema", "0"),
                ("journal_size_limit", "67108864"),
                ("journal_mode", "wal"),
            ] {
                let column = if pragma == "busy_timeout" { "timeout" } else { pragma };
                let sql = format!("SELECT CAST({column} AS TEXT) AS text FROM pragma_{pragma}");
                assert_eq!(ask(&store, &sql), expected, "{pragma}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn who_has_a_deadline_waits_no_longer_for_another_writer() {
    let (store, _folder) = fixture();
    let mut other = SqliteConnection::establish(store.path().unwrap().to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let started = std::time::Instant::now();
    let result = store.update_provider_state("x", jiff::Timestamp::UNIX_EPOCH, |_| (String::new(), ()));
    assert!(matches!(result, Err(StoreError::Locked)), "{result:?}");
    assert!(started.elapsed().as_secs() < 3, "everybody else waits 5 s: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    let new = NewEnrichment {
        todo_id: 1,
        todo_version: 1,
        provider: "local".into(),
        model: "rules-1".into(),
        mode: crate::domain::EnrichmentMode::Inline,
        confidence: 0.5,
        attempts: 1,
        input_tokens: None,
        output_tokens: None,
        suggestions: Vec::new(),
    };
    let result = store.save_enrichment(&new, std::time::Duration::from_millis(200), jiff::Timestamp::UNIX_EPOCH);
    assert!(matches!(result, Err(StoreError::Locked)), "{result:?}");
    assert!(started.elapsed().as_secs() < 3, "as long as the budget lasts: {:?}", started.elapsed());
    assert_eq!(ask(&store, "SELECT CAST(timeout AS TEXT) AS text FROM pragma_busy_timeout"), "5000", "and does again");
}

#[test]
fn every_writing_transaction_takes_the_lock_first() {
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")).unwrap() {
        let path = file.unwrap().path();
        // The migrations of PostgreSQL take a lock of their own.
        if path.ends_with("postgres.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let plain = concat!(".trans", "action(");
        assert!(!text.contains(plain), "{} begins a transaction that may fail half-way", path.display());
    }
}

#[test]
fn the_file_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/todo.db");
    Store::open(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn a_newer_or_foreign_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql, expected) in [
        ("newer.db", "PRAGMA application_id = 0x544f444f; PRAGMA user_version = 999;", "schema version 999"),
        ("foreign.db", "PRAGMA application_id = 7; CREATE TABLE x (y);", "another program"),
        ("unmarked.db", "CREATE TABLE x (y);", "another program"),
    ] {
        let path = folder.path().join(name);
        let mut conn = sqlite::connect(&path).unwrap();
        conn.batch_execute(sql).unwrap();
        drop(conn);
        let before = std::fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
    let path = folder.path().join("text.db");
    std::fs::write(&path, "this is a shopping list, not a database; ".repeat(50)).unwrap();
    assert!(matches!(Store::open(&path).unwrap_err(), StoreError::NotADatabase { path: named } if named == path));
}

/// How SQLite would find what this work asks for: the plans of all its statements, as one text.
fn plans(store: &Store, span: &str, work: impl FnOnce()) -> String {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let telemetry = testing::capture();
    work();
    let spans = telemetry.spans();
    let span = spans.iter().find(|known| known.name == span).unwrap();
    let text = span.attributes.iter().find(|known| known.key.as_str() == "db.query.text").unwrap().value.to_string();
    let mut plan = String::new();
    for statement in text.split("; ").filter(|text| text.starts_with("SELECT") || text.starts_with("UPDATE")) {
        let steps: Vec<Step> =
            store.with(|conn| Ok(sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(conn)?)).unwrap();
        steps.iter().for_each(|step| plan.push_str(&format!("{}\n", step.detail)));
    }
    plan
}

#[test]
fn no_question_people_ask_reads_the_whole_list() {
    let (store, _folder) = fixture();
    let todo = NewTodo { uuid: "u".into(), title: "one".into(), tags: vec!["a".into()], ..NewTodo::default() };
    let id = store.create(&todo, None, Timestamp::UNIX_EPOCH).unwrap().id;
    let now = Timestamp::UNIX_EPOCH;
    let list = |filter: Filter| plans(&store, "db.todo.list", || drop(store.list(&filter).unwrap()));
    let tags = Filter { tags: vec!["a".into()], ..Filter::default() };
    let day = jiff::civil::date(2026, 11, 22);
    for (plan, index) in [
        (list(Filter { limit: Some(20), ..Filter::default() }), "USING INDEX todos_by_due (status=?)"),
        (list(tags), "todo_tags_by_tag (tag=?"),
        (list(Filter::default()), "notes_by_todo (todo_id=?)"),
        (plans(&store, "db.todo.get", || drop(store.get(&[id]).unwrap())), "INTEGER PRIMARY KEY (rowid=?)"),
        (
            plans(&store, "db.todo.complete", || drop(store.complete(&[id], now).unwrap())),
            "INTEGER PRIMARY KEY (rowid=?)",
        ),
        (
            plans(&store, "db.todo.stats", || drop(store.stats(day, &[(day, 0)], 1).unwrap())),
            "INDEX todos_by_completion (status=? AND completed_at>? AND completed_at<?)",
        ),
    ] {
        assert!(plan.contains(index), "{index}: {plan}");
        let is_counting = plan.contains("todos_by_completion");
        assert!(is_counting || !plan.lines().any(|step| step == "SCAN todos"), "{plan}");
    }
    let listed = list(Filter { limit: Some(20), ..Filter::default() });
    assert!(!listed.contains("TEMP B-TREE"), "sorted by the index: {listed}");
}

#[test]
fn an_older_file_is_backed_up_and_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("todo.db");
    let mut conn = sqlite::connect(&path).unwrap();
    let first = include_str!("../../migrations/sqlite/0001_initial/up.sql");
    conn.batch_execute(&format!("{first}; PRAGMA application_id = 0x544f444f; PRAGMA user_version = 1;")).unwrap();
    conn.batch_execute("INSERT INTO todos (uuid, title, created_at, updated_at) VALUES ('u', 'old', 1, 1)").unwrap();
    drop(conn);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.list(&Filter::default()).unwrap()[0].title, "old");
    assert_eq!(ask(&store, "SELECT CAST(user_version AS TEXT) AS text FROM pragma_user_version"), "5");
    let backup = folder.path().join("todo.db.backup-v1");
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = sqlite::connect(&backup).unwrap();
    let pool = Pool::new(Place::File(backup), Conn::Sqlite(copy));
    let copy = Store { inner: Arc::new(Inner { pool, namespace: String::new() }) };
    assert_eq!(ask(&copy, "SELECT title AS text FROM todos"), "old");
}
