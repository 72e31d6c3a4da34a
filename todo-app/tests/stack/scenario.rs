//! What people and machines do with the program on a bad day: everything that some panel or alert is about.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection, RunQueryDsl, SqliteConnection};
use otlp_test_support::peer::{Answer, Peer};
use serde_json::{Value, json};

use crate::common::{Home, Run};

/// One installation of the program with a worker, and the settings of its telemetry.
pub struct Installation {
    pub home: Home,
    pub telemetry: Vec<(&'static str, String)>,
    peers: Vec<Peer>,
    worker: Option<Child>,
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop_worker();
    }
}

impl Installation {
    pub fn new(telemetry: Vec<(&'static str, String)>) -> Installation {
        Installation { home: Home::new(), telemetry, peers: Vec::new(), worker: None }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.envs(self.telemetry.iter().map(|(name, value)| (*name, value)));
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "1000").env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    #[track_caller]
    pub fn ends_with(&self, code: i32, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}\n{}\n{}", run.stdout, run.stderr);
        run
    }

    /// A worker whose log records a server refuses for good: they are lost, which is counted.
    pub fn lose_logs(&mut self) {
        let server = Peer::start([Answer::new(400, "{}")]);
        let endpoint = format!("{}/v1/logs", server.url());
        self.telemetry.retain(|(name, _)| *name != "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT");
        self.telemetry.push(("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", endpoint));
        let config = self.vendor("nobody", [Answer::silence()], "");
        self.start_worker(&config);
        assert!(server.wait_for(1, Duration::from_secs(30)), "nothing was sent");
        self.peers.push(server);
    }

    /// A configuration whose vendor follows this script.
    fn vendor(&mut self, name: &str, script: impl IntoIterator<Item = Answer>, limits: &str) -> String {
        let peer = Peer::start(script);
        let text = format!(
            "[ai]\nprovider = \"openai\"\nmodel = \"gpt-4.1-mini\"\nbase_url = \"{}\"\napi_key = \"sk-test\"\n{limits}\n",
            peer.url()
        );
        self.peers.push(peer);
        let path = self.home.path().join(format!("{name}.toml"));
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path.display().to_string()
    }

    pub fn start_worker(&mut self, config: &str) {
        let log = fs::File::create(self.home.path().join("worker.log")).unwrap();
        let mut command = self.command(&["worker", "--config", config]);
        self.worker = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    pub fn stop_worker(&mut self) {
        let Some(mut worker) = self.worker.take() else { return };
        let _ = Command::new("kill").arg(worker.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if worker.try_wait().unwrap().is_some() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = worker.kill();
        let _ = worker.wait();
    }

    /// The scripted day.
    pub fn live(&mut self) {
        let good = self.vendor("good", [prompt()], "");
        let slow = self.vendor("slow", [good_answer().after(Duration::from_millis(5500))], "");
        let busy = self.vendor("busy", [Answer::new(429, "{}").header("retry-after", "0"), prompt()], "");
        let silent = self.vendor("silent", [Answer::silence()], "timeout = \"1s\"\nbudget = \"2s\"");
        let broken = self.vendor("broken", [Answer::new(500, "{}")], "timeout = \"1s\"\nbudget = \"2s\"");
        let worker = self.vendor("worker", [good_answer().after(Duration::from_millis(200))], "");
        self.ends_with(0, &["version"]);
        self.start_worker(&worker);

        for title in ["Buy milk tomorrow", "Call mum on friday", "Pay the rent", "Fix the bike"] {
            self.ends_with(0, &["add", title]);
        }
        for title in ["Write the report", "Book a flight"] {
            self.ends_with(0, &["add", title, "--config", &good]);
            self.ends_with(0, &["add", title, "--background"]);
        }
        self.ends_with(0, &["add", "Think", "--config", &slow]);
        self.ends_with(0, &["add", "Wait in line", "--config", &busy]);
        self.decide();
        // A rate needs a job after the first one was counted.
        self.ends_with(0, &["add", "Water the plants", "--background"]);
        self.ends_with(0, &["list"]);
        self.ends_with(0, &["complete", "1", "2"]);
        self.ends_with(0, &["add", "Late already", "--due", "2020-01-01", "--no-enrich"]);

        self.ends_with(3, &["show", "99999"]);
        self.ends_with(2, &["add", ""]);
        for _ in 0..3 {
            self.ends_with(4, &["add", "Nowhere to go", "--no-enrich", "--db", "/proc/nowhere/todo.db"]);
        }
        self.locked(Duration::from_millis(400), 0);
        self.locked(Duration::from_millis(6500), 4);
        // Deployed anew when all its jobs are done, or a rate would have nothing to stand on.
        self.stop_worker();
        self.start_worker(&worker);
        self.ends_with(0, &["add", "Sweep the yard", "--background"]);

        self.ends_with(0, &["add", "Nobody answers", "--config", &silent]);
        self.ends_with(0, &["add", "Vendor is down", "--config", &broken]);
    }

    /// A worker, for whatever waits.
    pub fn live_on(&mut self) {
        let config = self.vendor("nobody", [Answer::silence()], "");
        self.start_worker(&config);
    }

    /// Accepts some suggestions, rejects others, lets others expire.
    fn decide(&self) {
        let listed: Value = serde_json::from_str(&self.ends_with(0, &["suggestions", "--json"]).stdout).unwrap();
        let ids: Vec<String> = listed["suggestions"].as_array().unwrap().iter().map(|s| s["id"].to_string()).collect();
        assert!(ids.len() >= 6, "{listed}");
        for (index, id) in ids.iter().enumerate().take(6) {
            self.ends_with(0, &[if index % 3 == 2 { "reject" } else { "accept" }, id]);
        }
        let open = listed["suggestions"].as_array().unwrap().last().unwrap()["todo_id"].to_string();
        self.ends_with(0, &["complete", &open]);
    }

    /// A command that writes while somebody else holds the database.
    fn locked(&self, held: Duration, code: i32) {
        let path: PathBuf = self.home.database();
        let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut other).unwrap();
        diesel::sql_query("BEGIN IMMEDIATE").execute(&mut other).unwrap();
        let release = thread::spawn(move || {
            thread::sleep(held);
            diesel::sql_query("COMMIT").execute(&mut other).unwrap();
        });
        self.ends_with(code, &["add", "While locked", "--no-enrich"]);
        release.join().unwrap();
    }
}

fn prompt() -> Answer {
    good_answer().after(Duration::from_millis(150))
}

fn good_answer() -> Answer {
    let proposal = |value: Value| json!({"value": value, "confidence": 0.9, "reason": "it says so"});
    let content = json!({
        "category": proposal(json!("work")), "priority": proposal(json!("high")),
        "estimate_minutes": proposal(json!(20)), "due": null, "tags": null, "next_step": proposal(json!("Begin")),
    });
    let answer = json!({
        "id": "chatcmpl-1", "model": "gpt-4.1-mini-2025",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 80},
    });
    Answer::json(&answer).header("x-ratelimit-remaining-requests", "41").header("x-ratelimit-remaining-tokens", "9000")
}
