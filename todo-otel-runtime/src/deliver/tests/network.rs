//! What the network can do to a body.

use super::*;
use crate::deliver::{Counts, Reason};
use otlp_test_support::{Fault, Proxy, Receiver, Reply};
use std::net::TcpListener;

fn both(receiver: &Receiver) -> [Settings; 2] {
    [settings(&receiver.http_url(), Protocol::HttpProtobuf), settings(&receiver.grpc_url(), Protocol::Grpc)]
}

fn send_one(settings: Settings, ms: u64) -> (Counts, Duration) {
    let delivery = delivery(settings);
    delivery.accept(Signal::Traces, spans(0..7));
    let started = Instant::now();
    let counts = delivery.finish(within(ms));
    assert!(counts.balanced(), "{counts:?}");
    (counts, started.elapsed())
}

#[test]
fn a_body_arrives_unchanged_with_the_configured_headers_over_both_protocols() {
    let receiver = Receiver::start();
    for mut settings in both(&receiver) {
        receiver.reset();
        for route in settings.routes.iter_mut().flatten() {
            route.headers = vec![("x-tenant".to_owned(), "blue".to_owned())];
        }
        let (counts, _) = send_one(settings, 5000);
        assert_eq!(counts.delivered, [7, 0, 0]);
        let seen = receiver.seen();
        assert_eq!(seen.requests.len(), 1);
        assert_eq!(seen.requests[0].body, spans(0..7));
        assert_eq!(seen.requests[0].header("x-tenant"), Some("blue"));
        assert!(seen.requests[0].header("user-agent").expect("sent").starts_with("todo-otel-runtime/"));
        assert_eq!(seen.requests[0].header("accept-encoding"), None);
    }
}

#[test]
fn rejected_items_of_a_partial_success_are_counted_and_never_sent_again() {
    let receiver = Receiver::start();
    for settings in both(&receiver) {
        receiver.reset();
        receiver.script([Reply::partial(2, "too old")]);
        let (counts, _) = send_one(settings, 5000);
        assert_eq!((counts.delivered[0], counts.dropped_for(Reason::Rejected)), (5, 2));
        assert_eq!(receiver.seen().requests.len(), 1);
    }
}

#[test]
fn no_answer_ends_at_the_deadline_whatever_the_peer_does() {
    let receiver = Receiver::start();
    let proxy = Proxy::start(receiver.http_addr());
    let pause = Duration::from_millis(50);
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let faults = [
        Fault::Silent,
        Fault::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), pause),
        Fault::Endless(head.clone(), b"x-filler: 0123456789\r\n".to_vec()),
        Fault::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 4096]),
        Fault::Drip(
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789012345678901234567890123456789".to_vec(),
            pause,
        ),
    ];
    for fault in faults {
        proxy.script([fault.clone()]);
        let (counts, took) = send_one(settings(&proxy.url(), Protocol::HttpProtobuf), 250);
        assert_eq!(counts.delivered, [0; 3], "{fault:?}");
        assert!(took < Duration::from_millis(1000), "{took:?} {fault:?}");
    }
    proxy.script([Fault::Silent]);
    let (counts, took) = send_one(settings(&proxy.url(), Protocol::Grpc), 250);
    assert_eq!(counts.delivered, [0; 3]);
    assert!(took < Duration::from_millis(1000), "{took:?} gRPC");
}

#[test]
fn a_closed_port_costs_next_to_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let (counts, took) = send_one(settings(&url, protocol), 2000);
        assert_eq!(counts.dropped_for(Reason::NoSpool), 7);
        assert!(took < Duration::from_millis(1000), "{took:?} {protocol:?}");
    }
}

#[test]
fn inside_any_runtime_as_without_one() {
    let receiver = Receiver::start();
    let silent = Proxy::start(receiver.http_addr());
    silent.otherwise(Fault::Silent);
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let multi = |n| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(n).enable_all().build().expect("runtime")
    };
    for runtime in [current(), multi(1), multi(2)] {
        for settings in both(&receiver) {
            let (counts, _) = runtime.block_on(async { send_one(settings, 5000) });
            assert_eq!(counts.delivered[0], 7);
        }
        for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
            let settings = settings(&silent.url(), protocol);
            let (counts, took) = runtime.block_on(async { send_one(settings, 250) });
            assert_eq!(counts.dropped_for(Reason::NoSpool), 7);
            assert!(took < Duration::from_millis(1000), "{took:?} {protocol:?}");
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (first, second) = (Receiver::start(), Receiver::start());
    for status in [301, 302, 307, 308] {
        first.script([Reply::status(status).header("location", format!("{}/v1/traces", second.http_url()))]);
        let (counts, _) = send_one(settings(&first.http_url(), Protocol::HttpProtobuf), 5000);
        assert_eq!(counts.dropped_for(Reason::Rejected), 7);
    }
    assert!(second.seen().requests.is_empty());
}

#[test]
fn the_connection_may_break_at_any_byte_and_the_body_is_delivered_or_kept() {
    let receiver = Receiver::start();
    let proxy = Proxy::start(receiver.http_addr());
    let mut kept = 0;
    for at in (0..700).step_by(7) {
        for fault in [Fault::CutRequest(at), Fault::CutReply(at)] {
            proxy.script([fault]);
            let (counts, _) = send_one(settings(&proxy.url(), Protocol::HttpProtobuf), 2000);
            kept += counts.dropped_for(Reason::NoSpool);
            assert_eq!(counts.delivered[0] + counts.dropped_for(Reason::NoSpool), 7);
        }
    }
    assert!(kept > 0);
    assert!(receiver.seen().requests.iter().all(|request| request.body == spans(0..7)));
}
