//! The tail decision: local traces that the head decision dropped are held until their local root ends, and kept when
//! they contain an error or took too long.
//!
//! Memory is bounded; beyond the bounds the head decision stands. Other processes saw "not sampled", so a kept trace is a
//! local one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use opentelemetry::{Key, KeyValue, TraceFlags, trace::SpanContext};
use opentelemetry_sdk::trace::SpanData;

use super::{build::Ended, early::ById};
use crate::{config::KeepConfig, record::sampling};

/// Most spans of one trace.
const MOST_OF_TRACE: usize = 512;
/// Most spans that are held.
const MOST: usize = 8192;
/// Longest time that a trace is held.
const LONGEST: Duration = Duration::from_secs(60);
/// Decisions that are remembered for spans that end after their root.
const REMEMBERED: usize = 1024;

/// A span that the head decision dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) data: SpanData,
    /// Failed or panicked.
    pub(crate) is_error: bool,
    /// The call's end, when a measurement of it may become an exemplar.
    pub(crate) measured: Option<Ended>,
}

/// The rules of a local root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) error: bool,
    pub(crate) slow: Option<Duration>,
}

impl Rules {
    /// The configured ones, or those of the call site when it has any.
    pub(crate) fn of(config: KeepConfig, site: crate::record::meta::Keep) -> Self {
        let site_slow = (site.slow_ns > 0).then(|| Duration::from_nanos(site.slow_ns));
        Rules { error: config.errors || site.error, slow: site_slow.or(config.slow) }
    }
}

struct Group {
    spans: Vec<Held>,
    has_error: bool,
    since: Instant,
}

pub(crate) struct Tail {
    /// Key of the attribute that says why a trace was kept.
    reason: Key,
    groups: ById<u128, Group>,
    held: usize,
    decided: ById<u128, bool>,
    order: VecDeque<u128>,
    /// Spans dropped by a decision.
    pub(crate) sampled_out: u64,
}

impl Tail {
    /// Holds nothing; own attributes begin with the program's name.
    pub(crate) fn new(app: &str) -> Self {
        Tail {
            reason: format!("{app}.sampling.reason").into(),
            groups: ById::default(),
            held: 0,
            decided: ById::default(),
            order: VecDeque::new(),
            sampled_out: 0,
        }
    }

    /// Takes a span in; gives back what is kept by it: nothing, the span alone, or its whole trace.
    pub(crate) fn add(&mut self, trace: u128, held: Held, root: Option<Rules>, now: Instant) -> Vec<Held> {
        if root.is_none()
            && let Some(kept) = self.decided.get(&trace).copied()
        {
            return if kept { vec![keep(held)] } else { self.drop_spans(1) };
        }
        let is_error = held.is_error;
        match root {
            Some(rules) => {
                let group = self.take(trace);
                let has_error = is_error || group.as_ref().is_some_and(|group| group.has_error);
                let took = held.data.end_time.duration_since(held.data.start_time).unwrap_or_default();
                let reason = match rules.slow {
                    _ if rules.error && has_error => Some("error"),
                    Some(limit) if took >= limit => Some("slow"),
                    _ => None,
                };
                self.remember(trace, reason.is_some());
                let mut spans = group.map_or_else(Vec::new, |group| group.spans);
                let Some(reason) = reason else { return self.drop_spans(spans.len() + 1) };
                let mut root = held;
                root.data.attributes.push(KeyValue::new(self.reason.clone(), reason));
                spans.push(root);
                spans.into_iter().map(keep).collect()
            }
            None => {
                let full = self.held >= MOST;
                let group = self.groups.entry(trace).or_insert_with(|| Group {
                    spans: Vec::new(),
                    has_error: false,
                    since: now,
                });
                group.has_error |= is_error;
                if full || group.spans.len() >= MOST_OF_TRACE {
                    return self.drop_spans(1);
                }
                group.spans.push(held);
                self.held += 1;
                Vec::new()
            }
        }
    }

    /// Gives up traces whose root does not end.
    pub(crate) fn expire(&mut self, now: Instant) {
        let old: Vec<u128> =
            self.groups.iter().filter(|(_, group)| now - group.since > LONGEST).map(|(trace, _)| *trace).collect();
        for trace in old {
            self.give_up(trace);
        }
    }

    /// Gives up everything that is held.
    pub(crate) fn finish(&mut self) {
        let all: Vec<u128> = self.groups.keys().copied().collect();
        for trace in all {
            self.give_up(trace);
        }
    }

