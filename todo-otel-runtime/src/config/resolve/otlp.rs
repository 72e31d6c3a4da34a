//! Where and how one signal is sent: endpoint, protocol, headers, timeouts, certificates.

use std::{fs::File, path::PathBuf, time::Duration};

use crate::config::{
    Compression, OtlpConfig, Protocol, Role, Signal, Source,
    endpoint::Endpoint,
    file, headers,
    redact::{Secrets, url_credentials},
    source::Layers,
    table,
    value::{boolean, millis, one_of},
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_*ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_*PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_*HEADERS";

pub(super) fn resolve(layers: &mut Layers, role: Role, signal: Signal, secrets: &mut Secrets) -> OtlpConfig {
    let cli = role == Role::Cli;
    let insecure = layers.parse_for("OTEL_EXPORTER_OTLP_*INSECURE", signal, boolean);
    let protocol = layers.parse_for(PROTOCOL, signal, protocol);
    let (endpoint, protocol, origin) = endpoint(layers, signal, protocol, insecure);
    if let Some(url) = &endpoint
        && let Some((_, rest)) = url.split_once("://")
        && let Some((credentials, _)) = rest.split_once('@')
    {
        credentials.split(':').for_each(|part| secrets.add(part));
    }
    let default_timeout = Duration::from_millis(if cli { 1_000 } else { 10_000 });
    let timeout = layers.parse_for("OTEL_EXPORTER_OTLP_*TIMEOUT", signal, millis).unwrap_or(default_timeout);
    let compressions = [("gzip", Compression::Gzip), ("none", Compression::None)];
    let config = OtlpConfig {
        endpoint,
        protocol,
        headers: headers(layers, signal, origin.as_ref(), secrets),
        timeout: (!timeout.is_zero()).then_some(timeout),
        compression: layers
            .parse_for("OTEL_EXPORTER_OTLP_*COMPRESSION", signal, |text| one_of(text, &compressions))
            .unwrap_or(if cli { Compression::None } else { Compression::Gzip }),
        ca_file: pem(layers, "OTEL_EXPORTER_OTLP_*CERTIFICATE", signal),
        client_certificate: pem(layers, "OTEL_EXPORTER_OTLP_*CLIENT_CERTIFICATE", signal),
        client_key: pem(layers, "OTEL_EXPORTER_OTLP_*CLIENT_KEY", signal),
        ..OtlpConfig::default()
    };
    check_files(layers, signal, &config);
    config
}

/// Limit of one export call of a pipeline; 0 = no limit.
pub(super) fn export_timeout(layers: &mut Layers, setting: &str) -> Option<Duration> {
    let timeout = layers.parse(setting, millis).unwrap_or(Duration::from_secs(30));
    (!timeout.is_zero()).then_some(timeout)
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "grpc" if cfg!(feature = "grpc") => Ok(Protocol::Grpc),
        "grpc" => Err("this build has no gRPC (feature `grpc`)".into()),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Err("this build has no JSON encoding".into()),
        _ => Err("expected grpc or http/protobuf".into()),
    }
}

fn endpoint(
    layers: &mut Layers,
    signal: Signal,
    named: Option<Protocol>,
    insecure: Option<bool>,
) -> (Option<String>, Protocol, Option<Source>) {
    let fallback = named.unwrap_or(Protocol::HttpProtobuf);
    let Some(found) = layers.candidates(ENDPOINT, Some(signal)).into_iter().next() else {
        return (None, fallback, None);
    };
    let name = found.source.name().to_owned();
    let parsed = match Endpoint::parse(&found.text) {
        Ok(parsed) => parsed,
        Err(problem) => {
            refuse(layers, &name, &found.text, &problem);
            return (None, fallback, None);
        }
    };
    let protocol = named.unwrap_or_else(|| by_port(layers, &name, &parsed));
    if named.is_none() && parsed.protocol_of_port() == Some(protocol) {
        layers.origin(&table::signal_name(PROTOCOL, signal), found.source.clone());
    }
    if parsed.scheme.is_none() && protocol == Protocol::HttpProtobuf {
        refuse(layers, &name, &found.text, "expected a URL that starts with http:// or https://");
        return (None, fallback, None);
    }
    let per_signal = found.source == Source::Env(table::signal_name(ENDPOINT, signal));
    // Nobody between this machine and itself: without a scheme encryption there has to be asked for.
    let insecure = insecure.unwrap_or_else(|| parsed.is_loopback());
    let url = parsed.url(protocol, signal, per_signal, insecure);
    if url.starts_with("https://") && !cfg!(feature = "tls") {
        layers.error(
            &name,
            "https needs TLS, which this build does not have",
            "build with the feature `tls`, or use http",
        );
        return (None, protocol, None);
    }
    let path = parsed.path.trim_end_matches('/');
    if path.ends_with("/api/prom/push") || path.ends_with("/loki/api/v1/push") {
        layers.note(format!("{name}: {path} is not an OTLP endpoint; Grafana Cloud's ends in /otlp"));
    }
    layers.origin(&table::signal_name(ENDPOINT, signal), found.source.clone());
    (Some(url), protocol, Some(found.source))
}

