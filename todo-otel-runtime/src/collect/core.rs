//! The collector's state, and one pass over the rings.
//!
//! Records of one span may lie in several rings when a future moved between threads. An attribute is published before the
//! end of its span, so a second look at all rings after the first one has seen the end finds it: ends of the first look
//! are built after the second, those of the second in the next pass.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};

use super::{
    adaptive::Adaptive,
    build::{self, Cut, Ended, Shape},
    early::{ById, Early},
    export::Exporter,
    lane::{self, Foreign},
    tail::{Held, Rules, Tail},
};
use crate::{
    config::{KeepConfig, Redactor, SpanLimits},
    record::{
        callsite::{self, Callsite},
        clock::{self, Anchor},
        local,
        outcome::Outcome,
        red::{Series, SpanRef},
        ring::Ring,
        span::{LOCAL_ROOT, REMOTE_PARENT, SAMPLED},
        wire,
    },
};

/// A span that has begun and of which somebody wants to know.
#[derive(Clone, Copy, Debug)]
struct Open {
    site: u32,
    flags: u32,
    trace: u128,
    parent: u64,
    start: u64,
    reported: bool,
}

/// Most open spans that are remembered.
const MOST_OPEN: usize = 1 << 16;

pub(crate) struct Core {
    sites: Vec<&'static Callsite>,
    shapes: Vec<Shape>,
    words: Vec<u64>,
    early: Early,
    open: ById<u64, Open>,
    /// Ends of the last second look.
    later: Vec<Ended>,
    tail: Tail,
    anchor: Anchor,
    pub(crate) batch: Vec<SpanData>,
    pub(crate) settings: Settings,
    pub(crate) adaptive: Option<Adaptive>,
    pub(crate) last_export: Instant,
    cut: Cut,
    ended: u64,
    started: [[u64; 2]; 3],
    unfinished: u64,
    dropped_by_ended_rings: u64,
    dropped_before: u64,
}

/// What the collector was started with.
pub(crate) struct Settings {
    /// Begins the names of own attributes.
    pub(crate) app: String,
    pub(crate) keep: KeepConfig,
    pub(crate) limits: SpanLimits,
    pub(crate) exporters: Vec<Exporter>,
    pub(crate) processors: Vec<Box<dyn SpanProcessor>>,
    pub(crate) max_batch: usize,
    pub(crate) schedule_delay: Duration,
    pub(crate) redactor: Redactor,
}

/// What became of spans, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans that ended and were recorded, or whose end could not be.
    pub ended: u64,
    /// Exporters took them; with several exporters, the first one.
    pub exported: u64,
    /// Dropped because a ring or a queue was full.
    pub queue_full: u64,
    /// Dropped by the tail decision.
    pub sampled: u64,
    /// The exporter said no.
    pub failed: u64,
    /// The exporter panicked.
    pub panicked: u64,
    /// The exporter was not done at the deadline.
    pub deadline: u64,
    /// Spans that were still open at shutdown; they are among the others.
    pub unfinished: u64,
    /// Attributes, events and links cut off, and values shortened.
    pub cut: u64,
    /// Recorded spans by the origin of their parent (none, local, remote) and by the head decision (not sampled, sampled).
    pub started: [[u64; 2]; 3],
}

/// Spans of captures, by tag.
static CAPTURES: Mutex<Option<HashMap<u16, Vec<SpanData>>>> = Mutex::new(None);

/// Spans that carry `tag` are kept for `captured` from now on and not exported.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn begin_capture(tag: u16) {
    let mut captures = CAPTURES.lock().unwrap_or_else(PoisonError::into_inner);
    captures.get_or_insert_default().insert(tag, Vec::new());
}

/// The spans of a capture so far.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn captured(tag: u16) -> Vec<SpanData> {
    let mut captures = CAPTURES.lock().unwrap_or_else(PoisonError::into_inner);
    captures.as_mut().and_then(|all| all.get_mut(&tag)).map(std::mem::take).unwrap_or_default()
}

/// Ends a capture.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn end_capture(tag: u16) {
    let mut captures = CAPTURES.lock().unwrap_or_else(PoisonError::into_inner);
    captures.as_mut().map(|all| all.remove(&tag));
}

fn capture(tag: u16, data: SpanData) -> Option<SpanData> {
    let mut captures = CAPTURES.lock().unwrap_or_else(PoisonError::into_inner);
    match captures.as_mut().and_then(|all| all.get_mut(&tag)) {
        Some(spans) => {
            spans.push(data);
            None
        }
        None => Some(data),
    }
}

impl Core {
    pub(crate) fn new(settings: Settings, adaptive: Option<Adaptive>) -> Self {
        // What ended after the last shutdown was accounted for there, as unfinished.
        for ring in local::rings() {
            ring.take(&mut Vec::new());
        }
        lane::take();
        Core {
            sites: Vec::new(),
            shapes: Vec::new(),
            words: Vec::new(),
            early: Early::default(),
            open: ById::default(),
            later: Vec::new(),
            tail: Tail::new(&settings.app),
            anchor: Anchor::new(),
            batch: Vec::new(),
            settings,
            adaptive,
            last_export: Instant::now(),
            cut: Cut::default(),
            ended: 0,
            started: Default::default(),
            unfinished: 0,
            dropped_by_ended_rings: 0,
            dropped_before: dropped_by(&local::rings()) + local::ringless() + lane::spans_dropped(),
        }
    }

