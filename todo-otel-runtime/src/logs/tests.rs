//! Stories of whole records: from `tracing` events to lines and exported records.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    logs::{AnyValue, Severity},
    trace::{SpanContext, TraceContextExt, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{InMemoryLogExporter, LogBatch, LogExporter, SdkLogRecord},
};
use proptest::prelude::*;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{
    layer::layer_of,
    pipeline::{Pipeline, Setup},
    queue::{Export, Exporter},
    record::{Record, Span},
    vocabulary::{Alias, Vocabulary},
};
use crate::config::{ExporterKind, LevelFilter, LogFormat, LogsConfig, Redactor};
use crate::names::{Row, Stability};

const WORDS: Vocabulary = Vocabulary::EMPTY
    .aliases(&[
        Alias::new("shop.id", "shop_id"),
        Alias::new("gen_ai.request.model", "model"),
        Alias::milliseconds("shop.duration", "duration_ms"),
    ])
    .names(&[Row::event("{app}.sold", Stability::Own, &[])]);

fn logs_config() -> LogsConfig {
    LogsConfig {
        enabled: true,
        value_length_set: false,
        value_depth: 64,
        events_to_span_events: true,
        exporters: vec![ExporterKind::Otlp],
        filter: "trace".into(),
        sample: 1.0,
        attributes: 128,
        value_length: 4096,
        console: Some(LogFormat::Json),
        console_filter: "trace".into(),
        span_events: false,
        color: false,
        user_context: "cli_user".into(),
        vocabulary: WORDS,
        exceptions_as_span_events: false,
        schedule_delay: Duration::from_secs(1),
        max_queue_size: 2048,
        max_export_batch_size: 512,
    }
}

struct Fixture {
    pipeline: Arc<Pipeline>,
    exporter: InMemoryLogExporter,
    lines: Arc<Mutex<String>>,
}

impl Fixture {
    fn new(logs: LogsConfig) -> Self {
        let exporter = InMemoryLogExporter::default();
        Self::with_exporter(logs, Box::new(Exporter(exporter.clone())), exporter)
    }

    fn with_exporter(logs: LogsConfig, export: Box<dyn Export>, exporter: InMemoryLogExporter) -> Self {
        let lines = Arc::new(Mutex::new(String::new()));
        let out = {
            let lines = lines.clone();
            Box::new(move |line: &str| lines.lock().unwrap().push_str(line))
        };
        let resource = Resource::builder_empty()
            .with_attributes([KeyValue::new("service.name", "shop-cli"), KeyValue::new("service.version", "0.1.0")])
            .build();
        let setup = Setup {
            app: "shop".into(),
            logs,
            self_log_level: LevelFilter::Off,
            redactor: Redactor::new(["sesame-open-1"]),
        };
        Self { pipeline: Arc::new(Pipeline::new(&setup, &resource, Some(export), out)), exporter, lines }
    }

    fn run(&self, story: impl FnOnce()) -> &Self {
        with_default(tracing_subscriber::registry().with(layer_of(self.pipeline.clone())), story);
        self
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().lines().map(str::to_owned).collect()
    }

