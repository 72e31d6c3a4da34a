//! What a user may ask of the spool: what is there, send it now, remove it. Plain values; printing is the program's.

use super::{
    clock::{self, Now},
    counts::{Dropped, Reason},
    drain::{Destination, Ended},
    handover,
    inner::{self, Inner},
    send::Network,
    settings::Settings,
    spool::segment,
};
use crate::{
    config::{Config, Signal},
    error::InitError,
};
use std::time::{Duration, Instant};

/// State of one destination's spool.
#[derive(Clone, Debug, Default)]
pub struct SpoolStatus {
    /// Name of its folder.
    pub destination: String,
    /// Scheme, host and port of its endpoint; no path and no credential.
    pub endpoint: String,
    /// False when there is no folder, or one that is not used because it is not private.
    pub usable: bool,
    /// Segments waiting.
    pub segments: usize,
    /// Items waiting, by `Signal as usize`.
    pub items: [u64; 3],
    /// Bytes on disk.
    pub bytes: u64,
    /// Age of the oldest segment.
    pub oldest: Option<Duration>,
    /// Losses that were not reported to the receiver yet.
    pub lost: Vec<Dropped>,
    /// Time until the next request is allowed, of the signal that waits longest; `None` when all may be sent now.
    pub waiting: Option<Duration>,
    /// Failed requests in a row, the most of all signals.
    pub failures: u32,
    /// Time since a receiver last took something.
    pub last_success: Option<Duration>,
    /// Somebody is sending right now.
    pub draining: bool,
    /// Signals that the receiver does not take at the moment.
    pub closed: Vec<Closed>,
}

/// A signal that is kept back because its last requests failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// This one.
    pub signal: Signal,
    /// What went wrong last, such as `HTTP 404`. Text of the peer may be in it: escape it before printing.
    pub problem: String,
    /// The receiver refuses this signal: only another configuration helps. False in an outage.
    pub refused: bool,
    /// Time until it is tried again.
    pub waiting: Duration,
}

/// What a flush achieved. Arrays are indexed by `Signal as usize`.
#[derive(Clone, Debug, Default)]
pub struct FlushReport {
    /// Items that a receiver took.
    pub delivered: [u64; 3],
    /// Items still in the spool.
    pub left: [u64; 3],
    /// Losses found or made on the way, reported to the receiver or waiting to be.
    pub lost: Vec<Dropped>,
    /// Time until the next request is allowed, the longest of all destinations.
    pub waiting: Option<Duration>,
    /// Another process held the right to send until the deadline.
    pub busy: bool,
    /// Signals that were not taken.
    pub closed: Vec<Closed>,
}

impl FlushReport {
    /// Nothing is left.
    pub fn is_complete(&self) -> bool {
        self.left.iter().all(|items| *items == 0) && !self.busy
    }
}

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Files of any kind.
    pub files: usize,
    /// Items that were waiting, by `Signal as usize`.
    pub items: [u64; 3],
}

/// Looks; changes, opens and connects nothing else.
///
/// # Errors
/// An unusable endpoint.
pub fn status(config: &Config) -> Result<Vec<SpoolStatus>, InitError> {
    let settings = Settings::new(config)?;
    Ok((0..settings.destinations.len()).map(|index| status_of(&settings, index)).collect())
}

fn status_of(settings: &Settings, index: usize) -> SpoolStatus {
    let route = settings.routes.iter().flatten().find(|route| route.destination == index);
    let uri = route.and_then(|route| route.url.parse::<http::Uri>().ok());
    let endpoint = uri.map_or_else(String::new, |uri| {
        let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default())
    });
    let mut status =
        SpoolStatus { destination: settings.destinations[index].clone(), endpoint, ..SpoolStatus::default() };
    let Some(destination) = inner::open(settings, index, 1, false) else { return status };
    let Ok(listing) = destination.spool.list() else { return status };
    let now = Now::read();
    let breakers = destination.breakers().clone();
    status.usable = true;
    status.segments = listing.segments.len();
    for name in &listing.segments {
        status.items[name.signal as usize] += name.items;
        status.bytes += name.bytes + segment::HEADER as u64;
    }
    status.oldest = listing.segments.first().map(|name| Duration::from_millis(now.wall_ms.saturating_sub(name.ms)));
    status.lost = losses(&destination);
    for signal in destination.signals(settings) {
        let breaker = breakers.of(signal);
        status.failures = status.failures.max(breaker.failures);
        let since = Duration::from_millis(clock::wall_ms().saturating_sub(breaker.last_success_ms));
        if breaker.last_success_ms > 0 && status.last_success.is_none_or(|known| since < known) {
            status.last_success = Some(since);
        }
    }
    status.closed = closed(settings, &destination);
    status.waiting = status.closed.iter().map(|closed| closed.waiting).filter(|wait| !wait.is_zero()).max();
    status.draining = destination.spool.drain_lock().is_none();
    status
}

