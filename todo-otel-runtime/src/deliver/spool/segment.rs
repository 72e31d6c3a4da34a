//! One body on disk: a header of 40 bytes, then the bytes as they will be sent. Nothing of a damaged file is used.
//!
//! Little-endian: 0 magic, 4 version, 5 signal, 6 encoding, 7 flags, 8 items, 12 raw length, 16 stored length,
//! 20 created in ns, 28 CRC32 of the raw body, 32 CRC32 of the stored bytes, 36 CRC32 of bytes 0..36. Magic, version,
//! items and the place of the last checksum hold for every version.

use crate::{
    config::Signal,
    deliver::{items::MAX_BODY, send::Encoding},
};
use bytes::Bytes;
use std::io::Read;

pub(crate) const HEADER: usize = 40;
/// Largest file that is read: incompressible bodies grow a little under gzip.
pub(crate) const MAX_FILE: usize = HEADER + MAX_BODY + MAX_BODY / 64;
const MAGIC: &[u8; 4] = b"TSG1";
const VERSION: u8 = 1;

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) signal: Signal,
    pub(crate) encoding: Encoding,
    pub(crate) items: u32,
    pub(crate) created_ns: u64,
    /// As stored.
    pub(crate) body: Bytes,
}

/// Why a file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Damaged.
    Corrupt,
    /// Written by a newer version: to be left alone.
    Newer,
    /// The disk did not give it this time.
    Unreadable,
}

/// The header for a body; `raw` is the body before encoding.
pub(crate) fn header(
    signal: Signal,
    encoding: Encoding,
    items: u32,
    created_ns: u64,
    raw: &[u8],
    stored: &[u8],
) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0..4].copy_from_slice(MAGIC);
    header[4] = VERSION;
    header[5] = signal_byte(signal);
    header[6] = match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
    };
    header[8..12].copy_from_slice(&items.to_le_bytes());
    header[12..16].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    header[16..20].copy_from_slice(&(stored.len() as u32).to_le_bytes());
    header[20..28].copy_from_slice(&created_ns.to_le_bytes());
    header[28..32].copy_from_slice(&crc32fast::hash(raw).to_le_bytes());
    header[32..36].copy_from_slice(&crc32fast::hash(stored).to_le_bytes());
    let checksum = crc32fast::hash(&header[..36]);
    header[36..40].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Reads a whole file.
pub(crate) fn parse(file: &Bytes) -> Result<Segment, Unusable> {
    let header = file.get(..HEADER).ok_or(Unusable::Corrupt)?;
    if &header[0..4] != MAGIC || crc32fast::hash(&header[..36]) != word(header, 36) {
        return Err(Unusable::Corrupt);
    }
    if header[4] != VERSION {
        return Err(Unusable::Newer);
    }
    let signal = Signal::ALL.into_iter().find(|signal| signal_byte(*signal) == header[5]).ok_or(Unusable::Corrupt)?;
    let (raw_length, stored_length) = (word(header, 12) as usize, word(header, 16) as usize);
    if raw_length > MAX_BODY || stored_length != file.len() - HEADER || file.len() > MAX_FILE {
        return Err(Unusable::Corrupt);
    }
    let body = file.slice(HEADER..);
    if crc32fast::hash(&body) != word(header, 32) {
        return Err(Unusable::Corrupt);
    }
    let encoding = match header[6] {
        0 if raw_length == stored_length && word(header, 28) == word(header, 32) => Encoding::Identity,
        1 if inflates_to(&body, raw_length, word(header, 28)) => Encoding::Gzip,
        _ => return Err(Unusable::Corrupt),
    };
    let mut created = [0; 8];
    created.copy_from_slice(&header[20..28]);
    Ok(Segment { signal, encoding, items: word(header, 8), created_ns: u64::from_le_bytes(created), body })
}

/// Checks without keeping the output.
fn inflates_to(body: &[u8], length: usize, checksum: u32) -> bool {
    let mut reader = flate2::read::GzDecoder::new(body).take(length as u64 + 1);
    let mut hasher = crc32fast::Hasher::new();
    let (mut total, mut buffer) = (0, [0; 8192]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return total == length && hasher.finalize() == checksum,
            Ok(n) => {
                total += n;
                hasher.update(&buffer[..n]);
            }
            Err(_) => return false,
        }
    }
}

