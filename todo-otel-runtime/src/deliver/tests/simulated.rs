//! The spool on a simulated disk: every operation fails once, the process dies at every operation, the power goes at
//! any moment, and long random lives of two processes are compared with what was promised.

use super::*;
use crate::deliver::{
    Reason, clock,
    drain::{Destination, Ended},
    inner::Inner,
    send::{Answer, Attempt, Encoding, Failure, Transport},
    spool::{
        Entry, Limits, Spool,
        sim::{Fault, FaultKind, Killed, SimDisk},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

/// A receiver in memory.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<PeerState>>);

#[derive(Default)]
struct PeerState {
    mood: Mood,
    got: Vec<(Signal, Bytes)>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Well,
    Away,
    Status(u16),
    /// Takes it, but the answer is lost.
    Mute,
}

impl Peer {
    fn state(&self) -> std::sync::MutexGuard<'_, PeerState> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Ids of spans taken, with how often.
    fn ids(&self) -> BTreeMap<u64, u64> {
        let mut ids = BTreeMap::new();
        for (_, body) in self.state().got.iter().filter(|(signal, _)| *signal == Signal::Traces) {
            let body = ExportTraceServiceRequest::decode(body.clone()).expect("whole");
            for span in body.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans) {
                let id = u64::from_be_bytes(span.span_id.as_slice().try_into().expect("eight bytes")) - 1;
                assert_eq!(span.name, format!("span {id}"), "altered");
                *ids.entry(id).or_default() += 1;
            }
        }
        ids
    }

    /// Spans of whose loss the receiver was told; a repeated report counts once.
    fn told(&self) -> u64 {
        let mut told = BTreeMap::new();
        for (_, body) in self.state().got.iter().filter(|(signal, _)| *signal == Signal::Logs) {
            use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
            let body = ExportLogsServiceRequest::decode(body.clone()).expect("whole");
            for record in body.resource_logs.into_iter().flat_map(|r| r.scope_logs).flat_map(|s| s.log_records) {
                let value = |key: &str| otlp_test_support::attribute(&record.attributes, key).expect("there");
                if value("acme.telemetry.signal") == "traces" {
                    told.insert(value("log.record.uid"), value("acme.telemetry.items").parse::<u64>().expect("number"));
                }
            }
        }
        told.values().sum()
    }
}

impl Transport for Peer {
    fn send(&self, attempt: &Attempt<'_>) -> Answer {
        assert_eq!(attempt.encoding, Encoding::Identity);
        let mut state = self.state();
        let status = match state.mood {
            Mood::Away => return Answer::None(Failure::Network("refused".to_owned())),
            // A receiver that refuses even the report of a loss is told of nothing.
            Mood::Status(400) if attempt.signal == Signal::Logs => 200,
            Mood::Status(status) => status,
            Mood::Well | Mood::Mute => 200,
        };
        if status == 200 {
            state.got.push((attempt.signal, attempt.body.clone()));
        }
        if state.mood == Mood::Mute {
            return Answer::None(Failure::Timeout);
        }
        Answer::Http { status, html: false, retry_after: Vec::new(), body: Vec::new() }
    }
}

/// A process on the simulated disk.
fn process(disk: &SimDisk, peer: &Peer, limits: Limits, durability: Durability) -> Delivery {
    let settings = Settings { exit_flush: Duration::ZERO, ..settings("http://peer", Protocol::HttpProtobuf) };
    let delivery = Delivery::with(settings, Box::new(peer.clone()));
    let run = delivery.inner.run;
    let spool = Spool::new(Arc::new(disk.clone()), limits, durability, run);
    delivery.inner.install(Destination::new(0, spool, run));
    delivery
}

const ROOMY: Limits = Limits { bytes: 1 << 30, segments: 1000, age: Duration::from_secs(72 * 3600), keep_free: None };

fn drain(inner: &Inner) -> Option<Ended> {
    let destination = inner.destination(0)?;
    let _lock = destination.spool.drain_lock()?;
    Some(inner.pass(destination, within(60_000), None))
}

/// Everybody is well again: what can be delivered is.
fn settle(disk: &SimDisk, peer: &Peer) {
    disk.set_fault(None);
    peer.is(Mood::Well);
    for _ in 0..4 {
        // Long enough for every wait, for adoption, and for torn files to be given up; not for expiry.
        clock::move_by(2 * 3600);
        let later = process(disk, peer, ROOMY, Durability::Process);
        // Another boot: the wall clock counts.
        let destination = later.inner.destination(0).expect("there");
        let mut breakers = destination.spool.load_breakers();
        for signal in Signal::ALL {
            breakers.of_mut(signal).boot_id = "before".to_owned();
        }
        destination.spool.save_breakers(&breakers);
        drain(&later.inner);
        drain(&later.inner);
    }
}

/// Items in tombstones of spans.
fn buried(disk: &SimDisk) -> u64 {
    let names = disk.names();
    let entries = names.iter().filter_map(|name| Entry::parse(name));
    entries
        .map(|entry| {
            if let Entry::Tombstone(name, _) = entry {
                if name.signal == Signal::Traces { name.items } else { 0 }
            } else {
                0
            }
        })
        .sum()
}

/// A life with one fault in it: three bodies written, one pass, a refused body, a full spool.
fn life(disk: &SimDisk, peer: &Peer, done: &mut Vec<crate::deliver::Counts>) {
    let delivery = process(disk, peer, ROOMY, Durability::Full);
    for id in 0..3 {
        delivery.accept(Signal::Traces, spans(id * 2..id * 2 + 2));
    }
    done.push(delivery.finish(within(60_000)));
    let other = process(disk, peer, Limits { segments: 3, ..ROOMY }, Durability::Process);
    peer.is(Mood::Away);
    other.accept(Signal::Traces, spans(6..8));
    other.accept(Signal::Traces, spans(8..10));
    if let Some(destination) = other.inner.destination(0) {
        let lost = destination.spool.evict_if_full();
        destination.count_lost(&other.inner.tally, &lost);
    }
    peer.is(Mood::Status(400));
    drain(&other.inner);
    peer.is(Mood::Well);
    other.accept(Signal::Traces, spans(10..12));
    drain(&other.inner);
    done.push(other.finish(within(60_000)));
}

fn points() -> u64 {
    let (disk, peer) = (SimDisk::default(), Peer::default());
    disk.set_fault(None);
    life(&disk, &peer, &mut Vec::new());
    disk.log().len() as u64
}

#[test]
fn every_operation_may_fail_with_every_error() {
    const ERRORS: [i32; 9] = [
        libc::EIO,
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EROFS,
        libc::EACCES,
        libc::EMFILE,
        libc::ENOMEM,
        libc::ENOLCK,
        libc::ENOENT,
    ];
    let points = points();
    let mut tried = 0;
    for at in 1..=points {
        for errno in ERRORS {
            for kind in [FaultKind::Errno(errno), FaultKind::Forever(errno)] {
                let (disk, peer) = (SimDisk::default(), Peer::default());
                disk.set_fault(Some(Fault { at, kind }));
                let mut counts = Vec::new();
                life(&disk, &peer, &mut counts);
                for counts in &counts {
                    assert!(counts.balanced(), "{at} {kind:?} {counts:?}");
                    assert_eq!(counts.waiting, [0; 3]);
                }
                settle(&disk, &peer);
                let missing = (0..12).filter(|id| !peer.ids().contains_key(id)).count() as u64;
                // What the disk would not record is at least in the report of the process that lost it.
                let reported: u64 = counts.iter().map(|counts| counts.lost_total()).sum();
                let counted = (peer.told() + buried(&disk)).max(reported);
                assert!(missing <= counted, "{at} {kind:?}: {missing} missing, {counted} counted, {:?}", disk.names());
                tried += 1;
            }
        }
    }
    println!(
        "file system: {points} points x {} errors x once and for ever = {tried} lives, unaccounted 0",
        ERRORS.len()
    );
    assert!(points > 40);
}

#[test]
fn a_process_may_die_at_every_operation() {
    let points = points();
    let mut duplicates = 0;
    for at in 1..=points {
        for kind in [FaultKind::KillBefore, FaultKind::KillAfter] {
            let (disk, peer) = (SimDisk::default(), Peer::default());
            disk.set_fault(Some(Fault { at, kind }));
            let mut counts = Vec::new();
            let died = catch_unwind(AssertUnwindSafe(|| life(&disk, &peer, &mut counts)));
            let killed = died.err().is_some_and(|payload| payload.is::<Killed>() || payload.is::<&str>());
            assert!(killed || at > disk.log().len() as u64 || !counts.is_empty(), "{at} {kind:?}");
            settle(&disk, &peer);
            let ids = peer.ids();
            let doubled: u64 = ids.values().map(|n| n - 1).sum();
            assert!(doubled <= 2, "{at} {kind:?}: more than the one segment in flight came twice");
            duplicates += doubled;
            // What the first process reported safe is delivered or counted.
            if let Some(first) = counts.first() {
                let missing = (0..6).filter(|id| !ids.contains_key(id)).count() as u64;
                let counted = peer.told() + buried(&disk);
                assert!(
                    missing <= counted + first.lost_total(),
                    "{at} {kind:?}: {missing} of 6 missing, {counted} counted"
                );
            }
        }
    }
    println!("death: {} points, before and after each; lost 0, duplicated spans {duplicates}", points);
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20) % n
    }
}

