//! The head decision: is a new trace recorded, and do we tell others that it is?
//!
//! The common samplers are two atomics and no call; any other one is asked behind a lock that only roots take. The tail
//! decision is the collector's.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanKind, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};

use super::meta::{Kind, Meta};
use crate::config::SamplerConfig;

/// What happens to a span that begins a local trace.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// Write it to the ring.
    pub(crate) record: bool,
    /// Set the W3C flag.
    pub(crate) sample: bool,
    /// The trace state of the new span, when it is not the parent's.
    pub(crate) trace_state: Option<TraceState>,
    /// What the sampler wants to have on the span.
    pub(crate) attributes: Vec<KeyValue>,
}

const NEVER: u8 = 0;
const ALWAYS: u8 = 1;
const RATIO: u8 = 2;
/// `ot=th` in the trace state.
const PROBABILITY: u8 = 3;
const FOREIGN: u8 = 4;

static MODE: AtomicU8 = AtomicU8::new(NEVER);
/// Ask the parent first.
static PARENT_BASED: AtomicBool = AtomicBool::new(true);
/// Bits of the ratio as it is now, adaptive or not.
static RATIO_BITS: AtomicU64 = AtomicU64::new(0);
/// Record what the head decision drops, so that the tail decision can keep it.
static TAIL: AtomicBool = AtomicBool::new(false);
/// Most sampled roots a second; 0 = no cap.
static CAP: AtomicU64 = AtomicU64::new(0);
/// Second << 32 | sampled roots in it.
static WINDOW: AtomicU64 = AtomicU64::new(0);
static PLUGGED: RwLock<Option<Arc<dyn ShouldSample>>> = RwLock::new(None);

/// Sets the sampler for roots to come.
pub(crate) fn configure(sampler: &SamplerConfig, plugged: Option<Box<dyn ShouldSample>>, tail: bool, cap: u32) {
    let (parent_based, root) = match sampler {
        SamplerConfig::ParentBased(root) => (true, &**root),
        root => (false, root),
    };
    let (mode, ratio) = match root {
        SamplerConfig::AlwaysOn => (ALWAYS, 1.0),
        SamplerConfig::AlwaysOff => (NEVER, 0.0),
        SamplerConfig::Ratio(ratio) => (RATIO, *ratio),
        SamplerConfig::Probability(ratio) => (PROBABILITY, *ratio),
        // A parent-based sampler below another adds nothing: its root is asked.
        SamplerConfig::ParentBased(_) => (ALWAYS, 1.0),
    };
    let mode = if plugged.is_some() { FOREIGN } else { mode };
    *PLUGGED.write().unwrap_or_else(PoisonError::into_inner) = plugged.map(Arc::from);
    set_ratio(ratio);
    PARENT_BASED.store(parent_based, Relaxed);
    TAIL.store(tail, Relaxed);
    CAP.store(cap.into(), Relaxed);
    MODE.store(mode, Relaxed);
}

/// Changes the ratio; the adaptive sampler does.
pub(crate) fn set_ratio(ratio: f64) {
    RATIO_BITS.store(ratio.clamp(0.0, 1.0).to_bits(), Relaxed);
}

pub(crate) fn ratio() -> f64 {
    f64::from_bits(RATIO_BITS.load(Relaxed))
}

/// Can the ratio be changed?
pub(crate) fn is_ratio() -> bool {
    matches!(MODE.load(Relaxed), RATIO | PROBABILITY)
}

/// Is every new trace recorded and sampled, whatever it is?
#[inline(always)]
pub(crate) fn takes_all() -> bool {
    MODE.load(Relaxed) == ALWAYS && CAP.load(Relaxed) == 0
}

/// Decides for a span without a parent in this process.
pub(crate) fn decide(meta: &Meta, name: &str, trace: (u64, u64), parent: Option<&SpanContext>) -> Decision {
    let mode = MODE.load(Relaxed);
    if mode == ALWAYS && parent.is_none() && meta.sample.is_none() && CAP.load(Relaxed) == 0 {
        return Decision { record: true, sample: true, ..Decision::default() };
    }
    decide_slowly(mode, meta, name, trace, parent)
}

