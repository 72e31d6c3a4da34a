//! Baggage: the few allow-listed values that travel with the context. Everything else is dropped on arrival.

use std::{fmt, sync::Arc};

/// Members kept of one header.
const MAX_MEMBERS: usize = 16;
/// Bytes of the members kept of one header, and of a header written.
const MAX_BYTES: usize = 2 * 1024;
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Allow-listed key-value pairs; cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage(Arc<[(String, String)]>);

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

impl Baggage {
    /// The allow-listed members of a header; the first one of a key counts, properties are dropped.
    pub(super) fn parse(header: &str, allowed: &[String]) -> Self {
        if header.len() > MAX_HEADER_BYTES {
            return Self::default();
        }
        let mut members: Vec<(String, String)> = Vec::new();
        let mut bytes = 0;
        for member in header.split(',') {
            let pair = member.split(';').next().unwrap_or_default();
            let Some((key, value)) = pair.split_once('=') else { continue };
            let key = key.trim();
            if !allowed.iter().any(|allowed| allowed == key) || members.iter().any(|(known, _)| known == key) {
                continue;
            }
            let Some(value) = crate::config::percent_decode(value.trim()) else { continue };
            bytes += key.len() + value.len() + 2;
            if value.chars().any(char::is_control) || members.len() == MAX_MEMBERS || bytes > MAX_BYTES {
                continue;
            }
            members.push((key.to_owned(), value));
        }
        Self(members.into())
    }

    /// With these pairs added; pairs that are there already stay as they are.
    #[must_use]
    pub fn with(&self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut members = self.0.to_vec();
        for (key, value) in pairs {
            if members.len() < MAX_MEMBERS && !members.iter().any(|(known, _)| *known == key) {
                members.push((key, value));
            }
        }
        Self(members.into())
    }

    /// The pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// True when there is nothing to carry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header, or `None` when it would be empty; what does not fit the cap is left out.
    pub(super) fn header(&self, allowed: &[String]) -> Option<String> {
        let mut header = String::new();
        for (key, value) in self.iter().filter(|(key, _)| allowed.iter().any(|allowed| allowed == key)) {
            let member = format!("{key}={}", encode(value));
            if header.len() + member.len() < MAX_BYTES {
                if !header.is_empty() {
                    header.push(',');
                }
                header.push_str(&member);
            }
        }
        (!header.is_empty()).then_some(header)
    }
}

/// Percent-encoding of everything that is no baggage octet.
fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        let plain = matches!(byte, 0x21 | 0x23..=0x24 | 0x26..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed() -> Vec<String> {
        ["session.id", "acme.operation"].map(str::to_owned).to_vec()
    }

    #[test]
    fn only_allow_listed_keys_are_kept() {
        let baggage =
            Baggage::parse("session.id=a%20b;p=1, user=bob ,session.id=second,acme.operation=add", &allowed());
        assert_eq!(baggage.iter().collect::<Vec<_>>(), [("session.id", "a b"), ("acme.operation", "add")]);
        assert_eq!(baggage.header(&allowed()).as_deref(), Some("session.id=a%20b,acme.operation=add"));
    }

    #[test]
    fn what_is_too_long_or_broken_is_dropped() {
        for bad in [
            format!("session.id={}", "x".repeat(3000)),
            "session.id=%0A".into(),
            "session.id=%zz".into(),
            "x".repeat(9000),
        ] {
            assert!(Baggage::parse(&bad, &allowed()).is_empty(), "{bad:.40}");
        }
    }

    #[test]
    fn what_came_in_wins_over_ours() {
        let baggage = Baggage::parse("session.id=theirs", &allowed());
        let ours = [("session.id", "ours"), ("acme.operation", "add")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(baggage.with(ours).get("session.id"), Some("theirs"));
    }

    proptest! {
        #[test]
        fn values_survive_the_round_trip(value in "[^\\p{C}]{0,100}") {
            let pair = [("session.id".to_owned(), value.trim().to_owned())];
            let header = Baggage::default().with(pair.clone()).header(&allowed()).unwrap_or_default();
            let back = Baggage::parse(&header, &allowed());
            prop_assert_eq!(back.get("session.id"), Some(pair[0].1.as_str()));
        }
    }
}