    fn give_up(&mut self, trace: u128) {
        if let Some(group) = self.take(trace) {
            self.drop_spans(group.spans.len());
            self.remember(trace, false);
        }
    }

    fn take(&mut self, trace: u128) -> Option<Group> {
        let group = self.groups.remove(&trace)?;
        self.held -= group.spans.len();
        Some(group)
    }

    fn drop_spans(&mut self, spans: usize) -> Vec<Held> {
        self.sampled_out += spans as u64;
        Vec::new()
    }

    fn remember(&mut self, trace: u128, kept: bool) {
        if self.decided.insert(trace, kept).is_none() {
            self.order.push_back(trace);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.decided.remove(&oldest);
        }
    }
}

/// Marks a span as one that leaves after all.
fn keep(mut held: Held) -> Held {
    let old = &held.data.span_context;
    let state = sampling::without_threshold(old.trace_state()).unwrap_or_else(|| old.trace_state().clone());
    held.data.span_context = SpanContext::new(
        old.trace_id(),
        old.span_id(),
        old.trace_flags() | TraceFlags::SAMPLED,
        old.is_remote(),
        state,
    );
    held
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::{
        InstrumentationScope, SpanId, TraceId,
        trace::{SpanKind, Status, TraceState},
    };
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn held(name: &'static str, millis: u64, is_error: bool) -> Held {
        let start_time = SystemTime::UNIX_EPOCH;
        let flags = TraceFlags::default();
        Held {
            data: SpanData {
                span_context: SpanContext::new(TraceId::from(1), SpanId::from(1), flags, false, TraceState::NONE),
                parent_span_id: SpanId::INVALID,
                parent_span_is_remote: false,
                span_kind: SpanKind::Internal,
                name: name.into(),
                start_time,
                end_time: start_time + Duration::from_millis(millis),
                attributes: Vec::new(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: InstrumentationScope::default(),
            },
            is_error,
            measured: None,
        }
    }

    const ERRORS: Option<Rules> = Some(Rules { error: true, slow: None });
    const SLOW: Option<Rules> = Some(Rules { error: false, slow: Some(Duration::from_millis(500)) });

    fn names(kept: &[Held]) -> Vec<String> {
        kept.iter().map(|held| held.data.name.to_string()).collect()
    }

    #[test]
    fn a_trace_with_an_error_is_kept_whole() {
        let (mut tail, now) = (Tail::new("acme"), Instant::now());
        assert!(tail.add(1, held("child", 1, true), None, now).is_empty());
        assert!(tail.add(2, held("other", 1, false), None, now).is_empty());
        let kept = tail.add(1, held("root", 2, false), ERRORS, now);
        assert_eq!(names(&kept), ["child", "root"]);
        assert!(kept.iter().all(|held| held.data.span_context.is_sampled()));
        assert_eq!(kept[1].data.attributes, [KeyValue::new("acme.sampling.reason", "error")]);
        assert_eq!(names(&tail.add(1, held("late", 1, false), None, now)), ["late"]);
        assert!(tail.add(2, held("root", 2, false), ERRORS, now).is_empty());
        assert_eq!(tail.sampled_out, 2);
        assert_eq!(tail.held, 0);
    }

    #[test]
    fn a_slow_root_keeps_its_trace() {
        let (mut tail, now) = (Tail::new("acme"), Instant::now());
        assert!(tail.add(1, held("fast", 499, true), SLOW, now).is_empty());
        let kept = tail.add(2, held("slow", 500, false), SLOW, now);
        assert_eq!(kept[0].data.attributes, [KeyValue::new("acme.sampling.reason", "slow")]);
    }

    #[test]
    fn what_is_held_is_bounded_in_number_and_time() {
        let (mut tail, now) = (Tail::new("acme"), Instant::now());
        for _ in 0..MOST_OF_TRACE + 5 {
            tail.add(1, held("many", 1, false), None, now);
        }
        assert_eq!((tail.held, tail.sampled_out), (MOST_OF_TRACE, 5));
        for trace in 2..(MOST as u128 + 100) {
            tail.add(trace, held("one", 1, false), None, now);
        }
        assert_eq!(tail.held, MOST);
        tail.expire(now + LONGEST + Duration::from_secs(1));
        assert_eq!(tail.held, 0);
    }
}
