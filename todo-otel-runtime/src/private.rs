//! The complete list of names that generated code may use. Everything here may change with any version.

pub use core::{
    option::Option::{self, None, Some},
    result::Result::Err,
};
pub use std::boxed::Box;

pub use crate::{
    metrics::{InstrumentMeta, Label, MetricsMeta, Ordinal, Role, check_bounds},
    record::{
        callsite::Callsite,
        frame::{Writer, attributes, label, labels},
        future::{
            Building, Run, ViaBoxFuture, ViaCall, build, build_stream, build_stream_with, build_with, building,
            building_with, run, run_built, run_with,
        },
        meta::{Keep, Kind, Level, Log, Meta, Objective},
        outcome::{ErrorClass, Exit, Look, Outcome, a_value, returned},
        returned::{Probe, apply, gives, put_label},
        root::{LinkSource, ParentSource, Start},
        span::{Entered, Returns, call, call_with, enter, enter_with, leave, returns},
        value::{Slot, Value, debug, display, hash, len, redact, truncate},
    },
};

/// What the autoref of `Probe` finds `value` by.
pub mod via {
    pub use crate::record::returned::{ViaOk, ViaSome, ViaWhole};
}
