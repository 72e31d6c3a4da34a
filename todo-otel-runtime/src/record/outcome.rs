//! How a call ended, decided once from the returned value; span, metric and log read the same answer.
//!
//! `Look` finds out by method resolution what the return type can tell: an error with a class, a plain error, something
//! that can be displayed, or just a value. Panics and cancellations have no value and are seen by `span` and `future`.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use super::red::Outcome;
use super::{
    local,
    span::{Returns, SpanState},
    value::{Key, Slot, Value},
};

/// Says of each variant of an error what telemetry and the shell should make of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error class",
    note = "derive it: `#[derive(ErrorClass)]` with `#[error_class(\"not_found\")]` on the variants"
)]
pub trait ErrorClass {
    /// Stable name of low cardinality: `error.type`.
    fn class(&self) -> &'static str;
    /// Part of normal work: does not count as an error.
    fn expected(&self) -> bool {
        false
    }
    /// The same call may succeed later.
    fn retryable(&self) -> bool {
        false
    }
    /// Exit code of a program that ends by it. 129, 130 and 143, which are those of signals, make the outcome `cancelled`.
    fn exit_code(&self) -> Option<u8> {
        None
    }
    /// Left out of service level objectives.
    fn slo_ignore(&self) -> bool {
        false
    }
    /// `db.response.status_code`.
    fn db_status_code(&self) -> Option<&'static str> {
        None
    }
}

macro_rules! delegate {
    ($($pointer:ty)*) => {$(
        impl<E: ErrorClass + ?Sized> ErrorClass for $pointer {
            fn class(&self) -> &'static str {
                E::class(self)
            }
            fn expected(&self) -> bool {
                E::expected(self)
            }
            fn retryable(&self) -> bool {
                E::retryable(self)
            }
            fn exit_code(&self) -> Option<u8> {
                E::exit_code(self)
            }
            fn slo_ignore(&self) -> bool {
                E::slo_ignore(self)
            }
            fn db_status_code(&self) -> Option<&'static str> {
                E::db_status_code(self)
            }
        }
    )*};
}
delegate!(&E Box<E> std::sync::Arc<E>);

/// An `Err` as telemetry sees it. The error itself may not outlive the call, so its texts are taken when it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// `error.type`.
    pub class: &'static str,
    /// `db.response.status_code`.
    pub status: Option<&'static str>,
    /// Part of normal work, says its class.
    pub expected: bool,
    /// The same call may succeed later, says its class.
    pub retryable: bool,
    /// The user ended it, says the exit code of its class.
    pub cancelled: bool,
    /// `exception.type`.
    pub type_name: &'static str,
    /// `exception.message`; empty when the error cannot be displayed.
    pub message: String,
    /// What caused it, outermost first.
    pub sources: Vec<String>,
}

/// Class of an error that says nothing about itself.
const OTHER: &str = "_OTHER";

/// The name of a type, without what it is generic over; texts have none.
fn type_class<E: ?Sized>() -> &'static str {
    let name = std::any::type_name::<E>();
    let name = &name[..name.find('<').unwrap_or(name.len())];
    let says_nothing = name.is_empty()
        || name.starts_with(['&', '(', '['])
        || matches!(name, "alloc::string::String" | "alloc::boxed::Box" | "alloc::borrow::Cow");
    if says_nothing { OTHER } else { name }
}

#[cold]
#[inline(never)]
fn fault(class: &'static str, type_name: &'static str, display: Option<&dyn fmt::Display>) -> Box<Fault> {
    let message = display.map_or_else(String::new, text);
    Box::new(Fault { class, type_name, message, ..Fault::default() })
}

/// The words of a value; a panic in its `Display` must not become one of the program.
fn text(value: &dyn fmt::Display) -> String {
    catch_unwind(AssertUnwindSafe(|| value.to_string())).unwrap_or_else(|_| "(its Display panicked)".to_owned())
}

/// Most causes that are followed.
const DEPTH: usize = 16;

#[cold]
#[inline(never)]
fn add_sources(fault: &mut Fault, error: &dyn Error) {
    let mut source = error.source();
    while let Some(cause) = source
        && fault.sources.len() < DEPTH
    {
        fault.sources.push(text(&cause));
        source = cause.source();
    }
}

#[cold]
#[inline(never)]
fn add_class(fault: &mut Fault, class: &dyn ErrorClass) {
    fault.class = class.class();
    fault.status = class.db_status_code();
    fault.expected = class.expected();
    fault.retryable = class.retryable();
    // What a shell shows after SIGHUP, SIGINT and SIGTERM.
    fault.cancelled = matches!(class.exit_code(), Some(129 | 130 | 143));
}

