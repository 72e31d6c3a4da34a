//! A service through good and bad times.

use super::*;
use crate::deliver::Counts;
use otlp_test_support::{Fault, Proxy, Receiver, Reply, Seen};

fn service(url: &str, dir: &std::path::Path) -> Settings {
    Settings { role: Role::Service, ..spooling(url, Protocol::HttpProtobuf, dir) }
}

fn arrived(seen: &Seen) -> usize {
    seen.spans().len()
}

#[test]
fn a_service_sends_from_memory_and_writes_nothing_while_all_is_well() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    for id in 0..20 {
        delivery.accept(Signal::Traces, spans(id..id + 1));
    }
    assert!(receiver.wait_for(|seen| arrived(seen) == 20, Duration::from_secs(5)));
    let counts = delivery.finish(within(5000));
    assert!(counts.balanced() && !counts.timed_out, "{counts:?}");
    assert_eq!(counts.delivered[0], 20);
    assert!(files(dir.path(), ".seg").is_empty());
}

#[test]
fn through_an_outage_nothing_is_lost_and_few_requests_are_made() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    receiver.rule(|_| Some(Reply::status(503)));
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    for id in 0..50 {
        delivery.accept(Signal::Traces, spans(id..id + 1));
    }
    let spooled = |counts: &Counts| counts.spooled[0] == 50;
    let end = within(5000);
    while !spooled(&delivery.counts()) && Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(spooled(&delivery.counts()), "{:?}", delivery.counts());
    assert!(receiver.seen().requests.len() <= 5, "{}", receiver.seen().requests.len());
    receiver.rule(|_| None);
    assert!(receiver.wait_for(|seen| arrived(seen) == 50, Duration::from_secs(15)));
    let counts = delivery.finish(within(5000));
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!((counts.delivered[0], counts.spooled[0]), (50, 0));
    assert_eq!(ids(&receiver), (0..50).collect::<Vec<_>>());
}

#[test]
fn at_the_deadline_what_is_in_flight_is_spooled_and_no_sender_is_waited_for() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    let proxy = Proxy::start(receiver.http_addr());
    proxy.otherwise(Fault::Silent);
    let delivery = delivery(service(&proxy.url(), dir.path()));
    for id in 0..5 {
        delivery.accept(Signal::Traces, spans(id..id + 1));
    }
    let end = within(5000);
    while proxy.connections() == 0 && Instant::now() < end {
        std::thread::yield_now();
    }
    let started = Instant::now();
    let counts = delivery.finish(within(500));
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1000), "{took:?}");
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!((counts.delivered[0], counts.spooled[0], counts.waiting[0]), (0, 5, 0));
    drop(proxy);
    let (_, drained) = drain_once(&spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path()));
    assert_eq!(drained.drained[0], 5);
}

#[test]
fn a_flush_waits_for_everything_and_delivery_goes_on() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    delivery.accept(Signal::Traces, spans(0..3));
    let counts = delivery.flush(within(5000));
    assert_eq!((counts.delivered[0], counts.timed_out), (3, false));
    delivery.accept(Signal::Traces, spans(3..4));
    assert_eq!(delivery.flush(within(5000)).delivered[0], 4);
    delivery.finish(within(1000));
}

#[test]
fn a_service_delivers_what_commands_left() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    let command = delivery(spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path()));
    command.accept(Signal::Traces, spans(0..3));
    command.finish(within(250));
    let service = delivery(service(&receiver.http_url(), dir.path()));
    service.accept(Signal::Traces, spans(3..4));
    assert!(receiver.wait_for(|seen| arrived(seen) == 4, Duration::from_secs(5)));
    let end = within(5000);
    while service.counts().drained[0] < 3 && Instant::now() < end {
        std::thread::yield_now();
    }
    let counts = service.finish(within(5000));
    assert_eq!((counts.delivered[0], counts.drained[0]), (1, 3));
}

#[test]
fn a_full_memory_goes_to_disk_and_the_accounts_stay_exact() {
    let dir = private_dir();
    let silent = Proxy::start(([127, 0, 0, 1], 9).into());
    silent.otherwise(Fault::Silent);
    let delivery = delivery(service(&silent.url(), dir.path()));
    let mut emitted = 0;
    for id in 0..40u64 {
        let body = spans(id * 4000..(id + 1) * 4000);
        emitted += 4000;
        delivery.accept(Signal::Traces, body);
    }
    let counts = delivery.finish(within(1500));
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!(counts.emitted[0], emitted);
    assert_eq!(counts.spooled[0] + counts.lost_total(), emitted);
    assert_eq!(counts.waiting[0], 0);
}
