//! The one model of metrics: every reader (OTLP, Prometheus text, ledger, console, tests) sees this and nothing else.

use std::borrow::Cow;

/// A name or a text: mostly a constant of the program, sometimes read from a file.
pub type Text = Cow<'static, str>;

/// Attributes of a point, sorted by key.
pub type Attributes = Vec<(Text, Value)>;

/// Everything measured, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was taken, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// Metrics by instrumentation scope.
    pub scopes: Vec<Scope>,
}

/// The metrics of one crate.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// Name of the crate.
    pub name: Text,
    /// Version of the crate.
    pub version: Text,
    /// Sorted by name.
    pub metrics: Vec<Metric>,
}

/// All points of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// OpenTelemetry name.
    pub name: Text,
    /// UCUM unit.
    pub unit: Text,
    /// One sentence for people, or nothing.
    pub description: Text,
    /// Kind and points.
    pub data: Data,
}

/// Kind and points of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Sums.
    Sum {
        /// Never falls.
        monotonic: bool,
        /// Since when the values count.
        temporality: PointTemporality,
        /// Set by callbacks.
        observable: bool,
        /// Points.
        points: Vec<Point>,
    },
    /// Last values.
    Gauge(Vec<Point>),
    /// Distributions over explicit buckets.
    Histogram {
        /// Since when the values count.
        temporality: PointTemporality,
        /// Upper bounds of all buckets but the last.
        bounds: Vec<f64>,
        /// Points.
        points: Vec<HistogramPoint>,
    },
    /// Distributions over base-2 exponential buckets.
    Exponential {
        /// Since when the values count.
        temporality: PointTemporality,
        /// Points.
        points: Vec<ExponentialPoint>,
    },
}

/// Since when the values of a point count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointTemporality {
    /// Since the start of the series.
    Cumulative,
    /// Since the previous point.
    Delta,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What it is about.
    pub attributes: Attributes,
    /// Since when it counts, in nanoseconds since 1970; 0 for gauges.
    pub start_unix_ns: u64,
    /// When it was read.
    pub unix_ns: u64,
    /// The value.
    pub value: Num,
    /// Measurements that point at their traces.
    pub exemplars: Vec<Exemplar>,
}

/// One distribution over explicit buckets. Its count is the sum of its buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPoint {
    /// What it is about.
    pub attributes: Attributes,
    /// Since when it counts, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// When it was read.
    pub unix_ns: u64,
    /// Counts, one more than there are bounds.
    pub buckets: Vec<u64>,
    /// Sum of all values.
    pub sum: f64,
    /// Newest per bucket, sorted by value.
    pub exemplars: Vec<Exemplar>,
}

impl HistogramPoint {
    /// Number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// One distribution over base-2 exponential buckets: bucket i holds (base^(offset + i), base^(offset + i + 1)] with
/// base = 2^(2^-scale).
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialPoint {
    /// What it is about.
    pub attributes: Attributes,
    /// Since when it counts, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// When it was read.
    pub unix_ns: u64,
    /// Resolution.
    pub scale: i32,
    /// Values that are zero.
    pub zero_count: u64,
    /// Index of the first positive bucket.
    pub offset: i32,
    /// Counts of positive values; values below zero are not recorded.
    pub buckets: Vec<u64>,
    /// Sum of all values.
    pub sum: f64,
    /// Sorted by value.
    pub exemplars: Vec<Exemplar>,
}

impl ExponentialPoint {
    /// Number of values.
    pub fn count(&self) -> u64 {
        self.zero_count + self.buckets.iter().sum::<u64>()
    }
}

/// A measurement that points at its trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What was measured, in the unit of the metric.
    pub value: f64,
    /// When, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// Trace id; 0 when there was no span.
    pub trace: u128,
    /// Span id; 0 when there was no span.
    pub span: u64,
}

/// A number as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Num {
    /// Integers; unsigned ones above `i64::MAX` are cut there.
    Int(i64),
    /// Floating-point numbers.
    Float(f64),
}

impl Num {
    /// As a floating-point number.
    pub fn float(self) -> f64 {
        match self {
            Num::Int(int) => int as f64,
            Num::Float(float) => float,
        }
    }
}

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "names of the types")]
pub enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Float(value) => value.fmt(f),
            Value::Text(value) => value.fmt(f),
        }
    }
}

impl Data {
    /// Number of points.
    pub fn len(&self) -> usize {
        match self {
            Data::Sum { points, .. } | Data::Gauge(points) => points.len(),
            Data::Histogram { points, .. } => points.len(),
            Data::Exponential { points, .. } => points.len(),
        }
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Snapshot {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.scopes.iter().flat_map(|scope| &scope.metrics).map(|metric| metric.data.len()).sum()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first metric of this name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.scopes.iter().flat_map(|scope| &scope.metrics).find(|metric| metric.name == name)
    }

    /// The scope of this name, made when it is not there.
    pub(crate) fn scope(&mut self, name: &Text, version: &Text) -> &mut Scope {
        let at = self.scopes.iter().position(|scope| scope.name == *name && scope.version == *version);
        let at = at.unwrap_or_else(|| {
            self.scopes.push(Scope { name: name.clone(), version: version.clone(), metrics: Vec::new() });
            self.scopes.len() - 1
        });
        &mut self.scopes[at]
    }

    /// Scopes, metrics and points in the order of their names, so that equal states give equal bytes.
    pub(crate) fn sort(&mut self) {
        self.scopes.retain(|scope| scope.metrics.iter().any(|metric| !metric.data.is_empty()));
        self.scopes.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        for metric in self.scopes.iter_mut().flat_map(|scope| {
            scope.metrics.retain(|metric| !metric.data.is_empty());
            scope.metrics.sort_by(|a, b| a.name.cmp(&b.name));
            &mut scope.metrics
        }) {
            match &mut metric.data {
                Data::Sum { points, .. } | Data::Gauge(points) => points.sort_by_cached_key(|p| key(&p.attributes)),
                Data::Histogram { points, .. } => points.sort_by_cached_key(|p| key(&p.attributes)),
                Data::Exponential { points, .. } => points.sort_by_cached_key(|p| key(&p.attributes)),
            }
        }
    }
}

/// One text per set of attributes, for comparison and look-up.
pub(crate) fn key(attributes: &Attributes) -> String {
    let mut key = String::new();
    for (name, value) in attributes {
        let kind = match value {
            Value::Bool(_) => 'b',
            Value::Int(_) => 'i',
            Value::Float(_) => 'f',
            Value::Text(_) => 't',
        };
        key.extend([name.as_ref(), "\u{1}", value.to_string().as_str(), "\u{2}"]);
        key.push(kind);
    }
    key
}

/// One line per point, for people; harmless for a terminal.
impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::console::numbers::render(self))
    }
}
