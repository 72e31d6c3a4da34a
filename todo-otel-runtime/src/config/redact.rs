//! Secrets in text: what was configured is found exactly, everything else by the shape of well-known credentials. Which
//! attribute keys are refused outright is not here.

use std::{borrow::Cow, fmt};

use super::{Config, value::base64};

const MASK: &str = "[redacted]";
/// Shorter secrets would mask ordinary words.
const MIN_SECRET: usize = 8;

/// Credentials of the configuration. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", self.0.len())
    }
}

impl Secrets {
    /// Adds a credential; a value with a scheme (`Bearer …`) counts with and without it.
    pub(crate) fn add(&mut self, secret: &str) {
        let bare = secret.split_once(' ').map(|(_, rest)| rest.trim());
        for secret in [Some(secret), bare].into_iter().flatten() {
            if secret.len() >= MIN_SECRET && !self.0.iter().any(|known| known == secret) {
                self.0.push(secret.to_owned());
            }
        }
    }
}

/// Masks secrets in attribute values, log bodies, exception texts, statements, URLs and diagnostics.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Every written form of every configured secret, longest first.
    needles: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Config {
    /// A redactor that knows the configured credentials beside the well-known shapes.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets.0.iter().map(String::as_str))
    }
}

impl Redactor {
    /// A redactor for these secrets; those shorter than 8 bytes are left out.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= MIN_SECRET)
            .flat_map(|secret| {
                let json = serde_json::Value::from(secret).to_string();
                [
                    secret.to_owned(),
                    percent_encode(secret),
                    base64(secret.as_bytes()).trim_end_matches('=').to_owned(),
                    json[1..json.len() - 1].to_owned(),
                ]
            })
            .collect();
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// The text with every secret replaced by `[redacted]`; borrowed when there is none.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for needle in &self.needles {
            if text.contains(needle.as_str()) {
                text = Cow::Owned(text.replace(needle.as_str(), MASK));
            }
        }
        match text {
            Cow::Borrowed(text) => patterns(text),
            Cow::Owned(text) => Cow::Owned(patterns(&text).into_owned()),
        }
    }
}

fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The URL without what stands between `://` and `@`.
pub(crate) fn url_credentials(url: &str) -> String {
    match url.find("://").and_then(|at| credentials(url, at)) {
        Some((from, to)) => format!("{}{MASK}{}", &url[..from], &url[to..]),
        None => url.to_owned(),
    }
}

