//! The list of every call site and instrument of the program, made by the linker, and its renderers.

mod check;
mod link;
mod list;
mod objective;
mod render;

pub use check::{Checker, Finding};
pub use link::Entry;
pub use list::{Declaration, declarations};
pub(crate) use list::{instruments, seed_sites};
pub use objective::{Objective, objectives};
pub use render::{Format, render};
