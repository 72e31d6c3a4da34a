//! Which records below WARN are exported: all or none of a trace, at random outside one.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

use opentelemetry::logs::Severity;

use super::correlate::SpanRef;

/// Exports a share of the records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    /// Of 2^63; `None` = everything passes.
    bound: Option<u64>,
}

impl Sampler {
    /// `share` from 0 to 1.
    pub fn new(share: f64) -> Self {
        Self { bound: (share < 1.0).then(|| (share.max(0.0) * (1_u64 << 63) as f64) as u64) }
    }

    /// True when the record is not exported.
    pub fn drops(self, severity: Severity, span: Option<&SpanRef>) -> bool {
        let Some(bound) = self.bound.filter(|_| severity < Severity::Warn) else { return false };
        let position = match span {
            // The same eight bytes as the ratio sampler of spans: at equal shares, traces and their records agree.
            Some(span) => (u128::from_be_bytes(span.trace_id.to_bytes()) as u64) >> 1,
            None => random() >> 1,
        };
        position >= bound
    }
}

/// xorshift64*; nothing secret depends on it.
fn random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0) | 1));
    let next = |state: &Cell<u64>| {
        let mut x = state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    STATE.try_with(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use opentelemetry::{SpanId, TraceFlags, TraceId};

    use super::*;

    fn span(trace: u128) -> SpanRef {
        SpanRef { trace_id: TraceId::from(trace), span_id: SpanId::from(1), flags: TraceFlags::SAMPLED }
    }

    #[test]
    fn a_trace_keeps_all_of_its_records_or_none_and_warnings_always_pass() {
        let half = Sampler::new(0.5);
        let kept = (0..2000_u128)
            .map(|i| span((i * 0x9e37_79b9_7f4a_7c15) & u128::from(u64::MAX)))
            .filter(|span| {
                let first = half.drops(Severity::Info, Some(span));
                assert!((0..5).all(|_| half.drops(Severity::Debug, Some(span)) == first));
                assert!(!half.drops(Severity::Warn, Some(span)));
                !first
            })
            .count();
        assert!((900..1100).contains(&kept), "{kept} of 2000");
        let alone = (0..2000).filter(|_| !half.drops(Severity::Info, None)).count();
        assert!((850..1150).contains(&alone), "{alone} of 2000");
    }

    #[test]
    fn the_ends_are_exact() {
        assert!((0..100).all(|_| !Sampler::new(1.0).drops(Severity::Trace, None)));
        assert!((0..100).all(|_| Sampler::new(0.0).drops(Severity::Info, None)));
    }
}
