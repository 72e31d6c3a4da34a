//! How often a call site may write: a token bucket per call site, and a count of what it was denied. Time is given by
//! the caller, as the time since the pipeline started.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::logs::Severity;

use super::record::{Location, Record};

/// Between two reports of one call site.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Call sites with a bucket of their own; further ones share one.
const MOST_SITES: usize = 4096;

/// A call site's count of records that were not written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Suppressed {
    pub severity: Severity,
    pub target: std::borrow::Cow<'static, str>,
    pub location: Location,
    /// All that were dropped.
    pub count: u64,
    /// Of those, by sampling.
    pub sampled: u64,
}

/// Why a record is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    Rate,
    Sampling,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Duration,
    /// Start of the count, or the last report.
    counting_since: Duration,
    dropped: Suppressed,
}

/// Buckets of all call sites.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    sites: Mutex<HashMap<(usize, u32), Bucket>>,
}

/// Burst and records per second.
fn rate(severity: Severity) -> (f64, f64) {
    if severity >= Severity::Error { (100.0, 20.0) } else { (50.0, 10.0) }
}

impl Throttle {
    /// Takes one token of the record's call site; `sampled_out` says that sampling has already decided against it.
    /// A report that has become due is returned as well.
    pub fn admit(&self, record: &Record, sampled_out: bool, now: Duration) -> (Result<(), Denied>, Option<Suppressed>) {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (record.site, record.location.line);
        if sites.len() >= MOST_SITES && !sites.contains_key(&key) {
            key = (0, 0);
        }
        let (burst, per_second) = rate(record.severity);
        let bucket = sites.entry(key).or_insert_with(|| Bucket {
            tokens: burst,
            filled_at: now,
            counting_since: now,
            dropped: Suppressed {
                severity: record.severity,
                target: record.target.clone(),
                location: record.location,
                count: 0,
                sampled: 0,
            },
        });
        let elapsed = now.saturating_sub(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * per_second).min(burst);
        bucket.filled_at = now;
        let verdict = if sampled_out {
            Err(Denied::Sampling)
        } else if bucket.tokens < 1.0 {
            Err(Denied::Rate)
        } else {
            bucket.tokens -= 1.0;
            Ok(())
        };
        if let Err(denied) = verdict {
            if bucket.dropped.count == 0 {
                bucket.counting_since = now;
            }
            bucket.dropped.count += 1;
            bucket.dropped.sampled += u64::from(denied == Denied::Sampling);
        }
        (verdict, bucket.due(now))
    }

    /// Counts that are due, or, at the end, all of them.
    pub fn reports(&self, now: Duration, all: bool) -> Vec<Suppressed> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.values_mut().filter_map(|bucket| if all { bucket.take(now) } else { bucket.due(now) }).collect()
    }
}

impl Bucket {
    fn due(&mut self, now: Duration) -> Option<Suppressed> {
        if now.saturating_sub(self.counting_since) < REPORT_EVERY {
            return None;
        }
        self.take(now)
    }

    fn take(&mut self, now: Duration) -> Option<Suppressed> {
        if self.dropped.count == 0 {
            return None;
        }
        let report = self.dropped.clone();
        (self.dropped.count, self.dropped.sampled) = (0, 0);
        self.counting_since = now;
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(severity: Severity, site: usize) -> Record {
        let mut record = Record::new(severity, "t", "m");
        record.site = site;
        record
    }

    const fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_burst_passes_then_ten_a_second_and_the_rest_is_counted() {
        let throttle = Throttle::default();
        let info = record(Severity::Info, 1);
        let passed = (0..1000).filter(|_| throttle.admit(&info, false, secs(0)).0.is_ok()).count();
        assert_eq!(passed, 50);
        assert_eq!(throttle.admit(&record(Severity::Info, 2), false, secs(0)).0, Ok(()), "other call sites are free");
        let passed = (0..1000).filter(|_| throttle.admit(&info, false, secs(1)).0.is_ok()).count();
        assert_eq!(passed, 10);

        let (_, report) = throttle.admit(&info, false, secs(10));
        let report = report.expect("ten seconds after the first drop");
        assert_eq!((report.count, report.sampled), (950 + 990, 0));
        assert_eq!(throttle.reports(secs(100), true), [], "told once");
    }

    #[test]
    fn errors_have_more_room_and_sampling_joins_the_count() {
        let throttle = Throttle::default();
        let error = record(Severity::Error, 1);
        assert_eq!((0..1000).filter(|_| throttle.admit(&error, false, secs(0)).0.is_ok()).count(), 100);
        let info = record(Severity::Info, 2);
        for _ in 0..3 {
            assert_eq!(throttle.admit(&info, true, secs(0)).0, Err(Denied::Sampling));
        }
        let mut counts: Vec<_> =
            throttle.reports(secs(1), true).into_iter().map(|report| (report.count, report.sampled)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(3, 3), (900, 0)]);
    }

    #[test]
    fn endless_call_sites_do_not_take_endless_memory() {
        let throttle = Throttle::default();
        for site in 1..10_000 {
            let _ = throttle.admit(&record(Severity::Info, site), false, secs(0));
        }
        assert!(throttle.sites.lock().unwrap().len() <= MOST_SITES + 1);
    }
}
