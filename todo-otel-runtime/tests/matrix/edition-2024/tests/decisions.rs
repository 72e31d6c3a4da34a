//! What an attribute says about sampling, keeping, slow calls and objectives, with telemetry running as in a program.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    trace::{SpanData, SpanExporter},
};
use todo_otel_runtime::{Config, Role, Telemetry, red_metrics, traced};

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// Has the watchdog spoken?
#[derive(Clone, Debug, Default)]
struct Told(Arc<AtomicBool>);

impl LogExporter for Told {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        if batch.iter().any(|(record, _)| format!("{:?}", record.body()).contains("watched is still running")) {
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Kept {
    fn has(&self, name: &str, key: &str) -> bool {
        let spans = self.0.lock().unwrap();
        spans.iter().any(|span| span.name == name && span.attributes.iter().any(|a| a.key.as_str() == key))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().unwrap().iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    }
}

#[traced(root, sample = 0.0)]
fn never_sampled() {}

#[traced(root, sample = 1.0)]
fn always_sampled() {}

#[traced(root, sample = 0.0, keep(error))]
fn kept_for_its_error(fails: bool) -> Result<(), String> {
    if fails { Err("broken".into()) } else { Ok(()) }
}

#[traced(root, sample = 0.0, keep(slow = "20ms"))]
fn kept_for_its_duration(spin: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < spin {}
}

#[traced(root, slow = "10ms")]
fn watched(go_on: &mpsc::Receiver<()>) {
    go_on.recv().unwrap();
}

#[red_metrics(name = "decisions.promise", in_flight, objective(success = 99.5, latency = "5s" @ 95, except(place = "local")), labels(place = "local"))]
fn promised() {}

#[test]
fn a_call_site_s_own_decisions_are_obeyed() {
    let kept = Kept::default();
    let env = [("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_METRICS_EXPORTER", "prometheus")];
    let config = Config::for_app("acme", Role::Service).env(env).no_file().resolve();
    let told = Told::default();
    let builder = Telemetry::builder(config).span_exporter(kept.clone()).log_exporter(told.clone());
    let telemetry = builder.init().expect("starts");
    for _ in 0..20 {
        never_sampled();
        always_sampled();
        kept_for_its_error(false).unwrap();
    }
    kept_for_its_error(true).unwrap_err();
    kept_for_its_duration(Duration::ZERO);
    kept_for_its_duration(Duration::from_millis(40));
    promised();
    telemetry.flush();
    let mut expected = vec!["always_sampled"; 20];
    expected.extend(["kept_for_its_duration", "kept_for_its_error"]);
    assert_eq!(kept.names(), expected);
    assert!(
        kept.has("kept_for_its_error", "acme.sampling.reason")
            && kept.has("kept_for_its_duration", "acme.sampling.reason")
    );

    // The watchdog speaks while the call is running, and marks its span.
    let (go, going_on) = mpsc::channel();
    let call = std::thread::spawn(move || watched(&going_on));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !told.0.load(Ordering::Relaxed) && Instant::now() < deadline {
        telemetry.flush();
        std::thread::yield_now();
    }
    assert!(told.0.load(Ordering::Relaxed), "nothing was said about the call that is still running");
    go.send(()).unwrap();
    call.join().unwrap();
    telemetry.flush();
    assert!(kept.has("watched", "slow"));

    let json = todo_otel_runtime::catalogue::render(todo_otel_runtime::catalogue::Format::Json);
    assert!(json.contains("decisions.promise.duration"), "{json}");
    drop(telemetry);
}
