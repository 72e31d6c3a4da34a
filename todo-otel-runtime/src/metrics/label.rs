//! What may be a metric label: only types with a bounded variety of values.
//!
//! No `String`, no integer of any size: a label multiplies series, so its variety must be visible in its type.

use std::sync::RwLock;

/// A metric label: `bool`, `&'static str`, enums that derive `Label`, [`Listed`], [`Code`], and `Option` of these
/// (absent when `None`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a metric label: its variety is not bounded",
    label = "not a label",
    note = "use `bool`, `&'static str`, an enum with `#[derive(Label)]`, or `metrics::Listed` (an allow-list, else `_OTHER`)",
    note = "free text belongs into a span attribute: `#[traced(attributes(key = value))]`"
)]
pub trait Label {
    /// All values of a closed set, in the order of their ordinals; empty when the set is open.
    const VALUES: &'static [&'static str] = &[];
    /// The ordinal that leaves the label out.
    const ABSENT: Ordinal =
        if Self::VALUES.is_empty() { Ordinal::ABSENT } else { Ordinal::closed(Self::VALUES.len(), Self::VALUES) };

    /// Which value this is.
    fn ordinal(&self) -> Ordinal;
}

/// One label value in the form that a cell index is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Ordinal(pub(crate) Kind);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Element of a closed set; an index past its end means absent.
    Closed(u32, &'static [&'static str]),
    /// 0 false, 1 true, 2 absent.
    Bool(u32),
    Text(&'static str),
    Int(i64),
    Absent,
}

impl Ordinal {
    /// The label is left out.
    pub const ABSENT: Ordinal = Ordinal(Kind::Absent);

    /// Element `index` of the closed set `values`, which must be `VALUES` of the label's type.
    #[inline(always)]
    pub const fn closed(index: usize, values: &'static [&'static str]) -> Self {
        Ordinal(Kind::Closed(index as u32, values))
    }

    /// A string that lives as long as the program.
    #[inline(always)]
    pub const fn text(value: &'static str) -> Self {
        Ordinal(Kind::Text(value))
    }

    /// The value as it leaves the process.
    pub(crate) fn value(self) -> LabelValue {
        match self.0 {
            Kind::Closed(index, values) => {
                values.get(index as usize).map_or(LabelValue::Absent, |v| LabelValue::Text(v))
            }
            Kind::Bool(2) | Kind::Absent => LabelValue::Absent,
            Kind::Bool(flag) => LabelValue::Bool(flag == 1),
            Kind::Text(text) => LabelValue::Text(text),
            Kind::Int(number) => LabelValue::Int(number),
        }
    }
}

/// A label value, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LabelValue {
    Absent,
    Bool(bool),
    Int(i64),
    Text(&'static str),
}

impl Label for bool {
    const VALUES: &'static [&'static str] = &["false", "true"];
    const ABSENT: Ordinal = Ordinal(Kind::Bool(2));

    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        Ordinal(Kind::Bool(*self as u32))
    }
}

impl Label for &'static str {
    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        Ordinal::text(self)
    }
}

impl<L: Label> Label for &L {
    const VALUES: &'static [&'static str] = L::VALUES;
    const ABSENT: Ordinal = L::ABSENT;

    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        L::ordinal(self)
    }
}

impl<L: Label> Label for Option<L> {
    const VALUES: &'static [&'static str] = L::VALUES;
    const ABSENT: Ordinal = L::ABSENT;

    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        match self {
            Some(label) => label.ordinal(),
            None => Self::ABSENT,
        }
    }
}

/// A number with few values by its nature: a status code, a port. Not for ids, sizes or counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub u16);

impl Label for Code {
    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        Ordinal(Kind::Int(self.0 as i64))
    }
}

/// A value that was looked up in an [`AllowList`]; `_OTHER` when it was not on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listed(&'static str);

impl Listed {
    /// The value when no list holds it.
    pub const OTHER: Listed = Listed("_OTHER");

    /// The value as it leaves the process.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Label for Listed {
    #[inline(always)]
    fn ordinal(&self) -> Ordinal {
        Ordinal::text(self.0)
    }
}

/// The values that a label may take, set once at start (model names, hosts); everything else is `_OTHER`.
///
/// ```
/// use todo_otel_runtime::metrics::AllowList;
/// static MODELS: AllowList = AllowList::new();
/// MODELS.allow(["gpt-4.1-mini"]);
/// assert_eq!(MODELS.get("gpt-4.1-mini").as_str(), "gpt-4.1-mini");
/// assert_eq!(MODELS.get("made-up").as_str(), "_OTHER");
/// ```
#[derive(Debug)]
pub struct AllowList(RwLock<Vec<&'static str>>);

impl AllowList {
    /// An empty list: every value is `_OTHER`.
    #[expect(clippy::new_without_default, reason = "a list is a static, made by `new` in a const context")]
    pub const fn new() -> Self {
        AllowList(RwLock::new(Vec::new()))
    }

    /// Adds values. Each new one is kept for the life of the process, so call this with configuration, not with data.
    pub fn allow<S: AsRef<str>>(&self, values: impl IntoIterator<Item = S>) {
        let mut list = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for value in values {
            if !list.contains(&value.as_ref()) {
                list.push(Box::leak(value.as_ref().to_owned().into_boxed_str()));
            }
        }
    }

    /// The listed value, else `_OTHER`.
    pub fn get(&self, value: &str) -> Listed {
        let list = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        list.iter().find(|listed| **listed == value).map_or(Listed::OTHER, |listed| Listed(listed))
    }
}

/// The labels of a business instrument: a tuple of [`Label`]s, one per key.
pub trait LabelSet {
    /// Closed sets per label, in the order of the keys; an empty one is open.
    const VALUES: &'static [&'static [&'static str]];
    /// Number of labels.
    const LEN: usize = Self::VALUES.len();

    /// The ordinals, in the order of the keys; the rest is absent.
    fn ordinals(&self) -> [Ordinal; MAX_LABELS];
}

/// Most labels of a business instrument.
pub const MAX_LABELS: usize = 6;

impl LabelSet for () {
    const VALUES: &'static [&'static [&'static str]] = &[];

    #[inline(always)]
    fn ordinals(&self) -> [Ordinal; MAX_LABELS] {
        [Ordinal::ABSENT; MAX_LABELS]
    }
}

macro_rules! label_sets {
    ($(($($label:ident $index:tt),+))*) => {$(
        impl<$($label: Label),+> LabelSet for ($($label,)+) {
            const VALUES: &'static [&'static [&'static str]] = &[$($label::VALUES),+];

            #[inline(always)]
            fn ordinals(&self) -> [Ordinal; MAX_LABELS] {
                let mut all = [Ordinal::ABSENT; MAX_LABELS];
                $(all[$index] = self.$index.ordinal();)+
                all
            }
        }
    )*};
}

label_sets! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}
