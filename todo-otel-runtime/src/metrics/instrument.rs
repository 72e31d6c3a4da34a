//! Business instruments: statics with a name, a unit and typed labels, declared by `counter!`, `up_down_counter!`,
//! `gauge!` and `histogram!`.
//!
//! Not here: the cells of annotated functions (`record::red`), and callbacks that fill gauges at collection (`observe`).

use std::marker::PhantomData;

use super::{
    label::LabelSet,
    point::{Number, NumberKind, Points},
    state,
    views::Selected,
};

/// What is known about an instrument when the program is compiled.
#[derive(Debug)]
pub struct Definition {
    /// OpenTelemetry name, without unit and without `total`.
    pub name: &'static str,
    /// UCUM unit.
    pub unit: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Counter, up-down counter, gauge or histogram.
    pub kind: InstrumentKind,
    /// Type of the values.
    pub number: NumberKind,
    /// Label keys.
    pub keys: &'static [&'static str],
    /// Per key all values of a closed set; empty when the set is open.
    pub values: &'static [&'static [&'static str]],
    /// Upper bounds of a histogram's buckets, in `unit`, strictly increasing.
    pub bounds: &'static [f64],
    /// Instrumentation scope: package.
    pub package: &'static str,
    /// Instrumentation scope: version.
    pub version: &'static str,
    /// Where it is declared.
    pub file: &'static str,
    /// Line in `file`.
    pub line: u32,
}

impl Definition {
    /// What views look at.
    pub(crate) fn selected(&self, observable: bool) -> Selected<'static> {
        let scope = (self.package, self.version);
        Selected { name: self.name, kind: self.kind, observable, unit: self.unit, scope }
    }
}

/// Kind of a business instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstrumentKind {
    /// A sum that only grows.
    Counter,
    /// A sum that may fall.
    UpDownCounter,
    /// The last value.
    Gauge,
    /// A distribution over explicit buckets.
    Histogram,
}

impl InstrumentKind {
    /// Lower-case name with underscores.
    pub const fn as_str(self) -> &'static str {
        match self {
            InstrumentKind::Counter => "counter",
            InstrumentKind::UpDownCounter => "updowncounter",
            InstrumentKind::Gauge => "gauge",
            InstrumentKind::Histogram => "histogram",
        }
    }
}

/// An instrument without its types: definition and points.
#[derive(Debug)]
pub struct Instrument {
    definition: Definition,
    pub(crate) points: Points,
}

impl Instrument {
    const fn new(definition: Definition) -> Self {
        Instrument { definition, points: Points::new() }
    }

    /// What is known about it when the program is compiled.
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }
}

macro_rules! instruments {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<N: Number, L: LabelSet> {
            instrument: Instrument,
            types: PhantomData<fn(N, L)>,
        }

        impl<N: Number, L: LabelSet> $name<N, L> {
            /// For the macro of the same name; the definition is checked when the program is compiled.
            #[doc(hidden)]
            pub const fn new(definition: Definition) -> Self {
                assert!(definition.keys.len() == L::VALUES.len(), "one label type per key");
                crate::metrics::check_bounds(definition.bounds);
                let definition = Definition { values: L::VALUES, number: N::KIND, ..definition };
                $name { instrument: Instrument::new(definition), types: PhantomData }
            }

            /// The instrument without its types.
            pub const fn instrument(&'static self) -> &'static Instrument {
                &self.instrument
            }
        }
    )*};
}

instruments! {
    /// A sum that only grows; negative, infinite and NaN increments are dropped.
    Counter
    /// A sum that may fall; not recorded in role `Cli`.
    UpDownCounter
    /// The last value.
    Gauge
    /// A distribution over explicit buckets.
    Histogram
}

/// Tells captures of tests.
#[inline(always)]
fn noted<N: Number>(_instrument: &'static Instrument, _labels: &[super::Ordinal], _value: N) {
    #[cfg(feature = "testing")]
    if crate::testing::hook::is_open() {
        crate::testing::hook::measured(_instrument, _labels, _value.float());
    }
}

impl<N: Number, L: LabelSet> Counter<N, L> {
    /// Adds `value`. One relaxed load while metrics are off.
    #[inline]
    pub fn add(&'static self, value: N, labels: L) {
        if state::enabled() && value.is_countable() {
            let labels = &labels.ordinals()[..L::LEN];
            noted(&self.instrument, labels, value);
            self.instrument.points.with(&self.instrument, labels, |point| point.add(value));
        }
    }
}

impl<N: Number, L: LabelSet> UpDownCounter<N, L> {
    /// Adds `value`, which may be negative.
    #[inline]
    pub fn add(&'static self, value: N, labels: L) {
        if state::enabled() && state::up_down() && value.is_finite() {
            let labels = &labels.ordinals()[..L::LEN];
            noted(&self.instrument, labels, value);
            self.instrument.points.with(&self.instrument, labels, |point| point.add(value));
        }
    }
}

impl<N: Number, L: LabelSet> Gauge<N, L> {
    /// Replaces the value.
    #[inline]
    pub fn set(&'static self, value: N, labels: L) {
        if state::enabled() && value.is_finite() {
            let labels = &labels.ordinals()[..L::LEN];
            noted(&self.instrument, labels, value);
            self.instrument.points.with(&self.instrument, labels, |point| point.set(value));
        }
    }
}

impl<N: Number, L: LabelSet> Histogram<N, L> {
    /// Counts `value` in its bucket; infinite and NaN values are dropped.
    #[inline]
    pub fn record(&'static self, value: N, labels: L) {
        if state::enabled() && value.is_finite() {
            let labels = &labels.ordinals()[..L::LEN];
            noted(&self.instrument, labels, value);
            self.instrument.points.with(&self.instrument, labels, |point| point.observe(value));
        }
    }
}
