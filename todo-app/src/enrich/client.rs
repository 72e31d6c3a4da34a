//! One HTTP exchange with a vendor, bounded in time and size. No retry, no redirect, no trace headers.

use super::{EnrichError, endpoint::Endpoint, error::status_class, parse, telemetry};
use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
    time::{Duration, Instant},
};
use todo_otel_runtime::{ErrorClass, traced};

/// Most bytes of a reply.
const REPLY_LIMIT: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections to one vendor; the client is made at the first request.
pub(super) struct Client {
    pub endpoint: Endpoint,
    pub provider: &'static str,
    http: OnceLock<reqwest::Client>,
}

/// One request. Headers that hold a key are marked sensitive.
pub(super) struct Post {
    pub interface: &'static str,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no reply.
pub(super) enum Failure {
    /// The vendor said no.
    Rejected(Rejection),
    /// Anything else.
    Other(EnrichError),
}

/// A reply with a status other than 2xx.
pub(super) struct Rejection {
    pub status: u16,
    /// The vendor's error code.
    pub code: Option<String>,
    /// Lower-case message of the vendor, to decide by; never shown.
    pub about: String,
    /// As asked by the vendor.
    pub retry_after: Option<Duration>,
    /// `x-should-retry: false`.
    pub final_answer: bool,
}

impl From<EnrichError> for Failure {
    fn from(error: EnrichError) -> Self {
        Failure::Other(error)
    }
}

/// What the head of a reply, or its absence, says.
#[derive(Debug)]
enum HeadError {
    Status(Response),
    Transport(EnrichError),
}

/// A status has no words: the class says it all.
impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadError::Status(_) => Ok(()),
            HeadError::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HeadError {}

impl ErrorClass for HeadError {
    fn class(&self) -> &'static str {
        match self {
            HeadError::Status(response) => status_class(response.status().as_u16()),
            HeadError::Transport(error) => error.class(),
        }
    }

    fn retryable(&self) -> bool {
        match self {
            HeadError::Status(_) => false,
            HeadError::Transport(error) => error.retryable(),
        }
    }
}

impl Client {
    pub fn new(endpoint: Endpoint, provider: &'static str) -> Client {
        telemetry::allow_host(&endpoint.host);
        Client { endpoint, provider, http: OnceLock::new() }
    }

    /// Posts and reads the whole reply before `deadline`.
    pub async fn exchange(&self, post: &Post, resend: u32, deadline: Instant) -> Result<String, Failure> {
        let started = Instant::now();
        let (response, is_success) = match self.head(post, resend, deadline).await {
            Ok(response) => (response, true),
            Err(HeadError::Status(response)) => (response, false),
            Err(HeadError::Transport(error)) => return Err(error.into()),
        };
        telemetry::rate_limits(self.provider, response.headers());
        let rest = async {
            if is_success {
                Ok(self.body(response).await?)
            } else {
                Err(Failure::Rejected(self.rejection(response).await))
            }
        };
        match tokio::time::timeout_at(deadline.into(), rest).await {
            Ok(result) => result,
            Err(_) => Err(EnrichError::Timeout { after: started.elapsed() }.into()),
        }
    }

