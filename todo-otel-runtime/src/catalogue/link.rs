//! The link-time list: each declaration puts one entry into a section of its own, and the linker says where the section
//! begins and ends. Where no such section exists the list is empty, and only what was used is known.

use crate::{metrics::Instrument, record::callsite::Callsite};

/// One declaration. A zeroed entry (padding between object files) is nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Entry {
    pub(super) instrument: Option<&'static Instrument>,
    pub(super) site: Option<&'static Callsite>,
}

impl Entry {
    /// A business instrument.
    pub const fn instrument(instrument: &'static Instrument) -> Self {
        Entry { site: None, instrument: Some(instrument) }
    }

    /// An annotated function.
    pub const fn site(site: &'static Callsite) -> Self {
        Entry { site: Some(site), instrument: None }
    }

    const NOTHING: Entry = Entry { site: None, instrument: None };
}

// Without an entry the linker would not define the section's ends.
#[used]
#[cfg_attr(any(target_os = "linux", target_os = "android", target_os = "freebsd"), unsafe(link_section = "otel_sites"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__otel_sites"))]
#[cfg_attr(windows, unsafe(link_section = ".otel$b"))]
static NOTHING: Entry = Entry::NOTHING;

/// All entries of all crates of this program.
pub(super) fn entries() -> &'static [Entry] {
    let (start, stop) = section::ends();
    let bytes = (stop as usize).saturating_sub(start as usize);
    // SAFETY: the two pointers are the ends of a section that the linker fills with `Entry` statics and nothing else.
    // `Entry` is 16 bytes and aligned to 16, so entries follow each other without gaps; padding, where a linker adds it, is
    // zero and a multiple of 16, which is `Entry::NOTHING`. The section is never written.
    unsafe { std::slice::from_raw_parts(start, bytes / size_of::<Entry>()) }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod section {
    use super::Entry;

    // SAFETY: both symbols are defined by the linker for every section whose name is a C identifier; only their addresses
    // are taken.
    #[expect(improper_ctypes, reason = "no C code sees them: only their addresses are taken")]
    unsafe extern "C" {
        #[link_name = "__start_otel_sites"]
        static START: Entry;
        #[link_name = "__stop_otel_sites"]
        static STOP: Entry;
    }

    pub(super) fn ends() -> (*const Entry, *const Entry) {
        (&raw const START, &raw const STOP)
    }
}

#[cfg(target_vendor = "apple")]
mod section {
    use super::Entry;

    // SAFETY: both symbols are defined by the linker for the section; only their addresses are taken.
    #[expect(improper_ctypes, reason = "no C code sees them: only their addresses are taken")]
    unsafe extern "C" {
        #[link_name = "\x01section$start$__DATA$__otel_sites"]
        static START: Entry;
        #[link_name = "\x01section$end$__DATA$__otel_sites"]
        static STOP: Entry;
    }

    pub(super) fn ends() -> (*const Entry, *const Entry) {
        (&raw const START, &raw const STOP)
    }
}

#[cfg(windows)]
mod section {
    use super::Entry;

    // The linker sorts by what follows the `$`, so these two stand round all entries.
    #[unsafe(link_section = ".otel$a")]
    static START: [Entry; 0] = [];
    #[unsafe(link_section = ".otel$c")]
    static STOP: [Entry; 0] = [];

    pub(super) fn ends() -> (*const Entry, *const Entry) {
        ((&raw const START).cast(), (&raw const STOP).cast())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple", windows)))]
mod section {
    use super::{Entry, NOTHING};

    pub(super) fn ends() -> (*const Entry, *const Entry) {
        (&raw const NOTHING, &raw const NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::counter, record::meta::Meta};

    counter! { static NEVER_USED: u64 = "link.never.used", unit = "{thing}", labels = { "flag": bool } }

    static UNUSED: Callsite = Callsite::new(&Meta { name: "link.never.called", ..Meta::DEFAULT });
    crate::__register_site!(UNUSED);

    #[test]
    fn a_call_site_that_was_never_called_is_in_the_list() {
        let known: Vec<_> = entries().iter().filter_map(|entry| entry.site).map(|site| site.meta().name).collect();
        assert!(known.contains(&"link.never.called"), "{known:?}");
    }

    #[test]
    fn an_instrument_that_was_never_used_is_in_the_list() {
        let known: Vec<_> =
            entries().iter().filter_map(|entry| entry.instrument).map(|i| i.definition().name).collect();
        assert!(known.contains(&"link.never.used"), "{known:?}");
        assert_eq!(NEVER_USED.instrument().definition().keys, ["flag"]);
    }
}
