//! Header lists of OTLP and the credential of Grafana Cloud. A value never gets into a message.

use super::value::{base64, percent_decode};

/// `k=v,k2=v2`; the second part names the pairs that were dropped, by position and name, and why.
pub(super) fn parse(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut problems = Vec::new();
    for (index, pair) in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).enumerate() {
        let place = index + 1;
        let Some((name, value)) = pair.split_once('=') else {
            problems.push(format!("pair {place} has no `=`"));
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            problems.push(format!("pair {place} has no valid header name"));
            continue;
        }
        match percent_decode(value.trim()) {
            Some(value) if value.bytes().all(|byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7f)) => {
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value));
            }
            Some(_) => problems.push(format!("{name} has control characters")),
            None => problems.push(format!("{name} is not valid percent-encoded UTF-8")),
        }
    }
    (headers, problems)
}

/// A byte that may stand in a header name.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `authorization` for a Grafana key: as it is with a scheme, Basic for `id:token`, else Bearer.
pub(super) fn grafana(key: &str) -> (String, String) {
    let value = if key.starts_with("Basic ") || key.starts_with("Bearer ") {
        key.to_owned()
    } else if key.contains(':') {
        format!("Basic {}", base64(key.as_bytes()))
    } else {
        format!("Bearer {key}")
    };
    ("authorization".to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_bad_ones_are_named_without_their_value() {
        let (headers, problems) =
            parse("Authorization=Basic%20abc==, X-Tenant = 7 ,novalue,bad name=s3cret,ctl=%0As3cret,utf=%FFs3cret");
        let pairs: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("authorization", "Basic abc=="), ("x-tenant", "7")]);
        assert_eq!(problems.len(), 4);
        assert!(problems.iter().all(|problem| !problem.contains("s3cret")), "{problems:?}");
    }

    #[test]
    fn grafana_keys_get_their_scheme() {
        assert_eq!(grafana("Bearer x").1, "Bearer x");
        assert_eq!(grafana("1234:glc_x").1, "Basic MTIzNDpnbGNfeA==");
        assert_eq!(grafana("glsa_x").1, "Bearer glsa_x");
    }
}