/// What was promised when a body was acknowledged.
struct Promise {
    ids: std::ops::Range<u64>,
    durability: Durability,
    /// A power cut came after it: at level `process` nothing is promised any more.
    cut: bool,
}

fn lifetime(seed: u64, actions: u64) -> (u64, u64, u64) {
    let mut random = Random(seed | 1);
    let (disk, peer) = (SimDisk::default(), Peer::default());
    let tight = Limits { bytes: 3000, segments: 12, ..ROOMY };
    let mut promises: Vec<Promise> = Vec::new();
    let mut emitted = BTreeSet::new();
    let mut dropped = 0;
    let mut damaged = 0;
    let mut cuts = 0;
    let mut next = 0;
    for _ in 0..actions {
        let durability = [Durability::Process, Durability::File, Durability::Full][random.below(3) as usize];
        match random.below(14) {
            0..=4 => {
                let limits = if random.below(4) == 0 { tight } else { ROOMY };
                let fault = match random.below(5) {
                    0 => Some(Fault { at: 1 + random.below(12), kind: FaultKind::KillBefore }),
                    1 => Some(Fault { at: 1 + random.below(12), kind: FaultKind::Errno(libc::EIO) }),
                    _ => None,
                };
                let ids = next..next + 1 + random.below(4);
                next = ids.end;
                emitted.extend(ids.clone());
                disk.set_fault(fault);
                let mut safe = false;
                let mut lost = 0;
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let writer = process(&disk, &peer, limits, durability);
                    writer.accept(Signal::Traces, spans(ids.clone()));
                    safe = writer.counts().spooled[0] > 0;
                    if let Some(destination) = writer.inner.destination(0) {
                        destination.spool.evict_if_full();
                    }
                    peer.is(Mood::Away);
                    lost = writer.finish(within(60_000)).lost_total();
                }));
                disk.set_fault(None);
                dropped += lost;
                if safe {
                    promises.push(Promise { ids, durability, cut: false });
                }
            }
            5..=8 => {
                peer.is([Mood::Well, Mood::Well, Mood::Away, Mood::Mute, Mood::Status(400), Mood::Status(503)]
                    [random.below(6) as usize]);
                let fault =
                    (random.below(4) == 0).then(|| Fault { at: 1 + random.below(30), kind: FaultKind::KillAfter });
                let drainer = process(&disk, &peer, ROOMY, Durability::Process);
                disk.set_fault(fault);
                let _ = catch_unwind(AssertUnwindSafe(|| drain(&drainer.inner)));
                disk.set_fault(None);
            }
            9 => {
                cuts += 1;
                disk.cut(|n| random.below(n));
                promises.iter_mut().for_each(|promise| promise.cut = true);
            }
            10 => {
                let segment = |name: &String| name.ends_with(".t.seg") && !name.starts_with("bad/");
                let names: Vec<String> = disk.names().into_iter().filter(segment).collect();
                if let Some(name) = names.get(random.below(names.len().max(1) as u64) as usize) {
                    disk.damage(name, random.below(400) as usize);
                    damaged += 1;
                }
            }
            11 => clock::move_by([3, 60, -3600, 3600][random.below(4) as usize]),
            12 => {
                let other = process(&disk, &peer, tight, Durability::Process);
                if let Some(destination) = other.inner.destination(0) {
                    destination.spool.evict();
                }
            }
            _ => {
                // Two drainers at once: the second finds the lock taken.
                let (one, two) = (process(&disk, &peer, ROOMY, durability), process(&disk, &peer, ROOMY, durability));
                let lock = one.inner.destination(0).and_then(|destination| destination.spool.drain_lock());
                assert!(lock.is_none() || drain(&two.inner).is_none(), "two drainers at once");
            }
        }
    }
    settle(&disk, &peer);
    let ids = peer.ids();
    assert!(ids.keys().all(|id| emitted.contains(id)), "something came from nowhere");
    let counted = peer.told() + buried(&disk) + dropped;
    let kept = |promise: &&Promise| !promise.cut || promise.durability != Durability::Process;
    let missing: u64 =
        promises.iter().filter(kept).flat_map(|p| p.ids.clone()).filter(|id| !ids.contains_key(id)).count() as u64;
    assert!(missing <= counted, "{missing} acknowledged spans are gone, {counted} counted");
    let left: Vec<String> =
        disk.names().into_iter().filter(|name| name.ends_with(".seg") && !name.starts_with("bad/")).collect();
    assert!(left.is_empty(), "never delivered nor counted: {left:?}");
    (emitted.len() as u64, cuts, damaged)
}

