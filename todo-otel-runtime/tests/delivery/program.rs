//! What this executable is when a test starts it: a command, a service, a flush, or the oracle.

use otlp_test_support::opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use std::{
    fs::File,
    io::{BufRead, Write},
    ops::Range,
    time::{Duration, Instant},
};
use todo_otel_runtime::{
    Config, Role,
    config::Signal,
    deliver::{self, Counts, Delivery},
};

pub fn act(role: &str) {
    match role {
        "command" => command(),
        "service" => service(),
        "flush" => flush(),
        "oracle" => crate::oracle::serve(),
        other => panic!("ACT_AS={other}"),
    }
}

fn config(role: Role) -> Config {
    let variables = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    Config::for_app("acme", role).env(variables).no_file().resolve()
}

/// What a span of this id is called: the oracle derives it again.
pub fn payload(id: u64) -> String {
    format!("span {id:016x} {:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}

pub fn body(ids: Range<u64>) -> Vec<u8> {
    let spans = ids.map(|id| Span {
        trace_id: (u128::from(id) + 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: payload(id),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
        .encode_to_vec()
}

/// The file in which every id stands before it is emitted, and once more when it is safe.
struct Emissions(Option<File>);

impl Emissions {
    fn open() -> Emissions {
        Emissions(std::env::var_os("EMISSIONS").map(|path| {
            File::options().append(true).create(true).open(path).unwrap_or_else(|e| panic!("emission file: {e}"))
        }))
    }

    fn say(&mut self, what: &str, ids: &Range<u64>) {
        if let Some(file) = &mut self.0 {
            file.write_all(format!("{what} {} {}\n", ids.start, ids.end).as_bytes()).expect("emission file");
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn safe(counts: &Counts) -> u64 {
    counts.spooled[0] + counts.delivered[0]
}

/// Emits `BODIES` bodies of `SPANS` spans from id `FIRST` on, ends delivery within 250 ms, prints its counts.
fn command() {
    let mut emissions = Emissions::open();
    let delivery = Delivery::new(&config(Role::Cli)).expect("usable settings");
    let (first, bodies, spans) = (number("FIRST", 0), number("BODIES", 1), number("SPANS", 3));
    for i in 0..bodies {
        let ids = first + i * spans..first + (i + 1) * spans;
        emissions.say("emit", &ids);
        let before = safe(&delivery.counts());
        delivery.accept(Signal::Traces, body(ids.clone()).into());
        if safe(&delivery.counts()) > before {
            emissions.say("safe", &ids);
        }
    }
    let counts = delivery.finish(Instant::now() + Duration::from_millis(250));
    println!("{}", summary(&counts));
    std::process::exit(number("EXIT_CODE", 0) as i32);
}

/// Emits a body every `PAUSE_MS` until standard input ends or says `stop`, then ends delivery within `BUDGET_MS`.
fn service() {
    let mut emissions = Emissions::open();
    let delivery = Delivery::new(&config(Role::Service)).expect("usable settings");
    let (first, spans, pause) = (number("FIRST", 0), number("SPANS", 3), number("PAUSE_MS", 5));
    let most = number("BODIES", u64::MAX);
    let (stop, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().lines().next();
        let _ = stop.send(());
    });
    let mut i = 0;
    loop {
        if i < most {
            let ids = first + i * spans..first + (i + 1) * spans;
            emissions.say("emit", &ids);
            delivery.accept(Signal::Traces, body(ids).into());
            i += 1;
        }
        if stopped.recv_timeout(Duration::from_millis(pause)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            break;
        }
    }
    let started = Instant::now();
    let counts = delivery.finish(started + Duration::from_millis(number("BUDGET_MS", 1000)));
    println!("{} finish_ms={}", summary(&counts), started.elapsed().as_millis());
}

/// As a user's flush: prints what is left.
fn flush() {
    let deadline = Instant::now() + Duration::from_millis(number("BUDGET_MS", 5000));
    let report = deliver::flush(&config(Role::Cli), deadline).expect("usable settings");
    let wait = report.waiting.unwrap_or_default().as_millis();
    println!(
        "delivered={} left={} wait_ms={wait} busy={}",
        report.delivered[0],
        report.left.iter().sum::<u64>(),
        report.busy
    );
}

fn summary(counts: &Counts) -> String {
    format!(
        "emitted={} delivered={} spooled={} dropped={} waiting={} balanced={} timed_out={}",
        counts.emitted[0],
        counts.delivered[0],
        counts.spooled[0],
        counts.lost_total(),
        counts.waiting[0],
        counts.balanced(),
        counts.timed_out
    )
}