    /// One pass; the number of words that were found.
    pub(crate) fn drain(&mut self) -> usize {
        if self.anchor.is_stale() || self.ended == 0 {
            self.anchor = clock::anchor();
        }
        let rings = local::rings();
        let mut ended = std::mem::take(&mut self.later);
        let mut moved = self.look(&rings, &mut ended);
        let lane = lane::take();
        moved += lane.notes.len() + lane.foreign.len();
        for (id, note) in lane.notes {
            self.early.add_note(id, note);
        }
        let mut later = Vec::new();
        moved += self.look(&rings, &mut later);
        self.later = later;
        callsite::registered(&mut self.sites);
        while self.shapes.len() < self.sites.len() {
            self.shapes.push(Shape::of(self.sites[self.shapes.len()]));
        }
        for span in lane.foreign {
            self.add_foreign(span);
        }
        for span in ended {
            self.add(&span);
        }
        self.tail.expire(Instant::now());
        moved + self.later.len()
    }

    fn look(&mut self, rings: &[Arc<Ring>], ended: &mut Vec<Ended>) -> usize {
        let mut moved = 0;
        for ring in rings {
            // Asked first: what a closed ring holds now is all there will be.
            let closed = ring.is_closed();
            let mut words = std::mem::take(&mut self.words);
            words.clear();
            moved += ring.take(&mut words);
            self.read(&words, ended);
            self.words = words;
            if closed {
                self.dropped_by_ended_rings += if local::forget_ring(ring) { ring.dropped() } else { 0 };
            }
        }
        moved
    }

    fn read(&mut self, mut words: &[u64], ended: &mut Vec<Ended>) {
        while let [first, ..] = *words {
            let len = wire::len(first);
            if len == 0 || len > words.len() {
                debug_assert!(false, "a record of an unknown kind: {first:x}");
                return;
            }
            let (record, rest) = words.split_at(len);
            words = rest;
            match wire::record(first) {
                wire::END | wire::END_ASYNC => ended.extend(Ended::read(record)),
                wire::START => self.begin(record),
                wire::FORGET => {
                    self.open.remove(&record[1]);
                    self.early.take(record[1]);
                }
                _ => self.early.add_words(record[1], record),
            }
        }
    }

    fn begin(&mut self, record: &[u64]) {
        let [first, id, high, low, parent, start] = *record else { return };
        if self.open.len() < MOST_OPEN {
            let trace = u128::from(high) << 64 | u128::from(low);
            let (site, flags) = (wire::long(first) as u32, wire::key(first) as u32);
            self.open.insert(id, Open { site, flags, trace, parent, start, reported: false });
        }
    }

    fn add(&mut self, ended: &Ended) {
        self.ended += 1;
        let origin = match ended.parent {
            0 => 0,
            _ if ended.has(REMOTE_PARENT) => 2,
            _ => 1,
        };
        self.started[origin][usize::from(ended.has(SAMPLED))] += 1;
        let opened = if self.open.is_empty() { None } else { self.open.remove(&ended.id) };
        let Some(shape) = self.shapes.get(ended.site as usize) else { return };
        let mut known = self.early.take(ended.id);
        let mut data = build::span_data(
            ended,
            shape,
            known.as_mut(),
            &self.anchor,
            (&self.settings.limits, &self.settings.redactor),
            &mut self.cut,
        );
        if let Some(known) = known {
            self.early.reuse(known.words);
        }
        if opened.is_some_and(|open| open.reported) {
            data.attributes.push(KeyValue::new("slow", true));
        }
        let is_error = matches!(ended.outcome, Outcome::Error | Outcome::Panic);
        let is_root = ended.has(LOCAL_ROOT);
        if is_root && let Some(adaptive) = &mut self.adaptive {
            adaptive.root_ended(is_error, Instant::now());
        }
        if ended.tag != 0 {
            match capture(ended.tag, data) {
                Some(back) => data = back,
                None => return,
            }
        }
        if ended.has(SAMPLED) {
            return self.keep(data);
        }
        let keep = shape_keep(&self.shapes, ended.site);
        let root = is_root.then(|| Rules::of(self.settings.keep, keep));
        let measured = (ended.series != 0).then_some(*ended);
        let kept = self.tail.add(ended.trace, Held { data, is_error, measured }, root, Instant::now());
        self.keep_all(kept);
    }

