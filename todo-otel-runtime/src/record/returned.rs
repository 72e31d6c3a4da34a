//! The value inside of what a function returned, for outputs: the `Ok` of a `Result`, the `Some` of an `Option`, anything
//! else as it is. How the call ended is `outcome`.

use super::{
    span::{self, Returns},
    value::Slot,
};
use crate::metrics::{Label, label::LabelValue};

/// A returned value, asked as `(&&&Probe(value)).value()` with all `Via…` traits in scope.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// The value of an `Ok`.
pub trait ViaOk<'a> {
    #[doc(hidden)]
    type Inner: ?Sized + 'a;
    #[doc(hidden)]
    fn value(&self) -> Option<&'a Self::Inner>;
}

impl<'a, T, E> ViaOk<'a> for &&Probe<'a, Result<T, E>> {
    type Inner = T;

    #[inline(always)]
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref().ok()
    }
}

/// The value of a `Some`.
pub trait ViaSome<'a> {
    #[doc(hidden)]
    type Inner: ?Sized + 'a;
    #[doc(hidden)]
    fn value(&self) -> Option<&'a Self::Inner>;
}

impl<'a, T> ViaSome<'a> for &Probe<'a, Option<T>> {
    type Inner = T;

    #[inline(always)]
    fn value(&self) -> Option<&'a T> {
        self.0.as_ref()
    }
}

/// Anything else.
pub trait ViaWhole<'a> {
    #[doc(hidden)]
    type Inner: ?Sized + 'a;
    #[doc(hidden)]
    fn value(&self) -> Option<&'a Self::Inner>;
}

impl<'a, T: ?Sized> ViaWhole<'a> for Probe<'a, T> {
    type Inner = T;

    #[inline(always)]
    fn value(&self) -> Option<&'a T> {
        Some(self.0)
    }
}

/// Gives `look` its argument's type before its body is read.
#[inline(always)]
pub fn apply<'a, T: ?Sized, R>(value: &'a T, look: impl FnOnce(&'a T) -> R) -> R {
    look(value)
}

/// A label as an attribute value.
pub fn put_label<L: Label + ?Sized>(label: &L, slot: &mut Slot<'_>) {
    match label.ordinal().value() {
        LabelValue::Text(text) => slot.text(text),
        LabelValue::Bool(flag) => slot.bool(flag),
        LabelValue::Int(number) => slot.int(number),
        LabelValue::Absent => {}
    }
}

impl<R: Future> Returns<R> {
    /// What the future that a function returns will give.
    #[inline(always)]
    pub fn output(self) -> Returns<R::Output> {
        span::returns()
    }
}

/// Tells a future that is written in place what it gives, before anything looks at the value.
#[inline(always)]
pub fn gives<F: Future>(_: Returns<F::Output>, future: F) -> F {
    future
}
