//! The link-time lists: each declaration stands in a section of its kind, and the linker says where the section begins and
//! ends. Where no such section exists the lists are empty, and only what was used is known.

use crate::{metrics::Instrument, record::callsite::Callsite};

/// The declaration of a business instrument. A zeroed entry (padding between object files) is nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Entry {
    instrument: Option<&'static Instrument>,
}

impl Entry {
    /// A business instrument.
    pub const fn instrument(instrument: &'static Instrument) -> Self {
        Entry { instrument: Some(instrument) }
    }

    const NOTHING: Entry = Entry { instrument: None };
}

/// The business instruments of all crates of this program.
pub(super) fn instruments() -> impl Iterator<Item = &'static Instrument> {
    let (start, count) = entries(instrument_section::ends());
    // SAFETY: the linker fills the section with `Entry` statics and nothing else. Their size is their alignment, so they
    // follow each other without gaps; padding, where a linker adds it, is zero, which is `Entry::NOTHING`. Nobody writes.
    let entries: &'static [Entry] = unsafe { std::slice::from_raw_parts(start, count) };
    entries.iter().filter_map(|entry| entry.instrument)
}

/// The annotated functions of all crates of this program.
pub(super) fn sites() -> impl Iterator<Item = &'static Callsite> {
    let (start, count) = entries(site_section::ends());
    (0..count).filter_map(move |at| {
        // SAFETY: the section holds `Callsite` statics and nothing else, without gaps because their size is a multiple of
        // their alignment. Padding, where a linker adds it, is zero, which their first word never is.
        unsafe {
            let site = start.add(at);
            (site.cast::<usize>().read() != 0).then(|| &*site)
        }
    })
}

fn entries<T>((start, stop): (*const T, *const T)) -> (*const T, usize) {
    (start, (stop as usize).saturating_sub(start as usize) / size_of::<T>())
}

macro_rules! section {
    ($module:ident: $kind:ident, $elf:literal, $start:literal, $stop:literal, $apple:literal, $apple_start:literal, $apple_stop:literal,
        $windows:literal, $windows_start:literal, $windows_stop:literal) => {
        mod $module {
            use super::$kind;

            // Without an entry the linker would not define the section's ends.
            #[used]
            #[cfg_attr(any(target_os = "linux", target_os = "android", target_os = "freebsd"), unsafe(link_section = $elf))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = $apple))]
            #[cfg_attr(windows, unsafe(link_section = $windows))]
            static NOTHING: $kind = $kind::NOTHING;

            // SAFETY: both symbols are defined by the linker for every section whose name is a C identifier; only their
            // addresses are taken.
            #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
            #[expect(improper_ctypes, reason = "no C code sees them: only their addresses are taken")]
            unsafe extern "C" {
                #[cfg_attr(not(target_vendor = "apple"), link_name = $start)]
                #[cfg_attr(target_vendor = "apple", link_name = $apple_start)]
                static START: $kind;
                #[cfg_attr(not(target_vendor = "apple"), link_name = $stop)]
                #[cfg_attr(target_vendor = "apple", link_name = $apple_stop)]
                static STOP: $kind;
            }

            #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
            pub(super) fn ends() -> (*const $kind, *const $kind) {
                (&raw const START, &raw const STOP)
            }

            // The linker sorts by what follows the `$`, so these two stand round all entries.
            #[cfg(windows)]
            #[unsafe(link_section = $windows_start)]
            static START: [$kind; 0] = [];
            #[cfg(windows)]
            #[unsafe(link_section = $windows_stop)]
            static STOP: [$kind; 0] = [];

            #[cfg(windows)]
            pub(super) fn ends() -> (*const $kind, *const $kind) {
                ((&raw const START).cast(), (&raw const STOP).cast())
            }

            #[cfg(not(any(
                target_os = "linux",
                target_os = "android",
                target_os = "freebsd",
                target_vendor = "apple",
                windows
            )))]
            pub(super) fn ends() -> (*const $kind, *const $kind) {
                (&raw const NOTHING, &raw const NOTHING)
            }
        }
    };
}

section! {
    instrument_section: Entry, "otel_sites", "__start_otel_sites", "__stop_otel_sites", "__DATA,__otel_sites",
    "\x01section$start$__DATA$__otel_sites", "\x01section$end$__DATA$__otel_sites", ".otel$b", ".otel$a", ".otel$c"
}
section! {
    site_section: Callsite, "otel_calls", "__start_otel_calls", "__stop_otel_calls", "__DATA,__otel_calls",
    "\x01section$start$__DATA$__otel_calls", "\x01section$end$__DATA$__otel_calls", ".otelc$b", ".otelc$a", ".otelc$c"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::counter, record::meta::Meta};

    counter! { static NEVER_USED: u64 = "link.never.used", unit = "{thing}", labels = { "flag": bool } }

    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = "otel_calls"))]
    static UNUSED: Callsite = Callsite::of(Meta { name: "link.never.called", ..Meta::DEFAULT });

    #[test]
    #[cfg(target_os = "linux")]
    fn a_call_site_that_was_never_called_is_in_the_list() {
        let known: Vec<_> = sites().map(|site| site.meta().name).collect();
        assert!(known.contains(&"link.never.called"), "{known:?}");
    }

    #[test]
    fn an_instrument_that_was_never_used_is_in_the_list() {
        let known: Vec<_> = instruments().map(|i| i.definition().name).collect();
        assert!(known.contains(&"link.never.used"), "{known:?}");
        assert_eq!(NEVER_USED.instrument().definition().keys, ["flag"]);
    }
}
