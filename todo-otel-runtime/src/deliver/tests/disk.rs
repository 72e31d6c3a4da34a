//! What can be wrong with the disk and what lies on it.

use super::*;
use crate::deliver::Reason;
use otlp_test_support::Receiver;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn spool_one(settings: &Settings) -> crate::deliver::Counts {
    let delivery = delivery(settings.clone());
    delivery.accept(Signal::Traces, spans(0..3));
    let counts = delivery.finish(within(250));
    assert!(counts.balanced(), "{counts:?}");
    counts
}

#[test]
fn what_is_made_is_private() {
    let dir = private_dir();
    spool_one(&spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path()));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("made").mode() & 0o777;
    assert_eq!(mode(&folder(dir.path())), 0o700);
    assert_eq!(mode(&dir.path().join("spool")), 0o700);
    let segment = folder(dir.path()).join(&files(dir.path(), ".seg")[0]);
    assert_eq!(mode(&segment), 0o600);
}

#[test]
fn a_folder_that_is_not_private_is_not_used() {
    type Spoil = fn(&std::path::Path);
    let open_to_all: Spoil = |path| {
        std::fs::create_dir_all(path).expect("made");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("set");
    };
    let link: Spoil = |path| {
        let elsewhere = path.parent().and_then(|p| p.parent()).expect("inside").join("elsewhere");
        std::fs::create_dir_all(&elsewhere).expect("made");
        std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o700)).expect("set");
        std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
        symlink(elsewhere, path).expect("linked");
    };
    let file: Spoil = |path| {
        std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
        std::fs::write(path, "").expect("written");
    };
    let receiver = Receiver::start();
    for spoil in [open_to_all, link, file] {
        let dir = private_dir();
        spoil(&folder(dir.path()));
        // A peer that never answers: what cannot be spooled is still counted in time.
        let counts = spool_one(&spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path()));
        assert_eq!(counts.dropped_for(Reason::NoSpool), 3);
        // With a healthy one, memory suffices.
        let counts = spool_one(&spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path()));
        assert_eq!(counts.delivered[0], 3);
    }
}

#[test]
fn what_others_planted_is_never_sent() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    spool_one(&settings);
    let folder = folder(dir.path());
    let good = std::fs::read(folder.join(&files(dir.path(), ".seg")[0])).expect("read");
    let name = |n: u64| format!("{:013}-00000001-1-{n}-{n:016x}-n3-b{}.t.seg", 1_000_000 + n, good.len() - 40);
    std::fs::write(dir.path().join("outside"), &good).expect("written");
    std::fs::set_permissions(dir.path().join("outside"), std::fs::Permissions::from_mode(0o600)).expect("set");
    symlink(dir.path().join("outside"), folder.join(name(1))).expect("linked");
    std::fs::hard_link(dir.path().join("outside"), folder.join(name(2))).expect("linked");
    std::fs::write(folder.join(name(3)), &good).expect("written");
    std::fs::set_permissions(folder.join(name(3)), std::fs::Permissions::from_mode(0o644)).expect("set");
    rustix::fs::mknodat(rustix::fs::CWD, folder.join(name(4)), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .expect("made");
    std::fs::create_dir(folder.join(name(5))).expect("made");
    let started = Instant::now();
    drain_once(&settings);
    assert!(started.elapsed() < Duration::from_secs(5), "a planted pipe held the drainer");
    assert_eq!(ids(&receiver), [0, 1, 2], "the real one, once");
}

#[test]
fn damaged_segments_are_quarantined_counted_and_never_sent() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    spool_one(&settings);
    let folder = folder(dir.path());
    let name = files(dir.path(), ".seg")[0].clone();
    let good = std::fs::read(folder.join(&name)).expect("read");
    std::fs::remove_file(folder.join(&name)).expect("removed");
    let write = |bytes: &[u8]| {
        let path = folder.join(&name);
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
    };
    let mut newer = good.clone();
    newer[4] = 9;
    let checksum = crc32fast::hash(&newer[..36]).to_le_bytes();
    newer[36..40].copy_from_slice(&checksum);
    let mut renamed = good.clone();
    renamed[8] = 200;
    let checksum = crc32fast::hash(&renamed[..36]).to_le_bytes();
    renamed[36..40].copy_from_slice(&checksum);
    let mut cases = vec![Vec::new(), vec![0; 64], good[..good.len() - 1].to_vec(), renamed];
    cases.extend((0..good.len()).step_by(3).map(|at| {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        flipped
    }));
    for bytes in &cases {
        write(bytes);
        drain_once(&settings);
        assert!(files(dir.path(), ".seg").is_empty(), "still there");
        assert_eq!(files(dir.path(), ".corrupt.lost").len(), 1);
        std::fs::remove_file(folder.join(&files(dir.path(), ".corrupt.lost")[0])).expect("removed");
    }
    assert!(std::fs::read_dir(folder.join("bad")).expect("made").count() <= 8);
    write(&newer);
    drain_once(&settings);
    assert_eq!(files(dir.path(), ".seg"), [name], "a newer version's segment is left alone");
    assert!(ids(&receiver).is_empty());
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_says_how_much() {
    let dir = private_dir();
    let mut settings = spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path());
    settings.role = Role::Cli;
    for id in 0..30 {
        let delivery = delivery(settings.clone());
        delivery.accept(Signal::Traces, spans(id..id + 1));
        delivery.finish(within(250));
    }
    let size: u64 =
        files(dir.path(), ".seg").iter().map(|f| folder(dir.path()).join(f).metadata().map_or(0, |m| m.len())).sum();
    settings.max_bytes = size / 2;
    let inner = crate::deliver::inner::Inner::new(settings.clone(), Box::<crate::deliver::send::Network>::default());
    let lost = inner.destination(0).expect("usable").spool.evict_if_full();
    let left = files(dir.path(), ".seg");
    assert_eq!(lost.len() + left.len(), 30);
    assert!((14..=15).contains(&left.len()), "{}", left.len());
    assert_eq!(files(dir.path(), ".spool_full.lost").len(), lost.len());
    // The youngest survive.
    let youngest = lost.iter().map(|(name, _)| name.segment()).max().expect("some");
    assert!(left.iter().all(|name| *name > youngest));
    for tombstone in files(dir.path(), ".lost") {
        assert_eq!(folder(dir.path()).join(tombstone).metadata().expect("there").len(), 0);
    }
}

