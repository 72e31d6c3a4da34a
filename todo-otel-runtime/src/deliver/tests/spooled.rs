//! Commands spool, later processes deliver.

use super::*;
use crate::deliver::{Reason, drain::Ended};
use otlp_test_support::{Receiver, Reply, Signal as Seen};

fn command(settings: &Settings, bodies: impl IntoIterator<Item = Bytes>) -> crate::deliver::Counts {
    let delivery = delivery(settings.clone());
    for body in bodies {
        delivery.accept(Signal::Traces, body);
    }
    let counts = delivery.finish(within(250));
    assert!(counts.balanced(), "{counts:?}");
    counts
}

#[test]
fn a_command_spools_without_a_connection_and_a_later_process_delivers_the_same_bytes() {
    let receiver = Receiver::start();
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        receiver.reset();
        let url = if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() };
        let dir = private_dir();
        let settings = spooling(&url, protocol, dir.path());
        let counts = command(&settings, [spans(0..7), spans(7..9)]);
        assert_eq!((counts.spooled[0], counts.delivered[0]), (9, 0));
        assert!(receiver.seen().requests.is_empty());
        let (ended, drained) = drain_once(&settings);
        assert_eq!((ended, drained.drained[0]), (Ended::Empty, 9));
        assert_eq!(ids(&receiver), (0..9).collect::<Vec<_>>());
        assert_eq!(receiver.seen().requests[0].body, spans(0..7));
        let key = receiver.seen().requests[0].header("idempotency-key").map(str::to_owned).expect("sent");
        assert!(key.contains("-n7-"), "{key}");
        assert!(files(dir.path(), ".seg").is_empty());
    }
}

#[test]
fn gzip_is_stored_and_sent_as_configured() {
    let receiver = Receiver::start();
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        receiver.reset();
        let url = if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() };
        let dir = private_dir();
        let mut settings = spooling(&url, protocol, dir.path());
        for route in settings.routes.iter_mut().flatten() {
            route.compression = Compression::Gzip;
        }
        command(&settings, [spans(0..200)]);
        drain_once(&settings);
        assert_eq!(ids(&receiver), (0..200).collect::<Vec<_>>());
        let request = &receiver.seen().requests[0];
        assert_eq!(request.body, spans(0..200));
        if protocol == Protocol::HttpProtobuf {
            assert!(request.wire.len() < request.body.len() / 2);
        }
    }
}

#[test]
fn a_refused_body_goes_to_quarantine_and_the_rest_flows() {
    let receiver = Receiver::start();
    for status in [400, 413, 500, 501] {
        receiver.reset();
        let dir = private_dir();
        let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
        command(&settings, [spans(0..1), spans(1..4), spans(4..5)]);
        receiver.rule(move |request| (request.items() == 3).then(|| Reply::status(status)));
        let (ended, _) = drain_once(&settings);
        assert_eq!(ended, Ended::Empty);
        assert_eq!(ids(&receiver), [0, 4], "{status}");
        assert_eq!(files(dir.path(), ".rejected.lost").len(), 1);
        let bad = std::fs::read_dir(folder(dir.path()).join("bad")).expect("made").count();
        assert_eq!(bad, 1);
    }
}

#[test]
fn a_refused_configuration_costs_one_body_and_keeps_the_rest() {
    let receiver = Receiver::start();
    for status in [401, 403, 404, 405, 302] {
        receiver.reset();
        let dir = private_dir();
        let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
        command(&settings, [spans(0..1), spans(1..4), spans(4..5)]);
        receiver.rule(move |_| Some(Reply::status(status)));
        let (ended, _) = drain_once(&settings);
        assert!(matches!(ended, Ended::Wait(wait) if wait > Duration::from_secs(55)), "{ended:?}");
        assert_eq!(receiver.seen().requests.len(), 1, "{status}");
        assert_eq!(files(dir.path(), ".seg").len(), 2);
    }
}

