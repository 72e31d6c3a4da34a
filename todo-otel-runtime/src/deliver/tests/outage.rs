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

/// Most requests that came within a time that is shorter than the answer to one of them.
fn at_once(receiver: &Receiver, window: Duration) -> usize {
    let times: Vec<Instant> = receiver.seen().requests.iter().map(|request| request.at).collect();
    let within = |start: &Instant| times.iter().filter(|at| *at >= start && at.duration_since(*start) < window).count();
    times.iter().map(within).max().unwrap_or(0)
}

#[test]
fn a_service_has_four_requests_under_way_from_memory_and_from_disk_and_never_more() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    let answer = Duration::from_millis(400);
    receiver.rule(move |_| Some(Reply::ok().after(answer)));
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    for id in 0..16 {
        delivery.accept(Signal::Traces, spans(id..id + 1));
    }
    assert!(receiver.wait_for(|seen| arrived(seen) == 16, Duration::from_secs(20)));
    assert_eq!(at_once(&receiver, answer / 2), 4);
    assert_eq!(delivery.finish(within(5000)).delivered[0], 16);

    receiver.reset();
    receiver.rule(move |_| Some(Reply::ok().after(answer)));
    let command = crate::deliver::tests::delivery(spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path()));
    for id in 0..16 {
        command.accept(Signal::Traces, spans(id..id + 1));
    }
    assert_eq!(command.finish(within(1000)).spooled[0], 16);
    let service = Settings { exit_flush: Duration::ZERO, ..service(&receiver.http_url(), dir.path()) };
    drain_once(&service);
    assert_eq!((arrived(&receiver.seen()), at_once(&receiver, answer / 2)), (16, 4));
    assert_eq!(ids(&receiver), (0..16).collect::<Vec<_>>());
}

#[test]
fn a_service_that_fails_sends_one_at_a_time() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    receiver.rule(|_| Some(Reply::status(503).after(Duration::from_millis(100))));
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    for id in 0..40 {
        delivery.accept(Signal::Traces, spans(id..id + 1));
    }
    let counts = delivery.finish(within(3000));
    assert!(counts.balanced() && counts.spooled[0] == 40, "{counts:?}");
    assert!(receiver.seen().requests.len() <= 6, "{}", receiver.seen().requests.len());
}

#[test]
fn what_is_refused_from_memory_is_counted_and_kept_for_diagnosis() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    receiver.rule(|request| (request.items() == 3).then(|| Reply::status(400)));
    let delivery = delivery(service(&receiver.http_url(), dir.path()));
    delivery.accept(Signal::Traces, spans(0..3));
    delivery.accept(Signal::Traces, spans(3..4));
    let counts = delivery.finish(within(5000));
    assert_eq!((counts.delivered[0], counts.dropped_for(crate::deliver::Reason::Rejected)), (1, 3));
    let bad: Vec<_> = std::fs::read_dir(folder(dir.path()).join("bad")).expect("made").flatten().collect();
    assert_eq!(bad.len(), 1);
    let bytes = std::fs::read(bad[0].path()).expect("readable");
    assert!(bytes.ends_with(&spans(0..3)), "the body as it was sent");
    assert_eq!(files(dir.path(), ".rejected.lost").len(), 1, "told once");
}

#[test]
fn a_service_knows_how_it_fares_and_that_the_run_before_it_died() {
    let (receiver, dir) = (Receiver::start(), private_dir());
    receiver.rule(|_| Some(Reply::status(503)));
    let settings = service(&receiver.http_url(), dir.path());
    let first = delivery(settings.clone());
    first.begin();
    for id in 0..4 {
        first.accept(Signal::Traces, spans(id..id + 1));
    }
    let end = within(5000);
    while first.counts().spooled[0] < 4 && Instant::now() < end {
        std::thread::yield_now();
    }
    let health = first.health().expect("a service");
    assert!(health.spool_bytes > 0 && health.export_age > 0.0 && health.open == 1, "{health:?}");
    assert_eq!((health.last_success, health.unclean), (0.0, 0));
    // It dies: nobody calls its end.
    drop(first);
    // Its sender lets go of the mark within a second.
    let end = within(15_000);
    let unclean = loop {
        let second = delivery(settings.clone());
        second.begin();
        let unclean = second.health().expect("a service").unclean;
        second.finish(within(1000));
        if unclean > 0 || Instant::now() > end {
            break unclean;
        }
    };
    assert_eq!(unclean, 1);
    assert!(delivery(spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path())).health().is_none());
}
