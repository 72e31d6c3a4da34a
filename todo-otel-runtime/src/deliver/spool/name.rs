//! Names of files in the spool. A name sorts by time, is unique without coordination, and tells items and size even
//! when the file behind it is ruined: `<ms>-<run>-<pid>-<seq>-<random>-n<items>-b<bytes>.<t|m|l>`.

use crate::{config::Signal, deliver::counts::Reason};
use std::fmt;

/// Run number of the accounts of losses that the runtime itself writes; eviction leaves them alone.
pub(crate) const ACCOUNT: u32 = 0;

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// When the body was made, ms since 1970.
    pub(crate) ms: u64,
    pub(crate) run: u32,
    pub(crate) pid: u32,
    pub(crate) seq: u64,
    pub(crate) random: u64,
    pub(crate) items: u64,
    /// Bytes as stored, without the header.
    pub(crate) bytes: u64,
    pub(crate) signal: Signal,
}

/// A file of the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Complete.
    Segment(Name),
    /// Being written, or left by a writer that died.
    Temporary(Name),
    /// Record of a loss.
    Tombstone(Name, Reason),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name { ms, run, pid, seq, random, items, bytes, signal } = self;
        write!(f, "{ms:013}-{run:08x}-{pid}-{seq}-{random:016x}-n{items}-b{bytes}.{}", letter(*signal))
    }
}

impl Name {
    pub(crate) fn segment(&self) -> String {
        format!("{self}.seg")
    }

    pub(crate) fn temporary(&self) -> String {
        format!("{self}.tmp")
    }

    pub(crate) fn tombstone(&self, reason: Reason) -> String {
        format!("{self}.{}.lost", reason.as_str())
    }

    fn parse(text: &str) -> Option<Name> {
        let (text, signal) = text.rsplit_once('.')?;
        let mut parts = text.split('-');
        let mut next = || parts.next().filter(|part| !part.is_empty() && !part.starts_with('+'));
        let name = Name {
            ms: next()?.parse().ok()?,
            run: u32::from_str_radix(next()?, 16).ok()?,
            pid: next()?.parse().ok()?,
            seq: next()?.parse().ok()?,
            random: u64::from_str_radix(next()?, 16).ok()?,
            items: next()?.strip_prefix('n')?.parse().ok()?,
            bytes: next()?.strip_prefix('b')?.parse().ok()?,
            signal: Signal::ALL.into_iter().find(|s| letter(*s) == signal)?,
        };
        parts.next().is_none().then_some(name)
    }
}

impl Entry {
    /// `None` for a file that is not ours.
    pub(crate) fn parse(file: &str) -> Option<Entry> {
        let (stem, kind) = file.rsplit_once('.')?;
        let entry = match kind {
            "seg" => Entry::Segment(Name::parse(stem)?),
            "tmp" => Entry::Temporary(Name::parse(stem)?),
            "lost" => {
                let (stem, reason) = stem.rsplit_once('.')?;
                Entry::Tombstone(Name::parse(stem)?, Reason::parse(reason)?)
            }
            _ => return None,
        };
        // One spelling per name, so that what is listed can be opened again.
        (entry.file() == file).then_some(entry)
    }

    pub(crate) fn file(&self) -> String {
        match self {
            Entry::Segment(name) => name.segment(),
            Entry::Temporary(name) => name.temporary(),
            Entry::Tombstone(name, reason) => name.tombstone(*reason),
        }
    }
}

fn letter(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "t",
        Signal::Metrics => "m",
        Signal::Logs => "l",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(ms in 0u64..9_999_999_999_999, run: u32, pid: u32, seq: u64, random: u64, items: u64, bytes: u64, kind in 0usize..22, signal in 0usize..3) {
            let name = Name { ms, run, pid, seq, random, items, bytes, signal: Signal::ALL[signal] };
            let entry = match kind {
                0 => Entry::Segment(name),
                1 => Entry::Temporary(name),
                n => Entry::Tombstone(name, Reason::ALL[(n - 2) % Reason::ALL.len()]),
            };
            prop_assert_eq!(Entry::parse(&entry.file()), Some(entry));
        }

        #[test]
        fn any_other_file_is_not_ours(file in "[-0-9a-f.ntmlsegtpb/]{0,90}") {
            if let Some(entry) = Entry::parse(&file) {
                prop_assert_eq!(entry.file(), file);
            }
        }

        #[test]
        fn names_sort_by_time(a in 0u64..9_999_999_999_999, b in 0u64..9_999_999_999_999) {
            let name = |ms| Name { ms, run: 1, pid: 1, seq: 1, random: 1, items: 1, bytes: 1, signal: Signal::Logs };
            prop_assert_eq!(a.cmp(&b), name(a).segment().cmp(&name(b).segment()));
        }
    }
}
