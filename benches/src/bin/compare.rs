//! `cargo run --release -p todo-otel-benches --bin compare`: builds every competitor, runs them in interleaved rounds,
//! one process per competitor, mode and case, and prints the table of medians and the goals.
//!
//! `ROUNDS=n` (default 3), `BENCH_MS=n` milliseconds per case (default 250), `ONLY=ours,fastrace` for a short look.
//! Nanoseconds depend on the machine; the ratios are the result.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

type Figures = BTreeMap<(&'static str, &'static str, String), Vec<f64>>;

/// Competitor, modes.
const PLAN: [(&str, &[&str]); 7] = [
    ("bare", &["sampled"]),
    ("ours", &["sampled", "unsampled", "disabled"]),
    ("fastrace", &["sampled", "unsampled", "disabled"]),
    ("opentelemetry", &["sampled", "unsampled", "disabled"]),
    ("tracing", &["sampled", "lean", "unsampled", "disabled"]),
    ("emit", &["sampled", "unsampled", "disabled"]),
    ("autometrics", &["sampled"]),
];

const COLUMNS: [&str; 8] = [
    "sync",
    "sync + 3 attributes",
    "async, one poll",
    "async, one suspension",
    "async + 3 attributes",
    "each of 10 nested",
    "root",
    "sync on 2 threads",
];

fn main() -> Result<(), Box<dyn Error>> {
    build()?;
    let binaries = env::current_exe()?.parent().ok_or("the program has no folder")?.to_owned();
    let only = env::var("ONLY").ok();
    let plan =
        || PLAN.iter().filter(|(peer, _)| only.as_deref().is_none_or(|only| only.split(',').any(|o| o == *peer)));
    let rounds: usize = env::var("ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(3);
    let home = env::temp_dir().join(format!("todo-otel-compare-{}", std::process::id()));
    let mut figures = Figures::new();
    for round in 1..=rounds {
        for (peer, modes) in plan() {
            for mode in *modes {
                for case in cases(&binaries, peer, mode)? {
                    let median = measure(&binaries, &home, peer, mode, &case)?;
                    figures.entry((peer, mode, case)).or_default().push(median);
                }
            }
        }
        eprintln!("round {round} of {rounds} done");
    }
    fs::remove_dir_all(&home).ok();
    print_versions()?;
    print_table(&figures);
    print_metrics(&figures);
    print_goals(&figures);
    Ok(())
}

fn build() -> Result<(), Box<dyn Error>> {
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "-q", "-p", "todo-otel-benches", "--features", "peers", "--bins"])
        .status()?;
    if status.success() { Ok(()) } else { Err("the competitors did not build".into()) }
}

fn command(binaries: &Path, peer: &str, mode: &str) -> Command {
    let mut command = Command::new(binaries.join(format!("bench_{peer}")));
    command.env("BENCH_MODE", mode);
    command
}

fn cases(binaries: &Path, peer: &str, mode: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let output = command(binaries, peer, mode).env("BENCH_LIST", "1").output()?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Median nanoseconds per call.
fn measure(binaries: &Path, home: &Path, peer: &str, mode: &str, case: &str) -> Result<f64, Box<dyn Error>> {
    fs::remove_dir_all(home).ok();
    let status = command(binaries, peer, mode)
        .env("BENCH_CASE", case)
        .env("CRITERION_HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("bench_{peer} ({mode}, {case}) ended with {status}").into());
    }
    let estimates = find(home, "estimates.json").ok_or("criterion wrote no estimates")?;
    let estimates: serde_json::Value = serde_json::from_str(&fs::read_to_string(estimates)?)?;
    let chunk = estimates["median"]["point_estimate"].as_f64().ok_or("no median in the estimates")?;
    Ok(chunk / todo_otel_benches::CALLS as f64)
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            find(&path, name)
        } else {
            (path.ends_with(name) && path.parent().is_some_and(|p| p.ends_with("new"))).then_some(path)
        }
    })
}