    fn exported(&self) -> Vec<SdkLogRecord> {
        self.pipeline.flush(None);
        self.exporter.get_emitted_logs().unwrap().into_iter().map(|log| log.record).collect()
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn attribute(record: &SdkLogRecord, key: &str) -> Option<AnyValue> {
    record.attributes_iter().find(|(k, _)| k.as_str() == key).map(|(_, value)| value.clone())
}

fn in_span(story: impl FnOnce()) {
    let ids = SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let _attached = Context::current().with_remote_span_context(ids).attach();
    story();
}

#[test]
fn one_event_is_one_json_line_in_the_documented_order_and_one_record_with_the_same_ids() {
    let fixture = Fixture::new(logs_config());
    fixture.run(|| {
        in_span(|| {
            tracing::info!(
                name: "shop.sold",
                { shop.id = 42, gen_ai.request.model = "m-1", confidence = 0.95, shop.duration = 1.8474 },
                "Sold"
            );
        });
    });
    let lines = fixture.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (timestamp, rest) = lines[0].split_once(',').unwrap();
    assert!(timestamp.starts_with("{\"timestamp\":\"20") && timestamp.ends_with("Z\""), "{timestamp}");
    assert_eq!(
        rest,
        concat!(
            r#""level":"INFO","service":"shop-cli","version":"0.1.0","#,
            r#""trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","#,
            r#""user_context":"cli_user","message":"Sold","#,
            r#""attributes":{"event":"shop.sold","shop_id":42,"model":"m-1","confidence":0.95,"duration_ms":1847}}"#
        )
    );

    let exported = fixture.exported();
    let record = &exported[0];
    assert_eq!(exported.len(), 1);
    assert_eq!(record.event_name(), Some("shop.sold"));
    assert_eq!(attribute(record, "event.name"), Some("shop.sold".into()));
    assert_eq!(record.severity_number(), Some(Severity::Info));
    assert_eq!(record.severity_text(), Some("INFO"));
    assert_eq!(record.body(), Some(&AnyValue::from("Sold")));
    let ids = record.trace_context().unwrap();
    assert_eq!(ids.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(ids.span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(ids.trace_flags, Some(TraceFlags::SAMPLED));
    assert_eq!(attribute(record, "shop.id"), Some(AnyValue::Int(42)));
    assert_eq!(attribute(record, "shop.duration"), Some(AnyValue::Double(1.8474)));
    assert_eq!(attribute(record, "shop.user_context"), Some(AnyValue::from("cli_user")));
    assert!(attribute(record, "code.line.number").is_some());
    assert!(attribute(record, "log.record.uid").is_some());
    assert!(record.observed_timestamp().is_some());
}

#[test]
fn a_plain_record_has_no_event_name_and_outside_a_span_no_ids() {
    let fixture = Fixture::new(logs_config());
    fixture.run(|| tracing::warn!(n = u64::MAX, flag = true, "careful"));
    assert!(!fixture.lines()[0].contains("trace_id"), "{:?}", fixture.lines());
    let record = &fixture.exported()[0];
    assert_eq!((record.event_name(), record.trace_context()), (None, None));
    assert_eq!(attribute(record, "n"), Some(AnyValue::from("18446744073709551615")));
}

#[test]
fn the_form_for_people_is_one_line_too() {
    let fixture = Fixture::new(LogsConfig { console: Some(LogFormat::Console), ..logs_config() });
    fixture.run(|| tracing::error!(title = "two words", evil = "a\nb\u{1b}[31m", "went\nwrong"));
    let line = &fixture.lines()[0];
    assert_eq!(
        line.split_once(' ').unwrap().1,
        r#"ERROR went\nwrong title="two words" evil=a\nb\u{1b}[31m"#,
        "after the time"
    );
}

#[test]
fn secrets_and_credentials_never_leave() {
    let fixture = Fixture::new(logs_config());
    fixture.run(|| {
        tracing::info!(
            password = "hunter2",
            db.api_key = "hunter2",
            url = "http://u:hunter2@h/",
            "to http://u:hunter2@h/"
        );
        tracing::info!(list = ?["https://me:hunter2@example.org"], gen_ai.usage.input_tokens = "12", "ok sesame-open-1");
    });
    let everything = format!("{:?}{:?}", fixture.lines(), fixture.exported());
    assert!(!everything.contains("hunter2") && !everything.contains("sesame"), "{everything}");
    assert!(everything.contains("[redacted]"));
    assert_eq!(attribute(&fixture.exported()[1], "gen_ai.usage.input_tokens"), Some(AnyValue::from("12")));
}

#[test]
fn errors_become_exception_attributes_with_their_chain() {
    let fixture = Fixture::new(logs_config());
    let error = std::io::Error::other("x".parse::<i32>().unwrap_err());
    let error: Box<dyn std::error::Error> = Box::new(error);
    fixture.run(|| tracing::error!(error = &*error, "cannot"));
    let record = &fixture.exported()[0];
    assert_eq!(attribute(record, "exception.message"), Some(AnyValue::from("invalid digit found in string")));
}

#[test]
fn a_flood_is_cut_to_the_burst_and_told_once_at_the_end() {
    let fixture = Fixture::new(logs_config());
    fixture.run(|| (0..500).for_each(|i| tracing::info!(i, "again")));
    let before = fixture.exported().len() as u64;
    assert!((50..60).contains(&before), "{before}");
    let counts = fixture.pipeline.counts();
    assert_eq!(counts.suppressed + before, 500);
    fixture.pipeline.report_suppressed(true);
    let records = fixture.exported();
    let last = records.last().unwrap();
    assert_eq!(last.event_name(), Some("telemetry.suppressed"));
    assert_eq!(last.severity_text(), Some("INFO"), "level of the call site");
    assert_eq!(last.body(), Some(&AnyValue::from(format!("suppressed {}", counts.suppressed))));
    assert_eq!(attribute(last, "shop.suppressed.count"), Some(AnyValue::Int(counts.suppressed as i64)));
    assert_eq!(attribute(last, "shop.suppressed.sampled"), Some(AnyValue::Int(0)));
    assert!(attribute(last, "code.line.number").is_some() && attribute(last, "code.function.name").is_some());
}

#[test]
fn sampling_spares_warnings_and_lines_for_people() {
    let fixture = Fixture::new(LogsConfig { sample: 0.0, ..logs_config() });
    fixture.run(|| {
        tracing::info!("quiet");
        tracing::warn!("loud");
    });
    assert_eq!(fixture.lines().len(), 2);
    let records = fixture.exported();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].severity_text(), Some("WARN"));
    assert_eq!(fixture.pipeline.counts().sampled, 1);
}

#[test]
fn filters_are_separate_for_lines_and_export() {
    let logs = LogsConfig { filter: "warn,shop=debug".into(), console_filter: "error".into(), ..logs_config() };
    let fixture = Fixture::new(logs);
    fixture.run(|| {
        tracing::debug!(target: "shop::cart", "exported only");
        tracing::info!("neither");
        tracing::error!("both");
    });
    assert_eq!(fixture.lines().len(), 1);
    assert_eq!(fixture.exported().len(), 2);
}

#[test]
fn an_own_fatal_record_has_severity_21_and_its_span() {
    let fixture = Fixture::new(logs_config());
    let record = Record::new(Severity::Fatal, "shop", "gone").event("exception").span(Span::None);
    fixture.pipeline.submit(fixture.pipeline.wanted(&record), || record);
    let record = &fixture.exported()[0];
    assert_eq!(record.severity_number().map(|s| s as i32), Some(21));
    assert_eq!(record.severity_text(), Some("FATAL"));
    assert!(fixture.lines()[0].contains("\"level\":\"FATAL\""));
}

/// Logs at every level, under every name that a transport might log, while it exports.
#[derive(Debug)]
struct Chatty(InMemoryLogExporter);

impl LogExporter for Chatty {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        chatter();
        self.0.export(batch).await
    }
}

fn chatter() {
    tracing::trace!(target: "opentelemetry_sdk", "self");
    tracing::trace!(target: "opentelemetry-otlp", "self");
    tracing::debug!(target: "hyper::client", "transport");
    tracing::debug!(target: "hyper_util::client", "transport");
    tracing::trace!(target: "h2", "transport");
    tracing::trace!(target: "tower::buffer", "transport");
    tracing::info!(target: "reqwest::connect", "transport");
    tracing::info!(target: "rustls::client", "transport");
    tracing::error!(target: "tonic::transport", "transport");
}

#[test]
fn exporting_at_trace_level_never_causes_another_record() {
    let memory = InMemoryLogExporter::default();
    let fixture = Fixture::with_exporter(logs_config(), Box::new(Exporter(Chatty(memory.clone()))), memory);
    fixture.run(|| {
        tracing::info!("the only one");
        for _ in 0..10 {
            fixture.pipeline.flush(None);
        }
        // What the transport's own threads log is not covered by suppression.
        std::thread::scope(|scope| {
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            scope.spawn(move || tracing::dispatcher::with_default(&dispatch, chatter));
        });
        for _ in 0..10 {
            fixture.pipeline.flush(None);
        }
    });
    assert_eq!(fixture.exported().len(), 1);
    assert_eq!(fixture.pipeline.counts().emitted, 1, "loop gain zero");
}

#[test]
fn logging_while_a_value_is_formatted_does_not_recurse() {
    struct Loud;
    impl std::fmt::Debug for Loud {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::error!(me = ?Loud, "from inside");
            f.write_str("loud")
        }
    }
    let fixture = Fixture::new(logs_config());
    fixture.run(|| tracing::info!(value = ?Loud, "outside"));
    assert_eq!(fixture.exported().len(), 1);
    assert_eq!(attribute(&fixture.exported()[0], "value"), Some(AnyValue::from("loud")));
}

