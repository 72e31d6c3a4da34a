//! `traceparent` and `tracestate` to the letter of W3C Trace Context; the SDK's parser takes what the text forbids.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;
const MAX_MEMBERS: usize = 32;
const MAX_STATE_BYTES: usize = 8 * 1024;

/// A valid remote context, or `None`. An invalid `tracestate` is dropped whole while the ids stay.
pub(super) fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<SpanContext> {
    let text = traceparent.trim_matches([' ', '\t']);
    let bytes = text.as_bytes();
    if bytes.len() < 55 || [2, 35, 52].iter().any(|dash| bytes[*dash] != b'-') {
        return None;
    }
    let version = hex(&bytes[0..2])?;
    let after = &bytes[55..];
    let length_fits = match version {
        0 => after.is_empty(),
        0xff => return None,
        _ => after.is_empty() || after[0] == b'-',
    };
    if !length_fits {
        return None;
    }
    let trace_id = TraceId::from(hex(&bytes[3..35])?);
    let span_id = SpanId::from(u64::try_from(hex(&bytes[36..52])?).ok()?);
    let flags = u8::try_from(hex(&bytes[53..55])?).ok()?;
    // A later version may give the other bits a meaning we do not know.
    let flags = TraceFlags::new(flags & (SAMPLED | RANDOM));
    let context =
        SpanContext::new(trace_id, span_id, flags, true, tracestate.and_then(parse_state).unwrap_or_default());
    context.is_valid().then_some(context)
}

/// Lower-case digits only; at most 32 of them.
fn hex(bytes: &[u8]) -> Option<u128> {
    bytes.iter().try_fold(0_u128, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// The header for a valid context; keeps the random flag.
pub(super) fn traceparent(context: &SpanContext) -> Option<String> {
    let flags = context.trace_flags().to_u8() & (SAMPLED | RANDOM);
    context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}

/// The header, or `None` when there is nothing to say: an empty `tracestate` must not be sent.
pub(super) fn tracestate(context: &SpanContext) -> Option<String> {
    let header = context.trace_state().header();
    (!header.is_empty()).then_some(header)
}

fn parse_state(text: &str) -> Option<TraceState> {
    if text.len() > MAX_STATE_BYTES {
        return None;
    }
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) || members.iter().any(|(known, _)| *known == key) {
            return None;
        }
        members.push((key, value));
    }
    if members.len() > MAX_MEMBERS {
        return None;
    }
    TraceState::from_key_value(members).ok()
}

fn is_key(key: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
    let simple = |part: &str, digit_first: bool, max: usize| {
        let first = part.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || (digit_first && b.is_ascii_digit()));
        first && part.len() <= max && part.bytes().all(rest)
    };
    match key.split_once('@') {
        Some((tenant, system)) => simple(tenant, true, 241) && simple(system, false, 14),
        None => simple(key, false, 256),
    }
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 256
        && !value.ends_with(' ')
        && value.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_header_survives_the_round_trip() {
        for text in [
            GOOD,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
            "00-00000000000000000000000000000001-0000000000000001-00",
        ] {
            let context = parse(text, Some("ot=th:c,vendor=x")).expect(text);
            assert!(context.is_remote());
            assert_eq!(traceparent(&context).as_deref(), Some(text));
            assert_eq!(tracestate(&context).as_deref(), Some("ot=th:c,vendor=x"));
        }
    }

    #[test]
    fn what_the_text_forbids_is_refused() {
        for bad in [
            "",
            "00-1-1-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
        ] {
            assert!(parse(bad, None).is_none(), "{bad}");
        }
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert!(parse(later, None).is_some());
    }

    #[test]
    fn a_bad_tracestate_goes_whole_and_the_ids_stay() {
        let long = (0..33).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for bad in ["Key=v", "a=1,a=2", "a", "a=", "a=b=c", "1a=x", "a@1b=x", long.as_str()] {
            let context = parse(GOOD, Some(bad)).expect("the ids are good");
            assert_eq!(tracestate(&context), None, "{bad}");
        }
        for good in ["a=1", "1t@sys=x", "a_-*/b=v v", "a=1, b=2 ,, c=3"] {
            assert!(tracestate(&parse(GOOD, Some(good)).expect("good")).is_some(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_taken_is_written_back(text in "\\PC{0,80}", state in "\\PC{0,80}") {
            if let Some(context) = parse(&text, Some(&state)) {
                prop_assert!(traceparent(&context).is_some());
            }
        }

        #[test]
        fn mutated_headers_never_panic(at in 0_usize..55, byte in any::<u8>()) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let _ = parse(text, None);
            }
        }
    }
}
