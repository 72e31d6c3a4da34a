//! Bytes of the ledger's files: magic, length, checksum, body. Names of increments.

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// OTLP with delta points.
    Increment,
    /// The totals.
    Totals,
}

impl Kind {
    const fn magic(self) -> [u8; 4] {
        match self {
            Kind::Increment => *b"TLI1",
            Kind::Totals => *b"TLT1",
        }
    }
}

const HEADER: usize = 12;

pub(super) fn frame(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&kind.magic());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The body, if it is whole.
pub(super) fn unframe(kind: Kind, bytes: &[u8]) -> Option<&[u8]> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let word = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let whole = header[..4] == kind.magic() && word(4)? as usize == body.len() && word(8)? == crc32fast::hash(body);
    whole.then_some(body)
}

/// What makes an increment this one and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    /// When it was written.
    pub(super) unix_ms: u64,
    pub(super) random: u64,
}

/// The identity in a file's name; `None` when it is no increment.
pub(super) fn increment_id(name: &str) -> Option<Id> {
    let mut parts = name.strip_suffix(".inc")?.split('-');
    let (time, _pid, _sequence, random) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let well_formed = parts.next().is_none() && time.len() == 13 && random.len() == 16;
    well_formed.then_some(Id { unix_ms: time.parse().ok()?, random: u64::from_str_radix(random, 16).ok()? })
}
