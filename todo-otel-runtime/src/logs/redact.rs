//! Attributes whose key says that their value is secret. What a secret looks like is known to `config`.

/// Stands where a secret value was.
pub(crate) const REDACTED: &str = "[redacted]";

/// Last segments of keys, or their ends, whose string values are secret.
const SECRET_KEYS: [&str; 8] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "cookie"];

/// True when the last segment of `key` is, or ends in, the name of a secret; `gen_ai.usage.input_tokens` is none.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    SECRET_KEYS.iter().any(|name| {
        let Some(start) = last.len().checked_sub(name.len()) else { return false };
        last.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for (key, secret) in [
            ("password", true),
            ("db.password", true),
            ("http.request.header.authorization", true),
            ("openai_api_key", true),
            ("ApiKey", true),
            ("gen_ai.usage.input_tokens", false),
            ("token.count", false),
            ("monkey", false),
        ] {
            assert_eq!(is_secret_key(key), secret, "{key}");
        }
    }
}
