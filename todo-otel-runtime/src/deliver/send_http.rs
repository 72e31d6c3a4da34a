//! OTLP over HTTP: one POST by a blocking client without a runtime. No redirect, no proxy unless configured, no
//! inflated reply, every size and time capped. TLS settings are in `tls`.

use super::{
    send::{Answer, Attempt, Encoding, Failure, MAX_REPLY, USER_AGENT, literal},
    settings::Route,
};
use std::{
    io::Read,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};
use ureq::{
    Agent,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// Files that make one client differ from another.
type Trust = (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>);

/// Clients by what they trust; connections are kept and reused.
#[derive(Default)]
pub(crate) struct Http {
    agents: Mutex<Vec<(Trust, Agent)>>,
}

impl Http {
    pub(crate) fn send(&self, attempt: &Attempt<'_>, end: Instant) -> Answer {
        let agent = match self.agent(attempt.route) {
            Ok(agent) => agent,
            Err(failure) => return Answer::None(failure),
        };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Answer::None(Failure::Timeout);
        }
        let mut request = agent.post(&attempt.route.url).config().timeout_global(Some(left)).build();
        for (name, value) in &attempt.route.headers {
            request = request.header(name, value);
        }
        request = request
            .header("content-type", "application/x-protobuf")
            .header("user-agent", USER_AGENT)
            .header("idempotency-key", attempt.idempotency_key);
        if attempt.encoding == Encoding::Gzip {
            request = request.header("content-encoding", "gzip");
        }
        match request.send(attempt.body.as_ref()) {
            Ok(response) => read(response),
            Err(error) => Answer::None(failure(&error)),
        }
    }

    fn agent(&self, route: &Route) -> Result<Agent, Failure> {
        let trust = (route.ca_file.clone(), route.client_certificate.clone(), route.client_key.clone());
        let mut agents = self.agents.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, agent)) = agents.iter().find(|(known, _)| *known == trust) {
            return Ok(agent.clone());
        }
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(if sabotaged!("follow_redirect") { 5 } else { 0 })
            .http_status_as_error(false)
            .max_response_header_size(64 * 1024)
            .accept_encoding("")
            .user_agent("")
            .timeout_connect(Some(Duration::from_secs(5)))
            .max_idle_age(Duration::from_secs(30));
        #[cfg(feature = "tls")]
        let config =
            if route.url.starts_with("https") { config.tls_config(super::tls::for_http(route)?) } else { config };
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), Literals::default());
        agents.push((trust, agent.clone()));
        Ok(agent)
    }
}

fn read(mut response: http::Response<ureq::Body>) -> Answer {
    let text = |name: &str| -> Vec<String> {
        let values = response.headers().get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let retry_after = text("retry-after");
    let html = text("content-type").iter().any(|v| v.trim_start().to_ascii_lowercase().starts_with("text/html"));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut reader = response.body_mut().as_reader().take(MAX_REPLY as u64 + 1);
    // A refusal stands by its status alone; a success must have come whole, and within the cap, to be believed.
    match reader.read_to_end(&mut body) {
        Ok(_) if body.len() <= MAX_REPLY => Answer::Http { status, html, retry_after, body },
        _ if !(200..300).contains(&status) => Answer::Http { status, html, retry_after, body: Vec::new() },
        Ok(_) => Answer::None(Failure::Network(format!("reply over {MAX_REPLY} bytes"))),
        Err(error) => Answer::None(io_failure(&error)),
    }
}

fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(_) => Failure::Timeout,
        ureq::Error::Io(error) => io_failure(error),
        ureq::Error::Tls(problem) => Failure::Tls((*problem).to_owned()),
        #[cfg(feature = "tls")]
        ureq::Error::Rustls(problem) => Failure::Tls(problem.to_string()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Failure::Broken("unusable URL or header".to_owned()),
        other => Failure::Network(other.to_string()),
    }
}

fn io_failure(error: &std::io::Error) -> Failure {
    #[cfg(feature = "tls")]
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Failure::Tls(tls.to_string());
    }
    match error.kind() {
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Failure::Timeout,
        _ => Failure::Network(error.to_string()),
    }
}

/// Answers literals and `localhost` itself: the default resolver starts a thread for them too.
#[derive(Debug, Default)]
struct Literals(DefaultResolver);

impl Resolver for Literals {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let Some(addresses) = uri.host().and_then(|host| literal(host, port)) else {
            return self.0.resolve(uri, config, timeout);
        };
        let mut found = self.empty();
        for address in addresses {
            found.push(address);
        }
        Ok(found)
    }
}
