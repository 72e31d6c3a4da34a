//! What an answer means for the body that was sent: one pure function. When to try again is `breaker`.

use super::send::{Answer, Failure};
use prost::Message;
use std::time::{Duration, SystemTime};

/// Longest wait that a server may ask for.
pub(crate) const MAX_ASKED: Duration = Duration::from_secs(3600);

/// What to do with the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done; so many items were refused all the same and are never sent again.
    Delivered { rejected: u64 },
    /// Keep it; wait, at least as long as asked.
    Later { asked: Option<Duration>, tls: Option<String> },
    /// Drop it; what follows would meet the same fate, so wait for another configuration.
    Misconfigured,
    /// Drop it; what follows may pass.
    Refused,
}

/// OTLP's table.
pub(crate) fn verdict(answer: &Answer, now: SystemTime) -> Verdict {
    match answer {
        Answer::Http { status: 200..=299, html: true, .. } => Verdict::Later { asked: None, tls: None },
        Answer::Http { status: 200..=299, body, .. } => Verdict::Delivered { rejected: rejected(body) },
        Answer::Http { status: 429 | 502 | 503 | 504, retry_after: values, .. } => {
            Verdict::Later { asked: retry_after(values, now), tls: None }
        }
        Answer::Http { status: 400, .. } if sabotaged!("retry_400") => Verdict::Later { asked: None, tls: None },
        Answer::Http { status: 401 | 403 | 404 | 405 | 300..=399, .. } => Verdict::Misconfigured,
        Answer::Http { .. } => Verdict::Refused,
        Answer::Grpc { code: 0, body, .. } => Verdict::Delivered { rejected: rejected(body) },
        // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS; RESOURCE_EXHAUSTED if it says when.
        Answer::Grpc { code: 1 | 4 | 10 | 11 | 14 | 15, retry_after, .. } => {
            Verdict::Later { asked: retry_after.map(|asked| asked.min(MAX_ASKED)), tls: None }
        }
        Answer::Grpc { code: 8, retry_after: Some(asked), .. } => {
            Verdict::Later { asked: Some((*asked).min(MAX_ASKED)), tls: None }
        }
        // PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED: what 403, 404 and 401 are to HTTP.
        Answer::Grpc { code: 7 | 12 | 16, .. } => Verdict::Misconfigured,
        Answer::Grpc { .. } => Verdict::Refused,
        Answer::None(Failure::Tls(problem)) => Verdict::Later { asked: None, tls: Some(problem.clone()) },
        Answer::None(_) => Verdict::Later { asked: None, tls: None },
    }
}

