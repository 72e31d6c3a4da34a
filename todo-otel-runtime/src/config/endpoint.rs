//! Endpoints: what is a usable URL, which protocol its port means, which path a signal gets.

use super::{Protocol, Signal};

/// A URL in the parts that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `http` or `https`; `None`: none was given.
    pub scheme: Option<String>,
    /// Host and port as given, credentials included.
    pub authority: String,
    pub port: Option<u16>,
    /// With leading `/`, or empty; query included.
    pub path: String,
}

impl Endpoint {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let scheme = scheme.to_ascii_lowercase();
                if scheme != "http" && scheme != "https" {
                    return Err("expected a URL that starts with http:// or https://".into());
                }
                (Some(scheme), rest)
            }
            None => (None, text),
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (
                name,
                Some(
                    port.parse::<u16>()
                        .ok()
                        .filter(|port| *port > 0)
                        .ok_or("the port is not a number from 1 to 65535")?,
                ),
            ),
            _ => (host, None),
        };
        let bracketed = name.starts_with('[') && name.ends_with(']') && name.len() > 2;
        let plain = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || !byte.is_ascii());
        if !(bracketed || plain) {
            return Err("expected a URL with a host".into());
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) || path.contains('#') {
            return Err("the URL has characters that do not belong there".into());
        }
        Ok(Self { scheme, authority: authority.to_owned(), port, path: path.to_owned() })
    }

    /// Protocol that a well-known port means.
    pub fn protocol_of_port(&self) -> Option<Protocol> {
        match self.port {
            Some(4317) => Some(Protocol::Grpc),
            Some(4318) => Some(Protocol::HttpProtobuf),
            _ => None,
        }
    }

    /// Does the host name this machine?
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.rsplit_once('@').map_or(self.authority.as_str(), |(_, host)| host);
        let name = match self.port {
            Some(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
            None => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URL to use: `per_signal` endpoints keep their path, a base gets `v1/<signal>`; gRPC has no path. `insecure` is
    /// only asked where no scheme is given.
    pub fn url(&self, protocol: Protocol, signal: Signal, per_signal: bool, insecure: bool) -> String {
        let scheme = match (&self.scheme, protocol) {
            (Some(scheme), _) => scheme.as_str(),
            (None, Protocol::Grpc) if !insecure => "https",
            (None, _) => "http",
        };
        match protocol {
            Protocol::Grpc => format!("{scheme}://{}", self.authority),
            Protocol::HttpProtobuf if per_signal => {
                let path = if self.path.is_empty() { "/" } else { &self.path };
                format!("{scheme}://{}{path}", self.authority)
            }
            Protocol::HttpProtobuf => {
                let base = self.path.trim_end_matches('/');
                format!("{scheme}://{}{base}/v1/{}", self.authority, signal.as_str())
            }
        }
    }
}

/// Where OTLP goes when an exporter is asked for and no endpoint is given.
pub(super) fn default_url(protocol: Protocol, signal: Signal) -> String {
    match protocol {
        Protocol::Grpc => "http://localhost:4317".to_owned(),
        Protocol::HttpProtobuf => format!("http://localhost:4318/v1/{}", signal.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_gets_the_path_of_the_signal_and_a_signal_endpoint_keeps_its_own() {
        let base = |text: &str| {
            Endpoint::parse(text).map(|e| e.url(Protocol::HttpProtobuf, Signal::Traces, false, false)).expect(text)
        };
        assert_eq!(base("http://c:4318"), "http://c:4318/v1/traces");
        assert_eq!(base("https://g.grafana.net/otlp/"), "https://g.grafana.net/otlp/v1/traces");
        let own = |text: &str| {
            Endpoint::parse(text).map(|e| e.url(Protocol::HttpProtobuf, Signal::Logs, true, false)).expect(text)
        };
        assert_eq!(own("http://c:4318"), "http://c:4318/");
        assert_eq!(own("http://[::1]:9/x"), "http://[::1]:9/x");
    }

    #[test]
    fn grpc_without_scheme_is_encrypted_unless_insecure_is_set() {
        let endpoint = Endpoint::parse("collector:4317").expect("parses");
        assert_eq!(endpoint.url(Protocol::Grpc, Signal::Traces, false, false), "https://collector:4317");
        assert_eq!(endpoint.url(Protocol::Grpc, Signal::Traces, false, true), "http://collector:4317");
        for (text, loopback) in [
            ("127.0.0.1:4317", true),
            ("localhost:4317", true),
            ("[::1]:4317", true),
            ("127.0.0.1.example.com:4317", false),
            ("localhost.example.com", false),
            ("10.0.0.1:4317", false),
        ] {
            assert_eq!(Endpoint::parse(text).expect(text).is_loopback(), loopback, "{text}");
        }
        let explicit = Endpoint::parse("http://collector:4317/ignored").expect("parses");
        assert_eq!(explicit.url(Protocol::Grpc, Signal::Traces, false, false), "http://collector:4317");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for bad in ["ftp://c", "http://", "http://c:0", "http://c:99999", "http://a b", "http:///x", "http://c:"] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
