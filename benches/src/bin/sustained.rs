//! `cargo run --release -p todo-otel-benches --bin sustained`: how many spans with three attributes one core can emit and
//! this machine deliver over OTLP to a local receiver, without a loss and at overload.
//!
//! Three processes: this one looks for the rate, one emits, one receives and counts. At overload what was emitted is held
//! against what arrived and what was counted as lost; one span of difference is an error. `SECONDS=n` per attempt
//! (default 3).

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use todo_otel_benches::{black_box, body3};
use todo_otel_runtime::{Config, Role, traced};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["receive"] => receive(),
        ["emit", url, rate, seconds] => emit(url, rate.parse()?, seconds.parse()?),
        _ => search(),
    }
}

/// Calls below one root.
const CALLS: u64 = 100;

#[traced]
#[inline(never)]
fn root(calls: &dyn Fn()) {
    calls();
}

#[traced(attributes(a = a, b = b, c = c))]
#[inline(never)]
fn call(a: i64, b: &str, c: bool) -> u64 {
    body3(a, b, c)
}

/// What one attempt came to.
#[derive(Debug)]
struct Attempt {
    emitted: u64,
    seconds: f64,
    arrived: u64,
    spooled: u64,
    lost: u64,
    reasons: String,
    /// Resident memory in KiB when half of the time was over, and at its highest.
    memory: (u64, u64),
}

impl Attempt {
    fn rate(&self) -> f64 {
        self.emitted as f64 / self.seconds
    }

    fn unaccounted(&self) -> i64 {
        self.emitted as i64 - (self.arrived + self.spooled + self.lost) as i64
    }
}

fn search() -> Outcome<()> {
    let seconds = env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let flat_out = attempt(f64::INFINITY, seconds)?;
    let (mut low, mut high, mut best) = (0.0, flat_out.rate(), None);
    for _ in 0..7 {
        let rate = (low + high) / 2.0;
        let paced = attempt(rate, seconds)?;
        if paced.lost == 0 && paced.spooled == 0 && paced.unaccounted() == 0 && paced.rate() > 0.97 * rate {
            low = rate;
            best = Some(paced);
        } else {
            high = rate;
        }
    }
    match best {
        Some(best) => println!(
            "sustained: {:.2} M spans/s with 3 attributes for {:.1} s, {} arrived, nothing lost",
            best.rate() / 1e6,
            best.seconds,
            best.arrived
        ),
        None => println!("sustained: no rate was found at which nothing is lost"),
    }
    println!(
        "overload: {:.2} M spans/s emitted ({:.0} ns per call), {} emitted = {} arrived + {} spooled + {} lost ({}), {} unaccounted",
        flat_out.rate() / 1e6,
        1e9 / flat_out.rate(),
        flat_out.emitted,
        flat_out.arrived,
        flat_out.spooled,
        flat_out.lost,
        flat_out.reasons,
        flat_out.unaccounted()
    );
    println!(
        "memory at overload: {:.1} MiB half-way, {:.1} MiB at its highest",
        flat_out.memory.0 as f64 / 1024.0,
        flat_out.memory.1 as f64 / 1024.0
    );
    if flat_out.unaccounted() == 0 { Ok(()) } else { Err("spans are unaccounted for".into()) }
}

fn attempt(rate: f64, seconds: f64) -> Outcome<Attempt> {
    let mut receiver = child(&["receive"])?;
    let mut said = BufReader::new(receiver.stdout.take().ok_or("no output")?);
    let mut url = String::new();
    said.read_line(&mut url)?;
    let emitter = child(&["emit", url.trim(), &rate.to_string(), &seconds.to_string()])?;
    let output = emitter.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("the emitter ended with {}", output.status).into());
    }
    drop(receiver.stdin.take());
    let mut arrived = String::new();
    said.read_line(&mut arrived)?;
    receiver.wait()?;
    let text = String::from_utf8(output.stdout)?;
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    Ok(Attempt {
        emitted: field("emitted").parse()?,
        seconds: field("seconds").parse()?,
        arrived: arrived.trim().parse()?,
        spooled: field("spooled").parse()?,
        lost: field("lost").parse()?,
        reasons: field("reasons"),
        memory: (field("half").parse()?, field("highest").parse()?),
    })
}

fn child(arguments: &[&str]) -> Outcome<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

fn emit(url: &str, rate: f64, seconds: f64) -> Outcome<()> {
    let home = env::temp_dir().join(format!("todo-otel-sustained-{}", std::process::id()));
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("BENCH_DURABILITY", "process"),
        ("BENCH_TRACE_KEEP", "none"),
        ("BENCH_KEEP_LAST", "0"),
        ("BENCH_EXIT_BUDGET_MS", "60000"),
        ("BENCH_EXIT_FLUSH_MS", "60000"),
    ];
    let environment = settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .chain([("XDG_STATE_HOME".to_owned(), home.to_string_lossy().into_owned())]);
    let telemetry = todo_otel_runtime::init(Config::for_app("bench", Role::Service).env(environment).resolve())?;
    let emitted = AtomicU64::new(0);
    let start = Instant::now();
    let limit = Duration::from_secs_f64(seconds);
    let mut half = 0;
    while start.elapsed() < limit {
        root(&|| {
            for i in 0..CALLS {
                black_box(call(i as i64, black_box("hello"), black_box(true)));
            }
        });
        let so_far = emitted.fetch_add(CALLS + 1, Ordering::Relaxed) + CALLS + 1;
        let due = so_far as f64 / rate;
        while start.elapsed().as_secs_f64() < due {
            std::hint::spin_loop();
        }
        if half == 0 && start.elapsed() > limit / 2 {
            half = memory("VmRSS:");
        }
    }
    let took = start.elapsed();
    let report = telemetry.shutdown();
    fs::remove_dir_all(&home).ok();
    let reasons: Vec<String> = report.dropped.iter().map(|((_, reason), items)| format!("{reason} {items}")).collect();
    println!("emitted={}\nseconds={}", emitted.into_inner(), took.as_secs_f64());
    println!("spooled={}\nlost={}", report.spooled.values().sum::<u64>(), report.lost());
    println!("reasons={}\nhalf={half}\nhighest={}", reasons.join(", "), memory("VmHWM:"));
    Ok(())
}

/// A figure of this process in KiB.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Counts the spans of OTLP bodies until its input ends. No code of the library: it walks the fields itself.
fn receive() -> Outcome<()> {
    static SPANS: AtomicU64 = AtomicU64::new(0);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, &SPANS));
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    println!("{}", SPANS.load(Ordering::SeqCst));
    Ok(())
}

fn serve(stream: TcpStream, spans: &AtomicU64) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::with_capacity(1 << 20, stream);
    let mut body = Vec::new();
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        requests.read_exact(&mut body)?;
        spans.fetch_add(count(&body, &[1, 2, 2]), Ordering::SeqCst);
        answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// How many messages lie at this path of field numbers: resource spans, scope spans, spans.
fn count(mut message: &[u8], path: &[u64]) -> u64 {
    let mut found = 0;
    while let Some(key) = varint(&mut message) {
        let length = match key & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            2 => varint(&mut message).unwrap_or(0) as usize,
            _ => 4,
        };
        let (field, rest) = message.split_at(length.min(message.len()));
        message = rest;
        if key >> 3 == path[0] && key & 7 == 2 {
            found += if path.len() == 1 { 1 } else { count(field, &path[1..]) };
        }
    }
    found
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}
