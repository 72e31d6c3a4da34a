//! `counter!`, `up_down_counter!`, `gauge!`, `histogram!`.

/// Declares counters: sums that only grow.
///
/// ```
/// use todo_otel_runtime::metrics::counter;
/// counter! {
///     /// Todos that were created.
///     pub static TODOS_CREATED: u64 = "todos.created", unit = "{todo}", labels = { "todo.source": &'static str };
/// }
/// TODOS_CREATED.add(1, ("cli",));
/// ```
///
/// After the name, in this order and each optional: `unit`, `description`, `labels`. One declaration, or several that end in `;`.
#[macro_export]
#[doc(hidden)]
macro_rules! __counter {
    ($($body:tt)*) => { $crate::__instrument! { Counter $($body)* } };
}

/// Declares up-down counters: sums that may fall. Not recorded in role `Cli`. Syntax of `counter!`.
#[macro_export]
#[doc(hidden)]
macro_rules! __up_down_counter {
    ($($body:tt)*) => { $crate::__instrument! { UpDownCounter $($body)* } };
}

/// Declares gauges: the last value. Syntax of `counter!`.
///
/// ```
/// use todo_otel_runtime::metrics::gauge;
/// gauge! { static PENDING: i64 = "jobs.pending", unit = "{job}" }
/// PENDING.set(3, ());
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __gauge {
    ($($body:tt)*) => { $crate::__instrument! { Gauge $($body)* } };
}

/// Declares histograms. Syntax of `counter!`, with `buckets = [..]` between `description` and `labels`: upper bounds,
/// checked when the program is compiled.
///
/// ```
/// use todo_otel_runtime::metrics::histogram;
/// histogram! {
///     static ROWS: u64 = "rows", unit = "{row}", description = "Rows returned.", buckets = [1.0, 10.0, 100.0],
///     labels = { "cached": bool }
/// }
/// ROWS.record(12, (false,));
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __histogram {
    ($($body:tt)*) => { $crate::__instrument! { Histogram $($body)* } };
}

#[macro_export]
#[doc(hidden)]
macro_rules! __instrument {
    ($kind:ident $(
        $(#[$attribute:meta])* $visibility:vis static $static:ident: $number:ty = $name:expr
        $(, unit = $unit:expr)? $(, description = $description:expr)? $(, buckets = $bounds:expr)?
        $(, labels = { $($key:tt: $label:ty),* $(,)? })? $(,)?
    );* $(;)?) => {$(
        $(#[$attribute])*
        $visibility static $static: $crate::metrics::$kind<$number, ($($($label,)*)?)> =
            $crate::metrics::$kind::new($crate::metrics::Definition {
                name: $name,
                unit: $crate::__or!($($unit)?, "1"),
                description: $crate::__or!($($description)?, ""),
                kind: $crate::metrics::InstrumentKind::$kind,
                number: $crate::metrics::NumberKind::U64,
                keys: &[$($($key),*)?],
                values: &[],
                bounds: $crate::__or!($(&$bounds)?, &[]),
                package: ::core::env!("CARGO_PKG_NAME"),
                version: ::core::env!("CARGO_PKG_VERSION"),
                file: ::core::file!(),
                line: ::core::line!(),
            });
        $crate::__register! { $crate::catalogue::Entry::instrument($static.instrument()) }
    )*};
}

#[macro_export]
#[doc(hidden)]
macro_rules! __or {
    (, $default:expr) => {
        $default
    };
    ($given:expr, $default:expr) => {
        $given
    };
}

/// Puts an entry into the list that the linker makes of all crates.
#[macro_export]
#[doc(hidden)]
macro_rules! __register {
    ($entry:expr) => {
        const _: () = {
            #[used]
            #[cfg_attr(
                any(target_os = "linux", target_os = "android", target_os = "freebsd"),
                unsafe(link_section = "otel_sites")
            )]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__otel_sites"))]
            #[cfg_attr(windows, unsafe(link_section = ".otel$b"))]
            static ENTRY: $crate::catalogue::Entry = $entry;
        };
    };
}

pub use crate::{
    __counter as counter, __gauge as gauge, __histogram as histogram, __up_down_counter as up_down_counter,
};