#[test]
fn random_lives_keep_every_promise() {
    let count = std::env::var("SPOOL_LIVES").ok().and_then(|n| n.parse().ok()).unwrap_or(600u64);
    let only = std::env::var("SPOOL_SEED").ok().and_then(|seed| u64::from_str_radix(&seed, 16).ok());
    let (mut spans, mut cuts, mut damaged) = (0, 0, 0);
    for n in 1..=count {
        let seed = only.unwrap_or(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (s, c, d) = match catch_unwind(|| lifetime(seed, 10 + n % 60)) {
            Ok(outcome) => outcome,
            Err(_) => panic!("SPOOL_SEED={seed:016x}"),
        };
        (spans, cuts, damaged) = (spans + s, cuts + c, damaged + d);
    }
    println!("model: {count} lives, {spans} spans, {cuts} power cuts, {damaged} damaged files; promises broken 0");
}

#[test]
fn a_power_cut_at_any_operation_keeps_the_promise_of_the_level() {
    let mut tried = 0;
    let mut lost = BTreeMap::new();
    for durability in [Durability::Process, Durability::File, Durability::Full] {
        for seed in 1..400u64 {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let (disk, peer) = (SimDisk::default(), Peer::default());
            let writer = process(&disk, &peer, ROOMY, durability);
            let bodies = 1 + random.below(5);
            for id in 0..bodies {
                writer.accept(Signal::Traces, spans(id..id + 1));
            }
            assert_eq!(writer.counts().spooled[0], bodies);
            disk.cut(|n| random.below(n));
            settle(&disk, &peer);
            let gone = bodies - peer.ids().len() as u64;
            if durability == Durability::Process {
                *lost.entry("process").or_insert(0) += gone;
            } else {
                assert_eq!(gone, 0, "{durability:?} seed {seed}: {:?}", disk.names());
            }
            tried += 1;
        }
    }
    println!("power: {tried} cuts; file and full lost 0, process lost {lost:?} and sent nothing damaged");
    assert!(lost["process"] > 0, "the simulation loses nothing, so it proves nothing");
}

#[test]
fn reasons_follow_the_error() {
    for (errno, reason) in
        [(libc::ENOSPC, Reason::DiskFull), (libc::EDQUOT, Reason::DiskFull), (libc::EIO, Reason::IoError)]
    {
        let (disk, peer) = (SimDisk::default(), Peer::default());
        peer.is(Mood::Away);
        let delivery = process(&disk, &peer, ROOMY, Durability::Process);
        disk.set_fault(Some(Fault { at: 1, kind: FaultKind::Forever(errno) }));
        delivery.accept(Signal::Traces, spans(0..3));
        assert_eq!(delivery.finish(within(1000)).dropped_for(reason), 3, "{errno}");
    }
}
