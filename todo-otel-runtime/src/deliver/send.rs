//! One attempt to send one body. Decides nothing about the answer; that is `verdict`.

use super::settings::Route;
use crate::config::{Protocol, Signal};
use bytes::Bytes;
use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

/// One body on its way.
#[derive(Clone, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) route: &'a Route,
    pub(crate) signal: Signal,
    /// Plain or as the encoding says.
    pub(crate) body: Bytes,
    pub(crate) encoding: Encoding,
    /// The same for every attempt of the same body.
    pub(crate) idempotency_key: &'a str,
    /// Time left.
    pub(crate) limit: Duration,
}

/// How a body is encoded on the wire and at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A complete HTTP response.
    Http {
        status: u16,
        /// The content type says HTML.
        html: bool,
        /// Values of `retry-after` as they are.
        retry_after: Vec<String>,
        body: Vec<u8>,
    },
    /// A gRPC status.
    Grpc {
        code: i32,
        /// From `RetryInfo`.
        retry_after: Option<Duration>,
        body: Vec<u8>,
    },
    /// None: refused, reset, cut, too slow, no name, no trust.
    None(Failure),
}

impl Answer {
    /// What went wrong, for people.
    pub(crate) fn problem(&self) -> String {
        match self {
            Answer::Http { status: 200..=299, html: true, .. } => "answered with a web page".to_owned(),
            Answer::Http { status, .. } => format!("HTTP {status}"),
            Answer::Grpc { code, .. } => format!("gRPC status {code}"),
            Answer::None(Failure::Timeout) => "no answer in time".to_owned(),
            Answer::None(Failure::Network(problem) | Failure::Tls(problem) | Failure::Broken(problem)) => {
                problem.clone()
            }
        }
    }

    /// HTTP status, and `error.type` of an answer that is no success.
    fn labels(&self) -> (Option<u16>, Option<&'static str>) {
        match self {
            Answer::Http { status, .. } if (200..300).contains(status) => (Some(*status), None),
            Answer::Http { status, .. } => (Some(*status), Some("status")),
            Answer::Grpc { code: 0, .. } => (None, None),
            Answer::Grpc { .. } => (None, Some("status")),
            Answer::None(Failure::Timeout) => (None, Some("timeout")),
            Answer::None(Failure::Tls(_)) => (None, Some("tls")),
            Answer::None(Failure::Network(_)) => (None, Some("connection")),
            Answer::None(Failure::Broken(_)) => (None, Some("_OTHER")),
        }
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Network: refused, reset, cut, no such host, malformed reply.
    Network(String),
    /// The time was over.
    Timeout,
    /// The certificate or the handshake was not acceptable; one line for the user.
    Tls(String),
    /// The client itself gave up.
    Broken(String),
}

/// Sends one body.
pub(crate) trait Transport: Send + Sync {
    fn send(&self, attempt: &Attempt<'_>) -> Answer;
}

/// The network.
#[derive(Default)]
pub(crate) struct Network {
    http: super::send_http::Http,
    #[cfg(feature = "grpc")]
    grpc: super::send_grpc::Grpc,
}

impl Transport for Network {
    fn send(&self, attempt: &Attempt<'_>) -> Answer {
        let started = Instant::now();
        let end = started + attempt.limit;
        let sent = std::panic::catch_unwind(AssertUnwindSafe(|| match attempt.route.protocol {
            Protocol::HttpProtobuf => self.http.send(attempt, end),
            #[cfg(feature = "grpc")]
            Protocol::Grpc => self.grpc.send(attempt, end),
            #[cfg(not(feature = "grpc"))]
            Protocol::Grpc => Answer::None(Failure::Broken("built without gRPC".to_owned())),
        }));
        let answer = sent.unwrap_or_else(|_| Answer::None(Failure::Broken("the client panicked".to_owned())));
        crate::metrics::own::requested(attempt.signal, attempt.route.protocol, answer.labels(), started.elapsed());
        answer
    }
}

/// `todo-otel-runtime/<version> OTel-OTLP-Exporter-Rust/<version>`.
pub(crate) const USER_AGENT: &str =
    concat!("todo-otel-runtime/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/0.33.1");

/// Largest reply body that is read.
pub(crate) const MAX_REPLY: usize = 4 << 20;

/// Addresses of a host that is an IP literal or `localhost`, which need neither a lookup nor a thread.
pub(crate) fn literal(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.eq_ignore_ascii_case("localhost") {
        return Some(vec![
            SocketAddr::from(([127, 0, 0, 1], port)),
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)),
        ]);
    }
    bare.parse::<std::net::IpAddr>().ok().map(|ip| vec![SocketAddr::new(ip, port)])
}