#[test]
fn a_full_queue_a_failing_exporter_and_a_late_record_are_counted_one_by_one() {
    #[derive(Debug)]
    struct Failing;
    impl LogExporter for Failing {
        async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
            Err(OTelSdkError::InternalFailure("no".into()))
        }
    }
    let logs = LogsConfig { max_queue_size: 5, console: None, ..logs_config() };
    let fixture = Fixture::with_exporter(logs, Box::new(Exporter(Failing)), InMemoryLogExporter::default());
    fixture.run(|| {
        (0..8).for_each(|i| tracing::info!(i, "m"));
        fixture.pipeline.shutdown(Some(soon()));
        tracing::info!("too late");
    });
    let counts = fixture.pipeline.counts();
    assert_eq!((counts.emitted, counts.queue_full, counts.failed, counts.shutdown), (9, 3, 5, 1));
    assert_eq!(counts.emitted, counts.exported + counts.dropped() + counts.waiting);
}

#[test]
fn an_exporter_that_panics_or_never_answers_costs_its_batch_and_no_more() {
    #[derive(Debug)]
    struct Bad(bool);
    impl LogExporter for Bad {
        async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
            assert!(!self.0, "exporter bug");
            std::future::pending().await
        }
    }
    for panics in [true, false] {
        let logs = LogsConfig { console: None, ..logs_config() };
        let fixture = Fixture::with_exporter(logs, Box::new(Exporter(Bad(panics))), InMemoryLogExporter::default());
        fixture.run(|| (0..3).for_each(|i| tracing::info!(i, "m")));
        fixture.pipeline.shutdown(Some(Instant::now() + Duration::from_millis(20)));
        let counts = fixture.pipeline.counts();
        assert_eq!((counts.panicked, counts.deadline), if panics { (3, 0) } else { (0, 3) });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_one_valid_json_line_whatever_it_holds(
        message in any::<String>(),
        values in proptest::collection::vec(any::<String>(), 3),
        number in any::<f64>(),
    ) {
        let fixture = Fixture::new(logs_config());
        fixture.run(|| {
            tracing::info!(a = values[0], shop.id = values[1], shop_id = ?values[2], event = number, "{message}");
        });
        let text = fixture.lines.lock().unwrap().clone();
        prop_assert_eq!(text.matches('\n').count(), 1);
        prop_assert!(!text.trim_end_matches('\n').chars().any(super::escape::is_unsafe));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(line["level"].as_str(), Some("INFO"));
        prop_assert!(line["attributes"].is_object());
        for key in ["shop_id", "a", "event"] {
            prop_assert_eq!(text.matches(&format!("\"{key}\":")).count() >= 1, true);
        }
    }

    #[test]
    fn every_record_for_people_is_one_harmless_line(message in any::<String>(), value in any::<String>()) {
        let fixture = Fixture::new(LogsConfig { console: Some(LogFormat::Console), ..logs_config() });
        fixture.run(|| tracing::info!(value, "{message}"));
        let text = fixture.lines.lock().unwrap().clone();
        prop_assert_eq!(text.matches('\n').count(), 1);
        prop_assert!(!text.trim_end_matches('\n').chars().any(super::escape::is_unsafe));
    }
}
