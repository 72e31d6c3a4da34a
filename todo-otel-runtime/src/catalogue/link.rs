//! The link-time list: each declaration puts one entry into a section of its own, and the linker says where it begins and
//! ends. On other platforms the list is what has been used so far.

use crate::metrics::Instrument;

/// One declaration. A zeroed entry (padding between object files) is nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Entry {
    instrument: Option<&'static Instrument>,
    reserved: Option<&'static ()>,
}

impl Entry {
    /// A business instrument.
    pub const fn instrument(instrument: &'static Instrument) -> Self {
        Entry { instrument: Some(instrument), reserved: None }
    }
}