fn refuse(layers: &mut Layers, name: &str, text: &str, problem: &str) {
    if layers.errors.iter().any(|error| error.setting == name) {
        return;
    }
    layers.error(
        name,
        format!("{:?}: {problem}", url_credentials(text)),
        "give a URL such as http://localhost:4318, or host:4317 with OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    );
}

/// No protocol is set: the well-known port decides.
fn by_port(layers: &mut Layers, name: &str, endpoint: &Endpoint) -> Protocol {
    match endpoint.protocol_of_port() {
        Some(Protocol::Grpc) if cfg!(feature = "grpc") => Protocol::Grpc,
        Some(Protocol::Grpc) => {
            layers.note(format!("{name}: port 4317 is gRPC's, which this build does not have; HTTP's is 4318"));
            Protocol::HttpProtobuf
        }
        Some(Protocol::HttpProtobuf) | None => Protocol::HttpProtobuf,
    }
}

/// The variables of the signal, else the generic one, else the Grafana key when the endpoint is Grafana's.
fn headers(
    layers: &mut Layers,
    signal: Signal,
    endpoint: Option<&Source>,
    secrets: &mut Secrets,
) -> Vec<(String, String)> {
    let headers = match layers.candidates(HEADERS, Some(signal)).into_iter().next() {
        Some(found) => {
            let (headers, problems) = headers::parse(&found.text);
            if !problems.is_empty() {
                layers.refuse(found.source.name(), None, &problems.join(", "), "pairs ignored");
            }
            layers.origin(&table::signal_name(HEADERS, signal), found.source);
            headers
        }
        None => match endpoint {
            Some(Source::File(key)) if key == "grafana.endpoint" => grafana_key(layers, signal).into_iter().collect(),
            _ => Vec::new(),
        },
    };
    headers.iter().for_each(|(_, value)| secrets.add(value));
    headers
}

fn grafana_key(layers: &mut Layers, signal: Signal) -> Option<(String, String)> {
    let (key, source) = match (layers.find("grafana.api_key"), layers.find("grafana.api_key_file")) {
        (Some(found), _) => (found.text, found.source),
        (None, Some(found)) => {
            let path = PathBuf::from(&found.text);
            match file::read(&path) {
                Ok((contents, true)) => (contents.trim().to_owned(), found.source),
                Ok((_, false)) => {
                    let problem = "can be read by others";
                    let mend = format!("ignored; `chmod 600 {}` mends it", path.display());
                    layers.refuse(found.source.name(), None, problem, &mend);
                    return None;
                }
                Err(problem) => {
                    layers.refuse(found.source.name(), Some(&found.text), &problem, "ignored");
                    return None;
                }
            }
        }
        (None, None) => return None,
    };
    if key.is_empty() || key.chars().any(char::is_control) {
        layers.refuse(source.name(), None, "is empty or has control characters", "ignored");
        return None;
    }
    layers.origin("grafana.api_key", source.clone());
    layers.origin(&table::signal_name(HEADERS, signal), source);
    Some(headers::grafana(&key))
}

fn pem(layers: &mut Layers, setting: &str, signal: Signal) -> Option<PathBuf> {
    layers.parse_for(setting, signal, |text| Ok(PathBuf::from(text)))
}

/// Files must be readable, and a client certificate needs its key.
pub(super) fn check_files(layers: &mut Layers, signal: Signal, config: &OtlpConfig) {
    let files = [
        ("OTEL_EXPORTER_OTLP_*CERTIFICATE", &config.ca_file),
        ("OTEL_EXPORTER_OTLP_*CLIENT_CERTIFICATE", &config.client_certificate),
        ("OTEL_EXPORTER_OTLP_*CLIENT_KEY", &config.client_key),
    ];
    for (setting, path) in files {
        if let Some(path) = path
            && let Err(error) = File::open(path)
        {
            let name = table::signal_name(setting, signal);
            layers.error(&name, format!("{}: {error}", path.display()), "name a PEM file that can be read");
        }
    }
    if config.client_certificate.is_some() != config.client_key.is_some() {
        let name = table::signal_name("OTEL_EXPORTER_OTLP_*CLIENT_CERTIFICATE", signal);
        layers.error(&name, "a client certificate and its key belong together", "set both files, or neither");
    }
}