#[cold]
fn decide_slowly(mode: u8, meta: &Meta, name: &str, trace: (u64, u64), parent: Option<&SpanContext>) -> Decision {
    let mut decision = match parent {
        _ if mode == FOREIGN => ask(meta, name, trace, parent),
        Some(parent) if PARENT_BASED.load(Relaxed) => follow(parent, mode, trace),
        _ => own(mode, meta, trace, parent),
    };
    if decision.sample && parent.is_none() && !within_cap() {
        decision = Decision::default();
    }
    // An unsampled remote parent is respected: somebody else decided for the whole trace.
    let keeps = TAIL.load(Relaxed) || meta.keep.error || meta.keep.slow_ns > 0;
    if keeps && !decision.sample && parent.is_none_or(|parent| parent.is_sampled()) {
        decision.record = true;
    }
    decision
}

fn follow(parent: &SpanContext, mode: u8, trace: (u64, u64)) -> Decision {
    let sample = parent.is_sampled();
    let trace_state = if mode == PROBABILITY { consistent(parent.trace_state(), trace.1, sample) } else { None };
    Decision { record: sample, sample, trace_state, ..Decision::default() }
}

fn own(mode: u8, meta: &Meta, trace: (u64, u64), parent: Option<&SpanContext>) -> Decision {
    let (mode, ratio) = match meta.sample {
        Some(ratio) if mode != NEVER => (if mode == PROBABILITY { mode } else { RATIO }, ratio),
        _ => (mode, ratio()),
    };
    if mode == PROBABILITY {
        let empty = TraceState::NONE;
        let state = parent.map_or(&empty, |parent| parent.trace_state());
        let (sample, trace_state) = probability(ratio, state, trace.1);
        return Decision { record: sample, sample, trace_state, ..Decision::default() };
    }
    let sample = match mode {
        ALWAYS => true,
        RATIO => within_ratio(ratio, trace.1),
        _ => false,
    };
    Decision { record: sample, sample, ..Decision::default() }
}

/// The decision of the SDK's `TraceIdRatioBased`, bit for bit, so that services agree.
pub(crate) fn within_ratio(ratio: f64, trace_low: u64) -> bool {
    if ratio >= 1.0 {
        return true;
    }
    (trace_low >> 1) < (ratio.max(0.0) * (1u64 << 63) as f64) as u64
}

fn ask(meta: &Meta, name: &str, trace: (u64, u64), parent: Option<&SpanContext>) -> Decision {
    let Some(sampler) = PLUGGED.read().unwrap_or_else(PoisonError::into_inner).clone() else {
        return Decision::default();
    };
    let context = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
    let id = TraceId::from((trace.0 as u128) << 64 | trace.1 as u128);
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sampler.should_sample(context.as_ref(), id, name, &span_kind(meta.kind), &[], &[])
    }));
    let Ok(result) = asked else { return Decision::default() };
    let (record, sample) = match result.decision {
        SamplingDecision::Drop => (false, false),
        SamplingDecision::RecordOnly => (true, false),
        SamplingDecision::RecordAndSample => (true, true),
    };
    let parents = parent.map(|parent| parent.trace_state());
    let trace_state = (Some(&result.trace_state) != parents).then_some(result.trace_state);
    Decision { record, sample, trace_state, attributes: result.attributes }
}

pub(crate) fn span_kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Client => SpanKind::Client,
        Kind::Server => SpanKind::Server,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
    }
}

/// Counts a sampled root against the cap of the running second.
fn within_cap() -> bool {
    let cap = CAP.load(Relaxed);
    if cap == 0 {
        return true;
    }
    let second = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs() & u64::from(u32::MAX));
    let count = |window: u64| {
        let so_far = if window >> 32 == second { window & u64::from(u32::MAX) } else { 0 };
        (so_far < cap).then_some(second << 32 | (so_far + 1))
    };
    WINDOW.fetch_update(Relaxed, Relaxed, count).is_ok()
}

/// 2^56, the number of values of the randomness and the threshold.
const RANGE: u64 = 1 << 56;

/// Consistent probability sampling (OpenTelemetry, Development): the decision, and the trace state if it changes.
fn probability(ratio: f64, state: &TraceState, trace_low: u64) -> (bool, Option<TraceState>) {
    let mut members = members(state);
    let randomness = randomness(&members, trace_low);
    let threshold = threshold(ratio);
    let sample = threshold.is_some_and(|threshold| randomness >= threshold);
    members.retain(|(key, _)| key != "th");
    if let (true, Some(threshold)) = (sample, threshold) {
        members.insert(0, ("th".to_owned(), render(threshold)));
    }
    (sample, rewritten(state, &members))
}

