//! Where requests go: the configured base URL, checked once.

use super::EnrichError;
use crate::config::AiConfig;
use reqwest::Url;
use std::net::IpAddr;

/// A checked base URL.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    base: Url,
    /// Host name or address, without port.
    pub host: String,
    /// Given or usual for the scheme.
    pub port: u16,
    /// TLS.
    pub https: bool,
}

impl Endpoint {
    /// Takes a base URL with or without version; plain http only to this machine, unless allowed.
    pub fn new(config: &AiConfig) -> Result<Endpoint, EnrichError> {
        let refused = |problem: &str, hint: &str| EnrichError::Config {
            problem: format!("the base URL of the AI provider {problem}"),
            hint: hint.to_owned(),
        };
        let example = "write it like https://api.example.com/v1";
        let mut base =
            Url::parse(&config.base_url).map_err(|error| refused(&format!("is not a URL: {error}"), example))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refused("holds user name or password", "give the key as `api_key_file` or in the environment"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refused("has a query or a fragment", example));
        }
        let https = match base.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(refused("is neither https nor http", example)),
        };
        let host = base.host_str().ok_or_else(|| refused("has no host", example))?.to_owned();
        if !https && !is_loopback(&host) && !config.allow_http {
            return Err(refused(
                &format!("is plain http to {host}: the todo and the key would cross the network readable"),
                "use https, or set `[ai] allow_http = true` if you trust this network",
            ));
        }
        let port = base.port_or_known_default().ok_or_else(|| refused("has no port", example))?;
        base.set_path(&versioned(base.path()));
        Ok(Endpoint { base, host, port, https })
    }

    /// URL of one of the interfaces, such as `chat/completions`.
    pub fn url(&self, interface: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{interface}", self.base.path()));
        url
    }

    /// `host:port`, for people.
    pub fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The path up to and with its version; `/v1` where there is none. A full address of an interface loses its end.
fn versioned(path: &str) -> String {
    let mut path = path.trim_end_matches('/');
    for interface in ["/chat/completions", "/responses", "/messages"] {
        path = path.strip_suffix(interface).unwrap_or(path);
    }
    let last = path.rsplit('/').next().unwrap_or("");
    let is_version = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if is_version { path.to_owned() } else { format!("{path}/v1") }
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(v4) => v4.is_loopback(),
            IpAddr::V6(v6) => v6.is_loopback() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_added_once() {
        for (given, expected) in [
            ("", "/v1"),
            ("/", "/v1"),
            ("/v1", "/v1"),
            ("/v1/", "/v1"),
            ("/openai/v1", "/openai/v1"),
            ("/gateway", "/gateway/v1"),
            ("/v1beta", "/v1beta"),
            ("/v1/chat/completions", "/v1"),
            ("/v1/messages", "/v1"),
            ("/vendor", "/vendor/v1"),
        ] {
            assert_eq!(versioned(given), expected, "{given}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "api.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "10.0.0.1", "0.0.0.0", "[::2]", "127.0.0.1.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
