//! A model's reply as a function of any bytes: for cargo-fuzz (`../fuzz`) and for the tests.

use crate::enrich::parse_reply;

/// What a model answered; nothing of it may steer a terminal, and nothing is longer than the schema allows.
pub fn ai_reply(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let today = jiff::civil::date(2026, 11, 22);
    for suggestion in parse_reply(&text, today).into_iter().flatten() {
        assert!((0.0..=1.0).contains(&suggestion.confidence));
        assert!(suggestion.reason.chars().count() <= 200);
        assert!(!suggestion.reason.chars().any(char::is_control), "{:?}", suggestion.reason);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn replies_of_models_are_read_without_harm() {
        otlp_test_support::fuzz::drive("ai_reply", super::ai_reply);
    }
}
