//! The carriers: environment, HTTP headers, columns of a job's row. What they bring is untrusted.

use std::process::Command;

use super::{RemoteContext, Settings, settings};

/// The three texts of a context, as they stand in a job's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobCarrier {
    /// `traceparent`, if there was a span.
    pub traceparent: Option<String>,
    /// `tracestate`, if it was not empty.
    pub tracestate: Option<String>,
    /// Allow-listed baggage, if there was any.
    pub baggage: Option<String>,
}

impl JobCarrier {
    /// The context of the current span, to be written in the transaction that enqueues the job.
    pub fn current() -> Self {
        match RemoteContext::current() {
            Some(context) => Self::of(&context, &settings()),
            None => Self::default(),
        }
    }

    /// The context, if the texts are valid; otherwise the job runs without one.
    pub fn context(&self) -> Option<RemoteContext> {
        RemoteContext::parse(self.traceparent.as_deref()?, self.tracestate.as_deref(), self.baggage.as_deref())
    }

    fn of(context: &RemoteContext, settings: &Settings) -> Self {
        let traced = settings.trace_context;
        Self {
            traceparent: context.traceparent().filter(|_| traced),
            tracestate: context.tracestate().filter(|_| traced),
            baggage: context.baggage().header(&settings.allowed).filter(|_| settings.baggage),
        }
    }
}

/// Gives a child process the current context; values it would inherit are removed when there is none. With telemetry
/// off the child is told to keep it off.
pub fn inject_command(command: &mut Command) {
    let settings = settings();
    let carrier = match RemoteContext::current() {
        Some(context) => JobCarrier::of(&context, &settings),
        None => JobCarrier::default(),
    };
    for (name, value) in
        [("TRACEPARENT", carrier.traceparent), ("TRACESTATE", carrier.tracestate), ("BAGGAGE", carrier.baggage)]
    {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if settings.children_off {
        command.env("OTEL_SDK_DISABLED", "true");
    }
}

/// Gives `set` the headers of the current context when `host` may have them: loopback, or a host of `propagate_to`.
pub fn inject_headers(host: &str, mut set: impl FnMut(&'static str, &str)) {
    let settings = settings();
    if !settings.allows(host) {
        return;
    }
    let Some(context) = RemoteContext::current() else { return };
    let carrier = JobCarrier::of(&context, &settings);
    for (name, value) in
        [("traceparent", carrier.traceparent), ("tracestate", carrier.tracestate), ("baggage", carrier.baggage)]
    {
        if let Some(value) = value {
            set(name, &value);
        }
    }
}

/// The context of a request; `get` gives every value of a header. Two different `traceparent` values count as none.
pub fn extract_headers<'a, V>(get: impl Fn(&'static str) -> V) -> Option<RemoteContext>
where
    V: IntoIterator<Item = &'a str>,
{
    let mut parents = get("traceparent").into_iter();
    let parent = parents.next()?;
    if parents.any(|other| other != parent) {
        return None;
    }
    let join = |name| {
        let values: Vec<&str> = get(name).into_iter().collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    RemoteContext::parse(parent, join("tracestate").as_deref(), join("baggage").as_deref())
}

impl Settings {
    /// Loopback, or one of the listed hosts; `*.example.org` covers subdomains. A port does not matter.
    pub(super) fn allows(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches('.').to_ascii_lowercase();
        let host = match host.split_once(']') {
            Some((address, _)) => address,
            None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
            None => &host,
        };
        let loopback = match host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        loopback
            || self.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
                Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                None => host == pattern,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn context_goes_to_loopback_and_listed_hosts_only() {
        let settings = Settings { hosts: vec!["api.acme.org".into(), "*.corp.example".into()], ..Settings::default() };
        for host in [
            "localhost",
            "127.0.0.1",
            "127.9.9.9:8080",
            "[::1]:80",
            "::1",
            "API.acme.org",
            "a.corp.example",
            "x.localhost.",
        ] {
            assert!(settings.allows(host), "{host}");
        }
        for host in [
            "api.openai.com",
            "corp.example",
            "evilcorp.example",
            ".corp.example",
            "api.acme.org.evil",
            "10.0.0.1",
            "",
            "localhost.evil",
        ] {
            assert!(!settings.allows(host), "{host}");
        }
    }

    #[test]
    fn two_different_parents_are_none() {
        let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01";
        let get = |values: &'static [&'static str]| {
            move |name: &'static str| if name == "traceparent" { values.to_vec() } else { Vec::new() }
        };
        assert!(extract_headers(get(&[PARENT])).is_some());
        assert!(extract_headers(get(&[PARENT, PARENT])).is_some());
        assert!(extract_headers(get(Box::leak(Box::new([PARENT, other])))).is_none());
        assert!(extract_headers(get(&[])).is_none());
    }

    #[test]
    fn an_invalid_row_gives_no_context() {
        let row = |parent: &str| JobCarrier { traceparent: Some(parent.to_owned()), ..JobCarrier::default() };
        assert!(row(PARENT).context().is_some());
        assert!(row("00-0-0-00").context().is_none());
        assert!(JobCarrier::default().context().is_none());
    }
}
