//! The recorder: what runs on every call of an annotated function.
//!
//! No lock, no allocation and no formatting on the way of a call that succeeds; one relaxed load when it is switched off.
//! What becomes of the records is `collect`. `unsafe` is in `ring`, `clock`, `callsite`, `span`, `frame`, `future`,
//! `current`, `fork`, `local` and `red` only.

pub(crate) mod callsite;
pub(crate) mod clock;
pub(crate) mod current;
pub(crate) mod failure;
pub(crate) mod fork;
pub(crate) mod frame;
pub(crate) mod future;
pub(crate) mod id;
pub(crate) mod local;
pub(crate) mod meta;
pub(crate) mod otel;
pub(crate) mod outcome;
pub(crate) mod red;
pub(crate) mod returned;
pub(crate) mod ring;
pub(crate) mod root;
pub(crate) mod sampling;
pub(crate) mod shortcut;
pub(crate) mod span;
pub(crate) mod tracing_layer;
pub(crate) mod value;
pub(crate) mod wire;