/// What a return type says about how a call ended, asked as `(&&&&&&&&returns).look()`.
///
/// Each reference is one attempt, the best informed first; with fewer than seven the best ones are passed over. One trait
/// for all attempts, and a plain function as the answer, because both are paid for by the compiler at every call site.
pub trait Look {
    /// What the function returns.
    type Ret;
    #[doc(hidden)]
    fn look(&self) -> fn(&Self::Ret, &mut Exit<'_>);
}

/// The type of a value, for those who have the value first.
#[inline]
pub const fn returned<R>(_: &R) -> Returns<R> {
    super::span::returns()
}

/// A value that says nothing about how the call ended.
#[inline]
pub fn a_value<R>(_: &R, _: &mut Exit<'_>) {}

macro_rules! look {
    ($($(#[$doc:meta])* [$($generic:tt)*] $asked:ty => $ret:ty, |$error:ident| $fault:expr;)*) => {$(
        $(#[$doc])*
        impl<$($generic)*> Look for $asked {
            type Ret = $ret;

            #[inline]
            fn look(&self) -> fn(&$ret, &mut Exit<'_>) {
                |returned, exit| {
                    if let Err($error) = returned {
                        exit.failed($fault);
                    }
                }
            }
        }
    )*};
}

look! {
    /// No `Error` itself.
    [T] &&&&&&Returns<Result<T, Box<dyn Error>>> => Result<T, Box<dyn Error>>, |error| boxed(error, &**error);
    /// As above.
    [T] &&&&&&Returns<Result<T, Box<dyn Error + Send>>> => Result<T, Box<dyn Error + Send>>, |error| boxed(error, &**error);
    /// As above.
    [T] &&&&&&Returns<Result<T, Box<dyn Error + Send + Sync>>> => Result<T, Box<dyn Error + Send + Sync>>,
        |error| boxed(error, &**error);
    /// An error with a class.
    [T, E: ErrorClass + Error] &&&&&Returns<Result<T, E>> => Result<T, E>, |error| {
        let mut fault = fault(OTHER, std::any::type_name::<E>(), Some(error));
        add_sources(&mut fault, error);
        add_class(&mut fault, error);
        fault
    };
    /// Something with a class that is no `Error`.
    [T, E: ErrorClass] &&&&Returns<Result<T, E>> => Result<T, E>, |error| {
        let mut fault = fault(OTHER, std::any::type_name::<E>(), None);
        add_class(&mut fault, error);
        fault
    };
    /// A plain error.
    [T, E: Error] &&&Returns<Result<T, E>> => Result<T, E>, |error| {
        let mut fault = fault(type_class::<E>(), std::any::type_name::<E>(), Some(error));
        add_sources(&mut fault, error);
        fault
    };
    /// An `Err` that can be displayed.
    [T, E: fmt::Display] &&Returns<Result<T, E>> => Result<T, E>,
        |error| fault(type_class::<E>(), std::any::type_name::<E>(), Some(error));
    /// An `Err` of which only the type is known.
    [T, E] &Returns<Result<T, E>> => Result<T, E>, |_error| fault(type_class::<E>(), std::any::type_name::<E>(), None);
}

/// Anything else, `None` included, is a result.
impl<R> Look for Returns<R> {
    type Ret = R;

    #[inline]
    fn look(&self) -> fn(&R, &mut Exit<'_>) {
        a_value
    }
}

#[cold]
fn boxed(display: &dyn fmt::Display, error: &dyn Error) -> Box<Fault> {
    let mut fault = fault(OTHER, "dyn Error", Some(display));
    add_sources(&mut fault, error);
    fault
}

/// What the exit closure of a call fills in.
pub struct Exit<'a> {
    pub(crate) state: &'a SpanState,
    pub(crate) outcome: Outcome,
    pub(crate) fault: Option<Box<Fault>>,
}

impl<'a> Exit<'a> {
    #[inline(always)]
    pub(crate) fn new(state: &'a SpanState) -> Self {
        Exit { state, outcome: Outcome::Ok, fault: None }
    }

    #[cold]
    fn failed(&mut self, fault: Box<Fault>) {
        self.outcome = match *fault {
            Fault { cancelled: true, .. } => Outcome::Cancelled,
            Fault { expected: true, .. } => Outcome::Expected,
            _ => Outcome::Error,
        };
        self.fault = Some(fault);
    }

    /// Asks whether an error is part of normal work; only asked when there is one.
    #[inline(always)]
    pub fn expected(&mut self, is_expected: impl FnOnce() -> bool) {
        if self.outcome == Outcome::Error && is_expected() {
            self.outcome = Outcome::Expected;
        }
    }

    /// Does this call record a span, so that outputs are worth computing?
    #[inline(always)]
    pub fn recording(&self) -> bool {
        self.state.is_recorded()
    }

    /// An attribute taken from the returned value; `index` counts the outputs of the call site.
    #[inline(always)]
    pub fn output<T: Value + ?Sized>(&mut self, index: usize, value: &T) {
        if self.recording() {
            let key = self.state.meta().attributes.len() + index;
            local::with(|local| value.put(&mut Slot::new(local, self.state.id(), Key::At(key as u64))));
        }
    }
}