/// Masks whatever has the shape of a credential.
pub(crate) fn patterns(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match hit(text, at) {
            Some((from, to)) if from >= copied && to > from => {
                out.push_str(&text[copied..from]);
                out.push_str(MASK);
                copied = to;
                at = to;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// What to mask because of the byte at `at`: a range on character boundaries.
fn hit(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    match bytes[at] {
        b'-' if text[at..].starts_with("-----BEGIN ") => private_key(text, at),
        b':' if text[at..].starts_with("://") => credentials(text, at),
        b'=' | b':' => named_value(text, at),
        byte if byte.is_ascii_alphabetic() && (at == 0 || !is_token(bytes[at - 1])) => {
            shaped(text, at).or_else(|| scheme(text, at))
        }
        _ => None,
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn token_end(bytes: &[u8], from: usize) -> usize {
    from + bytes[from..].iter().take_while(|byte| is_token(**byte)).count()
}

/// Keys that vendors mark with a prefix, and JSON web tokens.
fn shaped(text: &str, at: usize) -> Option<(usize, usize)> {
    const PREFIXES: [(&str, usize); 12] = [
        ("sk-", 16),
        ("ghp_", 16),
        ("gho_", 16),
        ("ghs_", 16),
        ("github_pat_", 16),
        ("glc_", 16),
        ("glsa_", 16),
        ("AKIA", 16),
        ("ASIA", 16),
        ("AIza", 30),
        ("hf_", 20),
        ("xox", 10),
    ];
    let rest = &text[at..];
    let end = token_end(text.as_bytes(), at);
    for (prefix, least) in PREFIXES {
        if rest.starts_with(prefix) && end - at >= prefix.len() + least {
            let dashed = prefix != "xox" || rest.as_bytes().get(4) == Some(&b'-');
            let upper = !prefix.starts_with('A')
                || prefix == "AIza"
                || text[at..end].bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if dashed && upper {
                return Some((at, end));
            }
        }
    }
    if rest.starts_with("eyJ") && text.as_bytes().get(end) == Some(&b'.') {
        let second = token_end(text.as_bytes(), end + 1);
        if second > end + 1 && text.as_bytes().get(second) == Some(&b'.') {
            return Some((at, token_end(text.as_bytes(), second + 1)));
        }
    }
    None
}

/// `Bearer …` and `Basic …`: the part after the scheme.
fn scheme(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let name = ["bearer", "basic"].into_iter().find(|name| {
        bytes.len() > at + name.len() && bytes[at..at + name.len()].eq_ignore_ascii_case(name.as_bytes())
    })?;
    let from = at + name.len();
    let blanks = bytes[from..].iter().take_while(|byte| **byte == b' ').count();
    let from = from + blanks;
    let is_value = |byte: u8| is_token(byte) || b".~+/=".contains(&byte);
    let length = bytes[from..].iter().take_while(|byte| is_value(**byte)).count();
    (blanks > 0 && length >= MIN_SECRET).then_some((from, from + length))
}

/// `-----BEGIN … PRIVATE KEY-----` to its end, or to the end of the text when it is cut.
fn private_key(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let label = &rest["-----BEGIN ".len()..];
    let label_end = label.find("-----")?;
    if !label[..label_end].ends_with("PRIVATE KEY") {
        return None;
    }
    let body = "-----BEGIN ".len() + label_end + 5;
    let Some(end) = rest[body..].find("-----END ") else { return Some((at, text.len())) };
    let tail = body + end + "-----END ".len();
    let stop = rest[tail..].find("-----").map_or(rest.len(), |dashes| tail + dashes + 5);
    Some((at, at + stop))
}

/// What stands between `://` and `@`; `at` is the colon.
fn credentials(text: &str, at: usize) -> Option<(usize, usize)> {
    let from = at + 3;
    let authority = &text[from..];
    let authority = &authority[..authority.find(['/', '?', '#', ' ', '"', '\'', '\n']).unwrap_or(authority.len())];
    let end = authority.rfind('@')?;
    (end > 0).then_some((from, from + end))
}

/// The value after `=` or `:` of a name that ends in one of the telling words.
fn named_value(text: &str, at: usize) -> Option<(usize, usize)> {
    const WORDS: [&str; 10] = [
        "password",
        "passwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "api-key",
        "authorization",
        "private_key",
        "access_key",
    ];
    let bytes = text.as_bytes();
    let name_end = bytes[..at].iter().rposition(|byte| !matches!(byte, b' ' | b'"' | b'\''))? + 1;
    let telling = WORDS.iter().any(|word| {
        name_end >= word.len() && bytes[name_end - word.len()..name_end].eq_ignore_ascii_case(word.as_bytes())
    });
    if !telling {
        return None;
    }
    let mut from = at + 1;
    from += bytes[from..].iter().take_while(|byte| **byte == b' ').count();
    let quote = bytes.get(from).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    from += usize::from(quote.is_some());
    let length = match quote {
        Some(quote) => bytes[from..].iter().take_while(|byte| **byte != quote).count(),
        None => bytes[from..]
            .iter()
            .take_while(|byte| !matches!(byte, b' ' | b'&' | b',' | b';' | b'\n' | b'"' | b'}'))
            .count(),
    };
    let value = &text[from..from + length];
    if value.is_empty() || value.starts_with(MASK) {
        return None;
    }
    // `Authorization: Bearer x`: the scheme stays readable, its value is masked when the scan gets there.
    let scheme_follows = ["bearer", "basic"].iter().any(|name| value.eq_ignore_ascii_case(name));
    (!scheme_follows).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn masked(text: &str, expected: &str) {
        assert_eq!(patterns(text), expected);
    }

    #[test]
    fn well_known_shapes_are_masked() {
        masked("key sk-ant-api03-abcdefghijklmnopqrstuv end", "key [redacted] end");
        masked("ghp_0123456789abcdefghij0123", MASK);
        masked("AKIAIOSFODNN7EXAMPLE", MASK);
        masked("xoxb-1234567890-abc", MASK);
        masked("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM", MASK);
        masked("Authorization: Bearer abcdefghijkl", "Authorization: Bearer [redacted]");
        masked("connect to postgres://bob:pw@db/todo failed", "connect to postgres://[redacted]@db/todo failed");
        masked("https://api/x?token=abc&page=2", "https://api/x?token=[redacted]&page=2");
        masked(r#"{"api_key": "abc def", "n": 1}"#, r#"{"api_key": "[redacted]", "n": 1}"#);
        masked("DB_PASSWORD=hunter2 rest", "DB_PASSWORD=[redacted] rest");
    }

    #[test]
    fn a_private_key_is_masked_even_when_it_is_cut() {
        let whole = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nmore";
        masked(whole, "[redacted]\nmore");
        masked("a -----BEGIN PRIVATE KEY-----\nMIIE", "a [redacted]");
        masked("-----BEGIN CERTIFICATE-----\nMIIE", "-----BEGIN CERTIFICATE-----\nMIIE");
    }

    #[test]
    fn ordinary_text_is_borrowed() {
        for text in [
            "buy sk-learn book",
            "gen_ai.usage.input_tokens: 12",
            "see https://example.org/a@b",
            "é: ü = ñ",
            "basic idea",
        ] {
            assert!(matches!(patterns(text), Cow::Borrowed(_)), "{text}: {}", patterns(text));
        }
    }

    #[test]
    fn a_configured_secret_is_found_in_every_written_form() {
        let redactor = Redactor::new(["p@ss\"word/1"]);
        for text in ["p@ss\"word/1", "p%40ss%22word%2F1", "cEBzcyJ3b3JkLzE", r#"p@ss\"word/1"#] {
            assert_eq!(redactor.redact(&format!("<{text}>")), "<[redacted]>", "{text}");
        }
        assert_eq!(Redactor::new(["short"]).redact("short text"), "short text");
    }
}
