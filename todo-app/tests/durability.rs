//! What a command has acknowledged is on disk, whoever else writes and however it is stopped.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::Stdio,
};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};

mod common;
use common::{Home, Run};

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

fn ask(home: &Home, sql: &str) -> Vec<String> {
    let mut conn = SqliteConnection::establish(home.database().to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    sql_query(sql).load::<Row>(&mut conn).unwrap().into_iter().map(|row| row.text).collect()
}

#[test]
fn sixteen_writers_wait_for_each_other_from_the_very_first_run() {
    let home = Home::new();
    for round in 0..3 {
        let children: Vec<_> = (0..16)
            .map(|writer| {
                home.command(["add", &format!("todo {round}/{writer}"), "--no-enrich", "--json"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in children {
            let run = Run::from(child.wait_with_output().unwrap());
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        }
    }
    assert_eq!(home.json(&["list"])["todos"].as_array().unwrap().len(), 48);
    assert_eq!(ask(&home, "SELECT integrity_check AS text FROM pragma_integrity_check"), ["ok"]);
}

#[test]
fn killing_writers_loses_no_acknowledged_todo_and_doubles_none() {
    let home = Home::new();
    home.ok(&["list"]);
    let mut acknowledged = BTreeSet::new();
    let mut killed = 0;
    for attempt in 0..50_u32 {
        let title = format!("todo {attempt}");
        let mut child = home
            .command(["add", &title, "--json", if attempt % 2 == 0 { "--no-enrich" } else { "--background" }])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Between nothing and everything: the moment moves through the whole run of the program.
        let until = std::time::Instant::now() + std::time::Duration::from_micros(u64::from(attempt) * 700);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let status = child.wait().unwrap();
        killed += u32::from(!status.success());
        if line.contains(&title) {
            acknowledged.insert(title);
        }
    }
    eprintln!("50 runs, {killed} killed, {} acknowledged", acknowledged.len());
    assert!(killed > 0, "the kills came too late to mean anything");
    assert_eq!(ask(&home, "SELECT integrity_check AS text FROM pragma_integrity_check"), ["ok"]);
    let stored = ask(&home, "SELECT title AS text FROM todos");
    let distinct: BTreeSet<String> = stored.iter().cloned().collect();
    assert_eq!(stored.len(), distinct.len(), "none twice");
    assert!(distinct.is_superset(&acknowledged), "{:?}", acknowledged.difference(&distinct));
    let halves = ask(
        &home,
        "SELECT title AS text FROM todos WHERE CAST(substr(title, 6) AS INTEGER) % 2 = 1 \
         AND id NOT IN (SELECT todo_id FROM jobs)",
    );
    assert_eq!(halves, [""; 0], "a todo left to the worker has its job");
}

#[test]
fn a_killed_worker_leaves_its_job_to_the_next_one() {
    let home = Home::new();
    home.ok(&["add", "Buy milk", "--background"]);
    // A worker that died while it held the job: leased, and the lease has run out.
    let mut conn = SqliteConnection::establish(home.database().to_str().unwrap()).unwrap();
    conn.batch_execute("UPDATE jobs SET state = 'running', owner = 'dead', attempt = 1, lease_until = 1").unwrap();
    drop(conn);
    home.ok(&["worker", "--once"]);
    assert_eq!(ask(&home, "SELECT state || ' ' || attempt AS text FROM jobs"), ["done 2"]);
    assert!(!home.json(&["suggestions"])["suggestions"].as_array().unwrap().is_empty());
}

#[test]
fn a_full_disk_costs_no_stored_todo() {
    let home = Home::new();
    home.ok(&["add", "before", "--no-enrich"]);
    // A limit on file sizes stands in for the full disk: SQLite gets EFBIG from it, as it gets ENOSPC.
    let mut refused = 0;
    let mut acknowledged = vec!["before".to_owned()];
    for number in 0..12 {
        let limit = 4096 << (number % 6);
        let title = format!("todo {number} {}", "x".repeat(400));
        let template = home.command(["add", &title, "--no-enrich", "--json"]);
        let output = std::process::Command::new("prlimit")
            .arg(format!("--fsize={limit}"))
            .arg(template.get_program())
            .args(template.get_args())
            .env_clear()
            .envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(home.path())
            .stdin(Stdio::null())
            .output();
        let Ok(output) = output else {
            otlp_test_support::not_run("a_full_disk_costs_no_stored_todo", "prlimit");
            return;
        };
        let run = Run::from(output);
        match run.code {
            Some(0) => acknowledged.push(title),
            Some(4) => refused += 1,
            other => panic!("{limit}: {other:?} {} {}", run.stdout, run.stderr),
        }
    }
    eprintln!("full disk: {refused} of 12 refused, {} stored", acknowledged.len());
    assert!(refused > 0 && acknowledged.len() > 1, "{refused} refused, {} stored", acknowledged.len());
    assert_eq!(ask(&home, "SELECT integrity_check AS text FROM pragma_integrity_check"), ["ok"]);
    let stored = ask(&home, "SELECT title AS text FROM todos ORDER BY id");
    assert_eq!(stored, acknowledged);
    home.ok(&["add", "after", "--no-enrich"]);
}