/// A child keeps its parent's threshold unless it contradicts the parent's flag.
fn consistent(state: &TraceState, trace_low: u64, sampled: bool) -> Option<TraceState> {
    let mut members = members(state);
    let threshold = members.iter().find(|(key, _)| key == "th").map(|(_, value)| parse(value));
    let holds = match threshold {
        None => return None,
        Some(Some(threshold)) => sampled && randomness(&members, trace_low) >= threshold,
        Some(None) => false,
    };
    if holds {
        return None;
    }
    members.retain(|(key, _)| key != "th");
    rewritten(state, &members)
}

/// Removes the threshold: the trace is exported, but its probability is not known.
pub(crate) fn without_threshold(state: &TraceState) -> Option<TraceState> {
    let mut members = members(state);
    let before = members.len();
    members.retain(|(key, _)| key != "th");
    if members.len() == before { None } else { rewritten(state, &members) }
}

fn members(state: &TraceState) -> Vec<(String, String)> {
    let entry = state.get("ot").unwrap_or_default();
    entry.split(';').filter_map(|pair| pair.split_once(':')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn rewritten(state: &TraceState, members: &[(String, String)]) -> Option<TraceState> {
    let entry: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let entry = entry.join(";");
    if entry.len() > 256 || entry == state.get("ot").unwrap_or_default() {
        return None;
    }
    if entry.is_empty() { state.delete("ot").ok() } else { state.insert("ot", entry).ok() }
}

fn randomness(members: &[(String, String)], trace_low: u64) -> u64 {
    let explicit = members.iter().find(|(key, value)| key == "rv" && value.len() == 14);
    explicit.and_then(|(_, value)| u64::from_str_radix(value, 16).ok()).unwrap_or(trace_low & (RANGE - 1))
}

fn threshold(ratio: f64) -> Option<u64> {
    // Less than one in 2^56 cannot be written down.
    (ratio >= 1.0 / RANGE as f64).then(|| ((1.0 - ratio.min(1.0)) * RANGE as f64).round() as u64)
}

/// Fourteen hex digits without the zeros at the end, at most as many digits as the ratio is exact to.
fn render(threshold: u64) -> String {
    if threshold == 0 {
        return "0".to_owned();
    }
    format!("{threshold:014x}").trim_end_matches('0').to_owned()
}

fn parse(text: &str) -> Option<u64> {
    let digits = matches!(text.len(), 1..=14) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        return None;
    }
    u64::from_str_radix(&format!("{text:0<14}"), 16).ok()
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::Sampler;

    use super::*;
    use crate::record::id::Ids;

    #[test]
    fn ratios_decide_like_the_sdk() {
        let ids = Ids::new();
        for ratio in [0.0, 0.01, 0.25, 0.5, 0.999, 1.0] {
            let sdk = Sampler::TraceIdRatioBased(ratio);
            for _ in 0..2_000 {
                let (high, low) = ids.trace();
                let id = TraceId::from((high as u128) << 64 | low as u128);
                let theirs = sdk.should_sample(None, id, "x", &SpanKind::Internal, &[], &[]).decision;
                assert_eq!(within_ratio(ratio, low), theirs == SamplingDecision::RecordAndSample, "{ratio} {low:x}");
            }
        }
    }

    #[track_caller]
    fn th(ratio: f64, expected: &str) {
        assert_eq!(render(threshold(ratio).expect("large enough")), expected, "{ratio}");
    }

    #[test]
    fn thresholds_are_written_as_the_specification_does() {
        th(1.0, "0");
        th(0.5, "8");
        th(0.25, "c");
        th(0.125, "e");
        assert!(render(threshold(0.01).expect("large enough")).starts_with("fd70a"));
        assert_eq!(threshold(0.0), None);
    }

    #[test]
    fn consistent_probability_keeps_what_it_must_and_erases_what_is_wrong() {
        let state = TraceState::from_key_value([("ot", "rv:80000000000000;x:y"), ("acme", "1")]).expect("valid");
        let (sampled, state) = probability(0.5, &state, 0);
        let state = state.expect("a threshold was added");
        assert!(sampled, "randomness equal to the threshold is sampled");
        assert_eq!(state.get("ot"), Some("th:8;rv:80000000000000;x:y"));
        assert_eq!(state.get("acme"), Some("1"));
        assert_eq!(consistent(&state, 0, true), None, "a consistent child keeps it");
        let erased = consistent(&state, 0, false).expect("not sampled: erased");
        assert_eq!(erased.get("ot"), Some("rv:80000000000000;x:y"));
        let (dropped, _) = probability(0.25, &state, 0);
        assert!(!dropped);
    }
}