fn print_versions() -> Result<(), Box<dyn Error>> {
    let names =
        ["fastrace", "opentelemetry", "opentelemetry_sdk", "tracing", "tracing-opentelemetry", "emit", "autometrics"];
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"))?;
    let versions = names.map(|name| {
        let newest = lock
            .split("[[package]]")
            .filter(|package| package.contains(&format!("name = \"{name}\"\n")))
            .filter_map(|package| package.lines().find_map(|line| line.strip_prefix("version = ")))
            .last();
        format!("{name} {}", newest.unwrap_or("?").trim_matches('"'))
    });
    println!("{}\n", versions.join(", "));
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn get(figures: &Figures, peer: &'static str, mode: &'static str, case: &str) -> Option<f64> {
    figures.get(&(peer, mode, case.to_owned())).map(|values| median(values))
}

fn print_table(figures: &Figures) {
    println!("ns per call on the calling thread (times ours in the same mode)\n");
    println!("| | {} |", COLUMNS.join(" | "));
    println!("|---|{}", "---|".repeat(COLUMNS.len()));
    for (peer, modes) in PLAN {
        for mode in modes {
            let cells = COLUMNS.map(|case| {
                let Some(ns) = get(figures, peer, mode, case) else { return "–".to_owned() };
                let reference = if *mode == "lean" { "sampled" } else { mode };
                match get(figures, "ours", reference, case) {
                    Some(ours) if peer != "ours" && peer != "bare" => format!("{ns:.1} ({:.1}x)", ns / ours),
                    _ => format!("{ns:.1}"),
                }
            });
            println!("| {peer}, {mode} | {} |", cells.join(" | "));
        }
    }
    let spread = figures.values().map(|values| {
        let (low, high) = values.iter().fold((f64::MAX, 0f64), |(low, high), v| (low.min(*v), high.max(*v)));
        high / low
    });
    println!("\nlargest spread between rounds of one figure: {:.2}x", spread.fold(1.0, f64::max));
}

fn print_metrics(figures: &Figures) {
    println!("\nrate, errors and duration, ns per call\n");
    for case in ["metrics", "span + metrics", "metrics on 2 threads"] {
        if let Some(ns) = get(figures, "ours", "sampled", case) {
            println!("ours, {case}: {ns:.1}");
        }
    }
    if let Some(ns) = get(figures, "autometrics", "sampled", "sync") {
        println!("autometrics (OpenTelemetry backend), metrics: {ns:.1}");
    }
}

fn print_goals(figures: &Figures) {
    let Some(clock) = get(figures, "bare", "sampled", "clock read") else { return };
    let ours = |mode, case| get(figures, "ours", mode, case);
    let bare = |case| get(figures, "bare", "sampled", case);
    let above = |mode, case| Some(ours(mode, case)? - bare(case)?);
    let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let extra = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    println!("\ngoals (C = one clock read = {clock:.1} ns)\n");
    let goals = [
        ("P1 sampled sync span <= 2C + 3", ours("sampled", "sync"), 2.0 * clock + 3.0),
        (
            "P2 three attributes add <= 4, sync",
            extra(ours("sampled", "sync + 3 attributes"), ours("sampled", "sync")),
            4.0,
        ),
        (
            "P2 three attributes add <= 10, async",
            extra(ours("sampled", "async + 3 attributes"), ours("sampled", "async, one poll")),
            10.0,
        ),
        ("P3 async, one poll <= 2C + 5", ours("sampled", "async, one poll"), 2.0 * clock + 5.0),
        (
            "P3 a further poll <= 2",
            extra(ours("sampled", "async, one suspension"), ours("sampled", "async, one poll")),
            2.0,
        ),
        ("P4 nested <= 2C + 3", ours("sampled", "each of 10 nested"), 2.0 * clock + 3.0),
        ("P4 root <= 2C + 5", ours("sampled", "root"), 2.0 * clock + 5.0),
        ("P5 unsampled sync <= bare + 3", above("unsampled", "sync"), 3.0),
        ("P5 unsampled async <= bare + 5", above("unsampled", "async, one poll"), 5.0),
        ("P6 disabled <= bare + 0.6", above("disabled", "sync"), 0.6),
        ("P7 metrics alone <= 2C + 8", ours("sampled", "metrics"), 2.0 * clock + 8.0),
        ("P7 span and metrics <= 2C + 10", ours("sampled", "span + metrics"), 2.0 * clock + 10.0),
        (
            "P8 spans on two threads <= 1.05x",
            ratio(ours("sampled", "sync on 2 threads"), ours("sampled", "sync")),
            1.05,
        ),
        (
            "P8 metrics on two threads <= 1.05x",
            ratio(ours("sampled", "metrics on 2 threads"), ours("sampled", "metrics")),
            1.05,
        ),
        ("P9 attach to a Context <= 2C + 50", ours("sampled", "attach"), 2.0 * clock + 50.0),
    ];
    for (goal, measured, limit) in goals {
        let Some(measured) = measured else { continue };
        let verdict = if measured <= limit { "met" } else { "MISSED" };
        println!("{verdict:6} {goal}: {measured:.2} (limit {limit:.2})");
    }
}