/// Rejected items of a partial success; the three messages have the same form on the wire.
fn rejected(body: &[u8]) -> u64 {
    #[derive(Clone, PartialEq, Message)]
    struct Response {
        #[prost(message, optional, tag = "1")]
        partial: Option<Partial>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Partial {
        #[prost(int64, tag = "1")]
        rejected: i64,
    }
    let partial = Response::decode(body).ok().and_then(|response| response.partial);
    partial.map_or(0, |partial| u64::try_from(partial.rejected).unwrap_or(0))
}

/// `Retry-After`: digits or an HTTP date, the past being no wait; the largest valid of several; capped.
pub(crate) fn retry_after(values: &[String], now: SystemTime) -> Option<Duration> {
    values.iter().filter_map(|value| one_retry_after(value.trim(), now)).max()
}

fn one_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a wait beyond the cap.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MAX_ASKED));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MAX_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(seconds: Option<u64>) -> Verdict {
        Verdict::Later { asked: seconds.map(Duration::from_secs), tls: None }
    }

    fn http(status: u16) -> Answer {
        Answer::Http { status, html: false, retry_after: Vec::new(), body: Vec::new() }
    }

    #[test]
    fn every_status_has_its_verdict() {
        let now = SystemTime::now();
        for status in 100..=599 {
            let expected = match status {
                200..=299 => Verdict::Delivered { rejected: 0 },
                429 | 502 | 503 | 504 => later(None),
                300..=399 | 401 | 403 | 404 | 405 => Verdict::Misconfigured,
                _ => Verdict::Refused,
            };
            assert_eq!(verdict(&http(status), now), expected, "{status}");
        }
    }

    #[test]
    fn every_grpc_code_has_its_verdict() {
        let now = SystemTime::now();
        for code in 0..=20 {
            for asked in [None, Some(Duration::from_secs(3))] {
                let answer = Answer::Grpc { code, retry_after: asked, body: Vec::new() };
                let expected = match (code, asked) {
                    (0, _) => Verdict::Delivered { rejected: 0 },
                    (1 | 4 | 10 | 11 | 14 | 15, _) | (8, Some(_)) => Verdict::Later { asked, tls: None },
                    (7 | 12 | 16, _) => Verdict::Misconfigured,
                    _ => Verdict::Refused,
                };
                assert_eq!(verdict(&answer, now), expected, "{code} {asked:?}");
            }
        }
    }

    #[test]
    fn a_web_page_is_no_answer_and_anything_else_with_a_success_is_one() {
        let now = SystemTime::now();
        let page = Answer::Http { status: 200, html: true, retry_after: Vec::new(), body: b"<html>".to_vec() };
        assert_eq!(verdict(&page, now), later(None));
        // Empty, partial success with none, some and a negative number rejected, truncated, JSON.
        let bodies: [(&[u8], u64); 6] = [
            (b"", 0),
            (&[0x0a, 0x00], 0),
            (&[0x0a, 0x02, 0x08, 0x05], 5),
            (&[0x0a, 0x0b, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 0),
            (&[0x0a, 0x02, 0x08], 0),
            (b"{\"partialSuccess\":{}}", 0),
        ];
        for (body, rejected) in bodies {
            let over_http = Answer::Http { status: 200, html: false, retry_after: Vec::new(), body: body.to_vec() };
            let over_grpc = Answer::Grpc { code: 0, retry_after: None, body: body.to_vec() };
            assert_eq!(verdict(&over_http, now), Verdict::Delivered { rejected }, "{body:?}");
            assert_eq!(verdict(&over_grpc, now), Verdict::Delivered { rejected }, "{body:?}");
        }
    }

    #[test]
    fn without_an_answer_the_body_is_kept() {
        let now = SystemTime::now();
        for failure in [Failure::Network("refused".into()), Failure::Timeout, Failure::Broken("x".into())] {
            assert_eq!(verdict(&Answer::None(failure), now), later(None));
        }
        let tls = verdict(&Answer::None(Failure::Tls("expired".into())), now);
        assert_eq!(tls, Verdict::Later { asked: None, tls: Some("expired".into()) });
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 12:00:00 GMT").expect("date");
        let table: [(&[&str], Option<u64>); 18] = [
            (&[], None),
            (&["0"], Some(0)),
            (&["1"], Some(1)),
            (&[" 120 "], Some(120)),
            (&["3600"], Some(3600)),
            (&["3601"], Some(3600)),
            (&["1000000000000000000"], Some(3600)),
            (&["99999999999999999999999999"], Some(3600)),
            (&["-1"], None),
            (&["+1"], None),
            (&["1.5"], None),
            (&["1e18"], None),
            (&[""], None),
            (&["soon"], None),
            (&["Sun, 22 Nov 2026 12:00:30 GMT"], Some(30)),
            (&["Sun, 22 Nov 2026 11:00:00 GMT"], Some(0)),
            (&["Sun, 22 Nov 2099 12:00:00 GMT"], Some(3600)),
            (&["garbage", "5", "2", "-9"], Some(5)),
        ];
        for (values, expected) in table {
            let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
            assert_eq!(retry_after(&values, now), expected.map(Duration::from_secs), "{values:?}");
        }
    }
}
