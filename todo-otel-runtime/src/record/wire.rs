//! What the words in a ring mean. Each record is self-contained; the first word says what it is.
//!
//! ```text
//! first word   63..32 call site or length | 31..16 key, flags | 15..8 type, outcome | 7..0 record
//! start        first, span, trace high, trace low, parent, start                        local roots and watched calls
//! end          first, span, trace high, trace low, parent, start, end, series | tag << 32
//! end async    the same, then polls, busy ticks
//! attribute    first, span, value...                                                    key = position at the call site
//! named        first, span, key..., value...                                            key = length of the key in bytes
//! forget       first, span                                                              nothing will follow for this span
//! ```

/// Record kinds.
pub(crate) const START: u64 = 1;
pub(crate) const END: u64 = 2;
pub(crate) const END_ASYNC: u64 = 3;
pub(crate) const ATTRIBUTE: u64 = 4;
pub(crate) const NAMED: u64 = 5;
pub(crate) const FORGET: u64 = 6;

/// Value types.
pub(crate) const BOOL: u64 = 1;
pub(crate) const INT: u64 = 2;
pub(crate) const FLOAT: u64 = 3;
pub(crate) const TEXT: u64 = 4;
pub(crate) const BOOLS: u64 = 5;
pub(crate) const INTS: u64 = 6;
pub(crate) const FLOATS: u64 = 7;
/// Each text as its length (4 bytes, little endian) and its bytes.
pub(crate) const TEXTS: u64 = 8;

/// From this position on a key is the runtime's own.
pub(crate) const OWN_KEYS: u64 = 0x8000;
/// `error.type`
pub(crate) const ERROR_TYPE: u64 = OWN_KEYS;

pub(crate) const fn first(record: u64, kind: u64, key: u64, long: u64) -> u64 {
    record | kind << 8 | key << 16 | long << 32
}

pub(crate) const fn record(first: u64) -> u64 {
    first & 0xff
}

pub(crate) const fn kind(first: u64) -> u64 {
    first >> 8 & 0xff
}

pub(crate) const fn key(first: u64) -> u64 {
    first >> 16 & 0xffff
}

pub(crate) const fn long(first: u64) -> u64 {
    first >> 32
}

/// Bytes that follow the fixed part of an attribute.
pub(crate) const fn payload(first: u64) -> usize {
    match kind(first) {
        BOOL => 0,
        INT | FLOAT => 8,
        _ => long(first) as usize,
    }
}

/// Words of the record that begins with `first`; 0 = there is no such record.
pub(crate) const fn len(first: u64) -> usize {
    match record(first) {
        START => 6,
        END => 8,
        END_ASYNC => 10,
        ATTRIBUTE => 2 + payload(first).div_ceil(8),
        NAMED => 2 + (key(first) as usize).div_ceil(8) + payload(first).div_ceil(8),
        FORGET => 2,
        _ => 0,
    }
}