/// For whoever looks next.
fn wait_is_over(dir: &std::path::Path) {
    let state = folder(dir).join("state");
    let text = std::fs::read_to_string(&state).expect("written");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("json");
    for signal in ["traces", "metrics", "logs"] {
        value["signals"][signal]["not_before_ms"] = 0.into();
        value["signals"][signal]["not_before_boot_ms"] = 0.into();
    }
    std::fs::write(&state, value.to_string()).expect("rewritten");
}

/// A receiver of traces alone, as Jaeger or Tempo are.
fn traces_alone(receiver: &Receiver, protocol: Protocol) {
    let refusal = if protocol == Protocol::Grpc { Reply::grpc(12) } else { Reply::status(404) };
    receiver.rule(move |request| (request.signal != Seen::Traces).then(|| refusal.clone()));
}

/// One body of each signal.
fn one_of_each(settings: &Settings, id: u64) -> crate::deliver::Counts {
    let delivery = delivery(settings.clone());
    delivery.accept(Signal::Metrics, points(1));
    delivery.accept(Signal::Logs, records(1));
    delivery.accept(Signal::Traces, spans(id..id + 1));
    let counts = delivery.finish(within(5_000));
    assert!(counts.balanced(), "{counts:?}");
    counts
}

#[test]
fn a_receiver_of_traces_alone_gets_every_trace_and_the_rest_waits_for_another_configuration() {
    let receiver = Receiver::start();
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let url = if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() };
        for role in ["drained", "by itself", "service"] {
            receiver.reset();
            traces_alone(&receiver, protocol);
            let dir = private_dir();
            let mut settings = spooling(&url, protocol, dir.path());
            match role {
                "by itself" => settings.exit_flush = Duration::from_secs(5),
                "service" => settings.role = Role::Service,
                _ => {}
            }
            for id in 0..8 {
                one_of_each(&settings, id);
                if role == "drained" {
                    drain_once(&settings);
                }
            }
            assert_eq!(ids(&receiver), (0..8).collect::<Vec<_>>(), "{protocol:?} {role}");
            let seen = receiver.seen();
            for other in [Seen::Metrics, Seen::Logs] {
                // One body tells; the others are kept.
                assert_eq!(seen.of(other).len(), 1, "{protocol:?} {role}");
            }
            assert_eq!(files(dir.path(), ".t.seg").len(), 0);
            assert_eq!((files(dir.path(), ".m.seg").len(), files(dir.path(), ".l.seg").len()), (7, 7), "{role}");
            // With another receiver behind the same address everything arrives.
            receiver.rule(|_| None);
            wait_is_over(dir.path());
            drain_once(&settings);
            assert!(files(dir.path(), ".seg").is_empty(), "{protocol:?} {role}");
        }
    }
}

#[test]
fn logs_that_are_always_told_to_come_later_stop_no_trace() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    receiver.rule(|request| (request.signal == Seen::Logs).then(|| Reply::status(503)));
    for id in 0..8 {
        one_of_each(&settings, id);
        drain_once(&settings);
    }
    assert_eq!(ids(&receiver), (0..8).collect::<Vec<_>>());
    assert_eq!(files(dir.path(), ".l.seg").len(), 8);
    assert!(receiver.seen().of(Seen::Logs).len() <= 4, "{}", receiver.seen().of(Seen::Logs).len());
}