/// The body as it will be sent and stored: gzip level 1 above 1 kB if asked for and if it helps.
pub(crate) fn encode(raw: &Bytes, gzip: bool) -> (Bytes, Encoding) {
    use std::io::Write;
    if !gzip || raw.len() <= 1000 {
        return (raw.clone(), Encoding::Identity);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(raw.len() / 4), flate2::Compression::new(1));
    match encoder.write_all(raw).and_then(|()| encoder.finish()) {
        Ok(stored) if stored.len() < raw.len() => (stored.into(), Encoding::Gzip),
        _ => (raw.clone(), Encoding::Identity),
    }
}

fn signal_byte(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => b't',
        Signal::Metrics => b'm',
        Signal::Logs => b'l',
    }
}

fn word(header: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(raw: &[u8], gzip: bool) -> Vec<u8> {
        let raw = Bytes::copy_from_slice(raw);
        let (stored, encoding) = encode(&raw, gzip);
        let mut file = header(Signal::Traces, encoding, 7, 123, &raw, &stored).to_vec();
        file.extend_from_slice(&stored);
        file
    }

    fn seal(file: &mut [u8]) {
        let checksum = crc32fast::hash(&file[..36]);
        file[36..40].copy_from_slice(&checksum.to_le_bytes());
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        let text = b"a body of telemetry, long enough to be compressed ".repeat(25);
        let mut tried = 0;
        for gzip in [false, true] {
            let whole = file(&text, gzip);
            assert_eq!(parse(&whole.clone().into()).expect("good").encoding == Encoding::Gzip, gzip);
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(parse(&flipped.into()), Err(Unusable::Corrupt), "bit {bit}");
                tried += 1;
            }
            for length in 0..whole.len() {
                assert_eq!(parse(&whole[..length].to_vec().into()), Err(Unusable::Corrupt), "cut at {length}");
                tried += 1;
            }
            for extra in [0u8, 0xff] {
                let longer = [whole.as_slice(), &[extra]].concat();
                assert_eq!(parse(&longer.into()), Err(Unusable::Corrupt));
                tried += 1;
            }
        }
        println!("{tried} damaged files, 0 used");
    }

    #[test]
    fn a_newer_version_is_left_alone_and_a_lie_about_lengths_is_not_believed() {
        let good = file(b"hello", false);
        let mut newer = good.clone();
        newer[4] = 2;
        seal(&mut newer);
        assert_eq!(parse(&newer.into()), Err(Unusable::Newer));
        for (at, value) in [(12, u32::MAX), (16, u32::MAX), (12, 0), (16, 0), (12, MAX_BODY as u32 + 1)] {
            let mut lying = good.clone();
            lying[at..at + 4].copy_from_slice(&value.to_le_bytes());
            seal(&mut lying);
            assert_eq!(parse(&lying.into()), Err(Unusable::Corrupt), "{at} {value}");
        }
        for (at, value) in [(5, b'x'), (6, 1), (6, 9)] {
            let mut wrong = good.clone();
            wrong[at] = value;
            seal(&mut wrong);
            assert_eq!(parse(&wrong.into()), Err(Unusable::Corrupt), "{at} {value}");
        }
        assert_eq!(parse(&vec![0; 4096].into()), Err(Unusable::Corrupt));
    }

    #[test]
    fn a_gzip_bomb_is_not_inflated() {
        let raw = Bytes::from(vec![0; 64 << 20]);
        let (stored, _) = encode(&raw, true);
        let mut bomb = header(Signal::Traces, Encoding::Gzip, 1, 0, &raw[..5], &stored).to_vec();
        bomb.extend_from_slice(&stored);
        assert_eq!(parse(&bomb.into()), Err(Unusable::Corrupt));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(raw in prop::collection::vec(any::<u8>(), 0..5000), gzip: bool) {
            let file = file(&raw, gzip);
            let segment = parse(&file.into()).expect("good");
            prop_assert_eq!((segment.signal, segment.items, segment.created_ns), (Signal::Traces, 7, 123));
            if segment.encoding == Encoding::Identity {
                prop_assert_eq!(segment.body.as_ref(), raw.as_slice());
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes.into()).is_err());
        }
    }
}