#[test]
fn what_is_too_old_expires_and_what_a_dead_writer_left_is_adopted_or_counted() {
    let receiver = Receiver::start();
    let dir = private_dir();
    let settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, dir.path());
    spool_one(&settings);
    let folder = folder(dir.path());
    let name = files(dir.path(), ".seg")[0].clone();
    let good = std::fs::read(folder.join(&name)).expect("read");
    let now = crate::deliver::clock::wall_ms();
    let place = |age_ms: u64, kind: &str, bytes: &[u8]| {
        let path = folder.join(format!("{:013}{}{kind}", now - age_ms, &name[13..name.len() - 4]));
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        path
    };
    place(80 * 3_600_000, ".seg", &good);
    place(5_000, ".tmp", &good);
    let torn = place(2 * 3_600_000, ".tmp", &good[..50]);
    let fresh = place(100, ".tmp", &good[..50]);
    let held = place(6_000, ".tmp", &good);
    let writer = std::fs::File::open(&held).expect("open");
    writer.try_lock().expect("a writer at work");
    drain_once(&settings);
    assert_eq!(ids(&receiver), [0, 0, 1, 1, 2, 2], "the command's own and the adopted one");
    assert!(files(dir.path(), ".expired.lost").len() == 1 && files(dir.path(), ".torn.lost").len() == 1);
    assert!(!torn.exists() && fresh.exists() && held.exists());
}

#[test]
fn many_tombstones_become_few_with_the_same_sum() {
    let dir = private_dir();
    let settings = spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path());
    let inner = crate::deliver::inner::Inner::new(settings, Box::<crate::deliver::send::Network>::default());
    let spool = &inner.destination(0).expect("usable").spool;
    for i in 0..300 {
        assert!(spool.lose(Signal::ALL[i % 3], Reason::Deadline, 2));
    }
    spool.evict();
    let listing = spool.list().expect("listed");
    assert_eq!(listing.tombstones.len(), 3);
    assert_eq!(listing.tombstones.iter().map(|(name, _)| name.items).sum::<u64>(), 600);
}

#[test]
fn losses_from_memory_leave_tombstones() {
    let dir = private_dir();
    let settings = spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path());
    let delivery = delivery(settings);
    delivery.drop_items(Signal::Logs, Reason::QueueFull, 12);
    delivery.drop_items(Signal::Logs, Reason::Sampled, 99);
    delivery.finish(within(250));
    let lost = files(dir.path(), ".lost");
    assert_eq!(lost.len(), 1);
    assert!(lost[0].contains("-n12-b0.l.queue_full.lost"), "{lost:?}");
}

#[test]
fn no_home_no_spool_and_a_folder_that_vanishes_is_survived() {
    let receiver = Receiver::start();
    let mut settings = spooling(&receiver.http_url(), Protocol::HttpProtobuf, std::path::Path::new("/proc/none"));
    assert_eq!(spool_one(&settings).delivered[0], 3);
    settings.spool_root = None;
    assert_eq!(spool_one(&settings).delivered[0], 3);
    let dir = private_dir();
    let settings = spooling("http://127.0.0.1:9", Protocol::HttpProtobuf, dir.path());
    let delivery = delivery(settings);
    delivery.accept(Signal::Traces, spans(0..2));
    std::fs::remove_dir_all(dir.path().join("spool")).expect("removed");
    delivery.accept(Signal::Traces, spans(2..5));
    let counts = delivery.finish(within(500));
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!(counts.dropped_for(Reason::IoError), 3);
}