#[test]
fn one_body_that_nobody_takes_does_not_stop_the_others_and_is_given_up_after_three_failures() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    command(&settings, [spans(0..3), spans(3..4), spans(4..5)]);
    receiver.rule(|request| (request.items() == 3).then(|| Reply::status(503)));
    let mut passes = 0;
    while files(dir.path(), ".poison.lost").is_empty() {
        drain_once(&settings);
        passes += 1;
        assert!(passes < 10);
        command(&settings, [spans(10 + passes..11 + passes)]);
    }
    let tries = receiver.seen().requests.iter().filter(|request| request.items() == 3).count();
    assert_eq!((passes, tries), (4, 4));
    assert_eq!(ids(&receiver)[..2], [3, 4]);
    // Of its loss the receiver is told, by a record that names what, why and how many.
    drain_once(&settings);
    let records = receiver.log_records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event_name, "telemetry.dropped");
    let value = |key: &str| otlp_test_support::attribute(&records[0].attributes, key);
    assert_eq!(value("acme.telemetry.reason").as_deref(), Some("poison"));
    assert_eq!(value("acme.telemetry.items").as_deref(), Some("3"));
    assert!(value("log.record.uid").is_some());
    assert!(files(dir.path(), ".lost").is_empty());
}

#[test]
fn an_outage_punishes_nobody() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    command(&settings, [spans(0..3), spans(3..4), spans(4..5)]);
    receiver.rule(|_| Some(Reply::status(503)));
    for _ in 0..6 {
        let (ended, _) = drain_once(&settings);
        assert!(matches!(ended, Ended::Wait(_)), "{ended:?}");
        wait_is_over(dir.path());
    }
    assert_eq!(files(dir.path(), ".seg").len(), 3);
    assert!(files(dir.path(), ".lost").is_empty());
    receiver.rule(|_| None);
    drain_once(&settings);
    assert_eq!(ids(&receiver), (0..5).collect::<Vec<_>>());
}

#[test]
fn what_a_server_asks_is_kept_by_the_next_process() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    command(&settings, [spans(0..1), spans(1..2)]);
    receiver.script([Reply::status(503).header("retry-after", "30")]);
    let (ended, _) = drain_once(&settings);
    assert!(matches!(ended, Ended::Wait(wait) if wait >= Duration::from_secs(29) && wait <= Duration::from_secs(33)));
    let (ended, counts) = drain_once(&settings);
    assert!(matches!(ended, Ended::Wait(_)) && counts.drained == [0; 3]);
    assert_eq!(receiver.seen().requests.len(), 1);
    // A command in between does not ask either, not even one that sends by itself.
    let exiting = Settings { exit_flush: Duration::from_secs(1), ..settings };
    let counts = command(&exiting, [spans(2..3)]);
    assert_eq!(counts.spooled[0], 1);
    assert_eq!(receiver.seen().requests.len(), 1);
}

#[test]
fn a_command_that_sends_by_itself_sends_its_own_first_and_then_the_oldest() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    command(&settings, [spans(0..1)]);
    let exiting = Settings { exit_flush: Duration::from_secs(2), ..settings };
    let counts = command(&exiting, [spans(1..2)]);
    assert_eq!((counts.delivered[0], counts.drained[0]), (1, 1));
    let order: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(order, ["span 1", "span 0"]);
}

#[test]
fn two_drainers_do_not_send_the_same_thing() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    for id in 0..40 {
        command(&settings, [spans(id..id + 1)]);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let network = Box::<crate::deliver::send::Network>::default();
                let inner = crate::deliver::inner::Inner::new(settings.clone(), network);
                let destination = inner.destination(0).expect("usable");
                if let Some(_lock) = destination.spool.drain_lock() {
                    inner.pass(destination, within(10_000), None);
                }
            });
        }
    });
    assert!(receiver.wait_for(|seen| seen.of(Seen::Traces).len() == 40, Duration::from_secs(5)));
    assert_eq!(ids(&receiver), (0..40).collect::<Vec<_>>());
}

#[test]
fn after_the_end_and_in_a_child_nothing_is_taken() {
    let dir = private_dir();
    let settings = spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path());
    let delivery = delivery(settings);
    delivery.accept(Signal::Traces, spans(0..2));
    delivery.finish(within(250));
    delivery.accept(Signal::Traces, spans(2..5));
    let counts = delivery.finish(within(250));
    assert_eq!((counts.spooled[0], counts.dropped_for(Reason::Shutdown)), (2, 3));
    assert!(counts.balanced());
}
