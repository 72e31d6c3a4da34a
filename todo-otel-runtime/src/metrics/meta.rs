//! What a call site says about its metrics, const-constructible, written by the attribute macros.

/// The metrics of one call site: one set of cells, and the instruments that are views over it.
#[derive(Debug)]
pub struct MetricsMeta {
    /// Label keys; the values come positionally, at most 63.
    pub labels: &'static [&'static str],
    /// Per label all its values where the code tells them (a literal has one), else an empty list. Shorter than `labels`:
    /// nothing is known. Series that are known are exported at zero before the first call.
    pub values: &'static [&'static [&'static str]],
    /// Views over the cells.
    pub instruments: &'static [InstrumentMeta],
    /// Name of the up-down counter of calls that are running (`<name>.active`); recorded in role `Service` only.
    pub active: Option<&'static str>,
    /// Keep `active`.
    pub in_flight: bool,
}

impl MetricsMeta {
    /// No labels, no instruments.
    pub const DEFAULT: MetricsMeta =
        MetricsMeta { labels: &[], values: &[], instruments: &[], active: None, in_flight: false };
}

/// One instrument of a call site.
#[derive(Debug)]
pub struct InstrumentMeta {
    /// What it counts.
    pub role: Role,
    /// OpenTelemetry name, without unit and without `total`.
    pub name: &'static str,
    /// UCUM unit: `s`, `{call}`.
    pub unit: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Upper bounds of the buckets in seconds, strictly increasing; empty for counters.
    pub bounds: &'static [f64],
    /// Which labels of the call site this instrument carries: bit i stands for label i.
    pub labels: u64,
    /// Carries the label `outcome`.
    pub outcome: bool,
    /// Carries the label `error.type` when the call failed.
    pub error_type: bool,
    /// Carries the label `db.response.status_code` when the database gave one.
    pub status_code: bool,
}

impl InstrumentMeta {
    /// A counter of calls without name and labels.
    pub const DEFAULT: InstrumentMeta = InstrumentMeta {
        role: Role::Calls,
        name: "",
        unit: "{call}",
        description: "",
        bounds: &[],
        labels: 0,
        outcome: false,
        error_type: false,
        status_code: false,
    };
}

/// What an instrument of a call site counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Histogram of the calls' durations, in seconds.
    Duration,
    /// Counter of all calls.
    Calls,
    /// Counter of the calls that failed: outcomes `error` and `panic`.
    Errors,
}

/// Fails the build unless the bounds are finite and strictly increasing.
pub const fn check_bounds(bounds: &[f64]) {
    let mut i = 0;
    while i < bounds.len() {
        assert!(bounds[i].is_finite(), "bucket bounds must be finite");
        assert!(i == 0 || bounds[i - 1] < bounds[i], "bucket bounds must be strictly increasing");
        i += 1;
    }
}
