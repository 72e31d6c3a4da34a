//! The list of every call site and instrument of the program, made by the linker, and its renderers.

mod link;
mod list;

pub use link::Entry;
pub use list::{Declaration, declarations};
pub(crate) use list::{instruments, seed_sites};
