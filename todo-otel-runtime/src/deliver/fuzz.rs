//! What delivery parses, as functions of any bytes: they panic when a promise is broken. For cargo-fuzz and for the tests
//! beside; `../../../fuzz` has the corpora.

use super::{
    breaker::Breakers,
    send::Answer,
    spool::{Entry, segment},
    verdict::{MAX_ASKED, Verdict, retry_after, verdict},
};
use bytes::Bytes;
use std::time::{Duration, SystemTime};

/// A file of the spool; also with a header that is valid again, so that what lies behind the checksum is reached.
pub fn segment(input: &[u8]) {
    let _ = segment::parse(&Bytes::copy_from_slice(input));
    if input.len() >= segment::HEADER {
        let mut file = input.to_vec();
        let stored = crc32fast::hash(&file[segment::HEADER..]).to_le_bytes();
        file[32..36].copy_from_slice(&stored);
        let header = crc32fast::hash(&file[..36]).to_le_bytes();
        file[36..40].copy_from_slice(&header);
        if let Ok(segment) = segment::parse(&file.into()) {
            assert!(segment.body.len() <= input.len());
        }
    }
}

/// A name in the spool's directory.
pub fn spool_name(input: &[u8]) {
    let name = String::from_utf8_lossy(input);
    if let Some(entry) = Entry::parse(&name) {
        assert_eq!(entry.file(), name, "one spelling for each file");
    }
}

/// The body of an answer, over both protocols.
pub fn reply(input: &[u8]) {
    let now = SystemTime::UNIX_EPOCH;
    for status in [200, 503] {
        let _ = verdict(&Answer::Http { status, html: false, retry_after: Vec::new(), body: input.to_vec() }, now);
    }
    let answer = Answer::Grpc { code: 0, retry_after: None, body: input.to_vec() };
    assert!(matches!(verdict(&answer, now), Verdict::Delivered { .. }));
}

/// Values of the header, one a line.
pub fn retry_after_values(input: &[u8]) {
    let values: Vec<String> = String::from_utf8_lossy(input).split('\n').map(str::to_owned).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_381_054);
    assert!(retry_after(&values, now).is_none_or(|asked| asked <= MAX_ASKED));
}

/// The file in which processes share what they know of a receiver.
pub fn breaker_state(input: &[u8]) {
    let breakers = Breakers::from_json(input);
    assert_eq!(Breakers::from_json(breakers.to_json().as_bytes()), breakers);
}

#[cfg(test)]
mod tests {
    use otlp_test_support::fuzz::drive;

    #[test]
    fn files_names_and_answers_are_read_without_harm() {
        drive("segment", super::segment);
        drive("spool_name", super::spool_name);
        drive("reply", super::reply);
        drive("retry_after", super::retry_after_values);
        drive("breaker_state", super::breaker_state);
    }
}