/// Signals with an open breaker.
pub(super) fn closed(settings: &Settings, destination: &Destination) -> Vec<Closed> {
    let (breakers, now) = (destination.spool.load_breakers(), Now::read());
    let open = destination.signals(settings).filter(|signal| breakers.of(*signal).is_open());
    open.map(|signal| {
        let breaker = breakers.of(signal);
        Closed { signal, problem: breaker.problem.clone(), refused: breaker.refused > 0, waiting: breaker.wait(&now) }
    })
    .collect()
}

fn losses(destination: &Destination) -> Vec<Dropped> {
    let mut sums = std::collections::BTreeMap::<(Signal, Reason), u64>::new();
    for (name, reason) in destination.spool.list().unwrap_or_default().tombstones {
        *sums.entry((name.signal, reason)).or_default() += name.items;
    }
    sums.into_iter().map(|((signal, reason), items)| Dropped { signal, reason, items }).collect()
}

/// Sends what the spool holds, at most until the deadline. Every signal gets one attempt, also one that would be left
/// alone for now; only the waits that servers asked for are kept.
///
/// # Errors
/// An unusable endpoint.
pub fn flush(config: &Config, deadline: Instant) -> Result<FlushReport, InitError> {
    let inner = Inner::new(Settings::new(config)?, Box::<Network>::default());
    let mut report = FlushReport::default();
    handover::spool_totals_on_demand(&inner);
    for index in 0..inner.settings.destinations.len() {
        let Some(destination) = existing(&inner, index) else { continue };
        let mut lock = destination.spool.drain_lock();
        while lock.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            lock = destination.spool.drain_lock();
        }
        report.busy |= lock.is_none();
        let mut ended = lock.as_ref().map(|_| inner.pass_on_demand(destination, deadline));
        while let Some(end) = ended {
            match end {
                Ended::Wait(wait) => {
                    if Instant::now() + wait >= deadline {
                        report.waiting = report.waiting.max(Some(wait));
                        break;
                    }
                    std::thread::sleep(wait);
                }
                Ended::Empty | Ended::Deadline => break,
            }
            ended = Some(inner.pass(destination, deadline, None));
        }
        let listing = destination.spool.list().unwrap_or_default();
        for name in &listing.segments {
            report.left[name.signal as usize] += name.items;
        }
        report.lost.extend(losses(destination));
        report.closed.extend(closed(&inner.settings, destination));
    }
    report.delivered = inner.tally.snapshot().drained;
    #[cfg(target_os = "linux")]
    super::drainer::expire_abandoned(&inner.settings);
    Ok(report)
}

/// The destination if its folder exists: asking must not make one.
fn existing(inner: &Inner, index: usize) -> Option<&Destination> {
    inner.settings.spool_dir(index)?.is_dir().then(|| inner.destination(index)).flatten()
}

/// Removes everything from the spools of this program, those of endpoints configured no more included. What is being
/// sent right now stays.
///
/// # Errors
/// An unusable endpoint.
pub fn purge(config: &Config) -> Result<PurgeReport, InitError> {
    let settings = Settings::new(config)?;
    let mut report = PurgeReport::default();
    let Some(folders) = settings.spool_root.as_ref().and_then(|root| std::fs::read_dir(root).ok()) else {
        return Ok(report);
    };
    for folder in folders.flatten() {
        let name = folder.file_name();
        let ours = name.to_str().is_some_and(|name| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(spool) = ours.then(|| inner::open_path(&settings, &folder.path())).flatten() {
            let (files, items) = spool.purge();
            report.files += files;
            for (sum, items) in report.items.iter_mut().zip(items) {
                *sum += items;
            }
        }
    }
    Ok(report)
}
