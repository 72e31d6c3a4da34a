//! The list of every call site and instrument of the program, made by the linker, and its renderers.

mod link;

pub use link::Entry;