    /// One attempt, until the head of the reply is there.
    #[traced(
        name = "POST",
        kind = client,
        attributes(
            http.request.method = "POST",
            server.address = self.endpoint.host.as_str(),
            server.port = i64::from(self.endpoint.port),
            url.full = self.endpoint.url(post.interface).as_str(),
            http.request.resend_count = (resend > 0).then_some(i64::from(resend)),
            network.protocol.version = "1.1",
        )
    )]
    async fn head(&self, post: &Post, resend: u32, deadline: Instant) -> Result<Response, HeadError> {
        let http = self.http().map_err(HeadError::Transport)?;
        let started = Instant::now();
        let request =
            http.post(self.endpoint.url(post.interface)).headers(post.headers.clone()).body(post.body.clone());
        let result = match tokio::time::timeout_at(deadline.into(), request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.transport_error(&error, started.elapsed())),
            Err(_) => Err(EnrichError::Timeout { after: started.elapsed() }),
        };
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        if let Some(status) = status {
            todo_otel_runtime::set_attribute("http.response.status_code", &i64::from(status));
        }
        let result = match result {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(HeadError::Status(response)),
            Err(error) => Err(HeadError::Transport(error)),
        };
        let class = result.as_ref().err().map(HeadError::class);
        tracing::debug!(
            http.response.status_code = status,
            error.r#type = class,
            todo.duration = started.elapsed().as_secs_f64(),
            "the AI provider was asked"
        );
        telemetry::http_request(&self.endpoint, status, class, started.elapsed());
        result
    }

    async fn body(&self, mut response: Response) -> Result<String, EnrichError> {
        let too_large = EnrichError::InvalidResponse("larger than 256 KiB");
        if response.content_length().is_some_and(|length| length > REPLY_LIMIT as u64) {
            return Err(too_large);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| EnrichError::Interrupted)? {
            if bytes.len() + chunk.len() > REPLY_LIMIT {
                return Err(too_large);
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes).map_err(|_| EnrichError::InvalidResponse("not UTF-8"))?;
        if parse::depth(&text) > parse::DEPTH {
            return Err(EnrichError::InvalidResponse("nested too deeply"));
        }
        Ok(text)
    }

    async fn rejection(&self, response: Response) -> Rejection {
        #[derive(Deserialize)]
        struct Envelope {
            error: ErrorBody,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum ErrorBody {
            Object { code: Option<serde_json::Value>, r#type: Option<String>, message: Option<String> },
            Text(String),
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), jiff::Timestamp::now());
        let final_answer = response.headers().get("x-should-retry").is_some_and(|value| value == "false");
        let text = self.body(response).await.unwrap_or_default();
        let (code, message) = match serde_json::from_str::<Envelope>(&text).map(|envelope| envelope.error) {
            Ok(ErrorBody::Object { code, r#type, message }) => {
                let code = code.and_then(|code| code.as_str().map(str::to_owned)).or(r#type);
                (code, message.unwrap_or_default())
            }
            Ok(ErrorBody::Text(message)) => (None, message),
            Err(_) => (None, text),
        };
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let code =
            code.map(|code| code.chars().filter(plain).take(64).collect::<String>()).filter(|code| !code.is_empty());
        Rejection { status, code, about: message.to_lowercase(), retry_after, final_answer }
    }

    fn transport_error(&self, error: &reqwest::Error, elapsed: Duration) -> EnrichError {
        let reason = if error.is_dns() {
            "dns"
        } else if mentions_tls(error) {
            "tls"
        } else if error.is_connect() {
            // The connection may also have run into its own time limit.
            "connect"
        } else if error.is_timeout() {
            return EnrichError::Timeout { after: elapsed };
        } else {
            return EnrichError::Interrupted;
        };
        EnrichError::Connect { reason, host: self.endpoint.shown() }
    }

    fn http(&self) -> Result<&reqwest::Client, EnrichError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Whoever was first has installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("todo/", env!("CARGO_PKG_VERSION")));
        let builder = if self.endpoint.https {
            builder.https_only(true)
        } else {
            // No TLS on this way: reading the machine's certificates would be wasted, and proxies are for https.
            let roots = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty());
            builder.no_proxy().tls_backend_preconfigured(roots.with_no_client_auth())
        };
        let http = builder.build().map_err(|_| EnrichError::Config {
            problem: "TLS cannot be set up: no trusted certificates were found".to_owned(),
            hint: "install the package `ca-certificates`, or name a bundle in SSL_CERT_FILE".to_owned(),
        })?;
        Ok(self.http.get_or_init(|| http))
    }
}

fn mentions_tls(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<rustls::Error>() {
            return true;
        }
        // tokio-rustls wraps its errors into I/O errors, whose `source` skips the wrapped one.
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// `retry-after-ms`, else `Retry-After` in seconds or as a date. Not negative.
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text("retry-after")?;
    if let Some(seconds) = number(value) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The caller's key and a mark of the body: a retry has the same value, another request another one.
pub(super) fn idempotency_header(headers: &mut HeaderMap, key: Option<&str>, body: &[u8]) {
    let mut mark = DefaultHasher::new();
    body.hash(&mut mark);
    let value = key.and_then(|key| HeaderValue::from_str(&format!("{key}-{:016x}", mark.finish())).ok());
    if let Some(value) = value {
        headers.insert("idempotency-key", value);
    }
}

/// A header whose value is never printed.
pub(super) fn secret_header(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), EnrichError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| EnrichError::Config {
        problem: "the API key holds characters that cannot be sent".to_owned(),
        hint: "copy the key again".to_owned(),
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_read_in_every_form() {
        let now: jiff::Timestamp = "2026-03-11T10:00:00Z".parse().unwrap();
        for (name, value, expected) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after", " 3 ", Some(3_000)),
            ("retry-after-ms", "250", Some(250)),
            ("retry-after", "Wed, 11 Mar 2026 10:00:30 GMT", Some(30_000)),
            ("retry-after", "Wed, 11 Mar 2026 09:00:00 GMT", Some(0)),
            ("retry-after", "-5", None),
            ("retry-after", "soon", None),
            ("retry-after", "NaN", None),
            ("retry-after", "1e400", None),
            ("retry-after", "99999999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            assert_eq!(retry_after(&headers, now).map(|d| d.as_millis()), expected, "{name}: {value}");
        }
        let mut both = HeaderMap::new();
        both.insert("retry-after", HeaderValue::from_static("9"));
        both.insert("retry-after-ms", HeaderValue::from_static("100"));
        assert_eq!(retry_after(&both, now), Some(Duration::from_millis(100)));
    }
}