    fn add_foreign(&mut self, span: Foreign) {
        self.ended += 1;
        let Foreign { mut data, start_ticks, end_ticks, is_local_root, tag } = span;
        if start_ticks != 0 {
            data.start_time = self.anchor.time(start_ticks);
        }
        if end_ticks != 0 {
            data.end_time = self.anchor.time(end_ticks);
        }
        data.end_time = data.end_time.max(data.start_time);
        super::scrub::scrub(&mut data, &self.settings.redactor);
        build::keep_last(&mut data.attributes);
        build::limit(&mut data, &self.settings.limits, &mut self.cut);
        let is_error = matches!(data.status, opentelemetry::trace::Status::Error { .. });
        if tag != 0 {
            match capture(tag, data) {
                Some(back) => data = back,
                None => return,
            }
        }
        if data.span_context.is_sampled() {
            return self.keep(data);
        }
        let trace = u128::from_be_bytes(data.span_context.trace_id().to_bytes());
        let none = crate::record::meta::Keep::DEFAULT;
        let root = is_local_root.then(|| Rules::of(self.settings.keep, none));
        let kept = self.tail.add(trace, Held { data, is_error, measured: None }, root, Instant::now());
        self.keep_all(kept);
    }

    fn keep_all(&mut self, kept: Vec<Held>) {
        for held in kept {
            if let Some(ended) = held.measured {
                self.exemplar(&ended, &held.data);
            }
            self.keep(held.data);
        }
    }

    /// The measurement of a span that is kept only now becomes an exemplar.
    fn exemplar(&self, ended: &Ended, data: &SpanData) {
        let Some(shape) = self.shapes.get(ended.site as usize) else { return };
        let class = data.attributes.iter().find(|attribute| attribute.key.as_str() == "error.type");
        let class = class.map(|attribute| attribute.value.as_str());
        let span = SpanRef { trace: ended.trace, span: ended.id, sampled: true };
        let (ticks, series) = (ended.end - ended.start, Series::from_bits(ended.series));
        shape.site().red.kept(series, ticks, ended.end, ended.outcome, class.as_deref(), span);
    }

    fn keep(&mut self, data: SpanData) {
        for processor in &self.settings.processors {
            let data = data.clone();
            // A processor that somebody else wrote must not end the collector.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| processor.on_end(data)));
        }
        self.batch.push(data);
        if self.batch.len() >= self.settings.max_batch {
            self.export(None);
        }
    }

    /// Hands the batch over.
    pub(crate) fn export(&mut self, deadline: Option<Instant>) {
        self.last_export = Instant::now();
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some((last, others)) = self.settings.exporters.split_last() {
            for exporter in others {
                exporter.export(batch.clone(), deadline);
            }
            last.export(batch, deadline);
        }
    }

    /// Is any watched span open?
    pub(crate) fn is_watching(&self) -> bool {
        self.open.values().any(|open| self.slow_ns(open) > 0)
    }

    fn slow_ns(&self, open: &Open) -> u64 {
        self.sites.get(open.site as usize).map_or(0, |site| site.meta().slow_ns)
    }

    /// Reports watched spans that have been open for too long, each once.
    pub(crate) fn report_slow(&mut self) {
        let now = clock::now();
        let late: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, open)| {
                let limit = self.slow_ns(open);
                limit > 0 && !open.reported && self.anchor.ns(now.saturating_sub(open.start)) >= limit
            })
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let Some(open) = self.open.get_mut(&id) else { continue };
            open.reported = true;
            let open = *open;
            if let Some(site) = self.sites.get(open.site as usize) {
                super::slow::report(site.meta(), open.trace, id, self.anchor.ns(now.saturating_sub(open.start)));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn has_reported(&self) -> bool {
        self.open.values().any(|open| open.reported)
    }

    /// Ends what is still open, as unfinished.
    pub(crate) fn end_open(&mut self) {
        let end = clock::now();
        let open: Vec<(u64, Open)> = self.open.drain().collect();
        for (id, open) in open {
            self.unfinished += 1;
            self.early.add_note(id, lane::Note::Attributes(vec![KeyValue::new("unfinished", true)]));
            self.add(&Ended {
                site: open.site,
                id,
                trace: open.trace,
                parent: open.parent,
                start: open.start,
                end: end.max(open.start),
                flags: open.flags,
                outcome: Outcome::Ok,
                series: 0,
                tag: 0,
                polled: None,
            });
        }
        self.tail.finish();
    }

    pub(crate) fn counts(&self) -> Counts {
        let rings = dropped_by(&local::rings()) + local::ringless() + lane::spans_dropped();
        let in_rings = (rings + self.dropped_by_ended_rings).saturating_sub(self.dropped_before);
        let exporter = self.settings.exporters.first().map(Exporter::totals).unwrap_or_default();
        Counts {
            ended: self.ended + in_rings,
            exported: exporter.accepted,
            queue_full: in_rings + exporter.queue_full,
            sampled: self.tail.sampled_out,
            failed: exporter.failed,
            panicked: exporter.panicked,
            deadline: exporter.deadline,
            unfinished: self.unfinished,
            cut: self.cut.attributes
                + self.cut.values
                + self.cut.events
                + self.cut.links
                + self.early.evicted
                + lane::notes_dropped(),
            started: self.started,
        }
    }
}

fn dropped_by(rings: &[Arc<Ring>]) -> u64 {
    rings.iter().map(|ring| ring.dropped()).sum()
}

fn shape_keep(shapes: &[Shape], site: u32) -> crate::record::meta::Keep {
    shapes.get(site as usize).map_or(crate::record::meta::Keep::DEFAULT, |shape| shape.site().meta().keep)
}
