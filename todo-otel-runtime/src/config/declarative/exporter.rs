//! Exporters of the declarative file.

use std::{path::PathBuf, time::Duration};

use super::{map::Map, yaml::Node};
use crate::config::{
    Compression, Config, ExporterKind, OtlpConfig, Protocol, Signal, Temporality,
    endpoint::{Endpoint, default_url},
    headers,
};

/// Reads the exporter of a processor or reader into the configuration.
pub(super) fn apply(config: &mut Config, signal: Signal, owner: &mut Map) -> Result<(), String> {
    let path = owner.at("exporter");
    let (name, mut map) = owner.map("exporter")?.ok_or_else(|| format!("{path}: is missing"))?.component()?;
    let kind = match name.as_str() {
        "otlp_http" | "otlp_grpc" => {
            let protocol = if name == "otlp_http" { Protocol::HttpProtobuf } else { Protocol::Grpc };
            if protocol == Protocol::Grpc && !cfg!(feature = "grpc") {
                return Err(format!("{}: this build has no gRPC (feature `grpc`)", map.path));
            }
            otlp(&mut map, config, signal, protocol)?;
            ExporterKind::Otlp
        }
        "console" => ExporterKind::Console,
        "otlp_file/development" => match map.text("output_stream")?.as_deref() {
            None | Some("stdout") => ExporterKind::OtlpStdout,
            Some(_) => return Err(format!("{}.output_stream: only stdout is supported", map.path)),
        },
        "prometheus/development" if signal == Signal::Metrics => {
            if let Some(host) = map.text("host")? {
                config.metrics.prometheus_host = host;
            }
            if let Some(port) = map.integer("port", 0)? {
                config.metrics.prometheus_port =
                    u16::try_from(port).map_err(|_| format!("{}.port: must be at most 65535", map.path))?;
            }
            ExporterKind::Prometheus
        }
        _ => return Err(format!("{}: unknown exporter", map.path)),
    };
    let path = map.path.clone();
    map.finish()?;
    let exporters = match signal {
        Signal::Traces => &mut config.traces.exporters,
        Signal::Metrics => &mut config.metrics.exporters,
        Signal::Logs => &mut config.logs.exporters,
    };
    if exporters.contains(&kind) {
        return Err(format!("{path}: a second exporter of this kind is not supported"));
    }
    exporters.push(kind);
    Ok(())
}

fn otlp(map: &mut Map, config: &mut Config, signal: Signal, protocol: Protocol) -> Result<(), String> {
    let mut otlp = OtlpConfig {
        protocol,
        timeout: Some(Duration::from_secs(10)),
        export_timeout: config.otlp[signal as usize].export_timeout,
        ..OtlpConfig::default()
    };
    let mut insecure = false;
    if let Some(mut tls) = map.map("tls")? {
        otlp.ca_file = tls.text("ca_file")?.map(PathBuf::from);
        otlp.client_key = tls.text("key_file")?.map(PathBuf::from);
        otlp.client_certificate = tls.text("cert_file")?.map(PathBuf::from);
        if protocol == Protocol::Grpc {
            insecure = tls.boolean("insecure")?.unwrap_or(false);
        }
        tls.finish()?;
    }
    let path = map.at("endpoint");
    otlp.endpoint = Some(match map.text("endpoint")? {
        Some(text) => {
            let endpoint = Endpoint::parse(&text).map_err(|problem| format!("{path}: {problem}"))?;
            if endpoint.scheme.is_none() && protocol == Protocol::HttpProtobuf {
                return Err(format!("{path}: expected a URL that starts with http:// or https://"));
            }
            endpoint.url(protocol, signal, true, insecure)
        }
        None => default_url(protocol, signal),
    });
    if otlp.endpoint.as_deref().is_some_and(|url| url.starts_with("https://")) && !cfg!(feature = "tls") {
        return Err(format!("{path}: https needs TLS, which this build does not have (feature `tls`)"));
    }
    for (path, node) in map.list("headers")? {
        let mut header = Map::new(&path, node)?;
        let name = header.text("name")?.ok_or_else(|| format!("{path}.name: is missing"))?.to_ascii_lowercase();
        let value = header.take("value");
        header.finish()?;
        if name.is_empty() || !name.bytes().all(headers::is_name_byte) {
            return Err(format!("{path}.name: is no header name"));
        }
        let value = match value {
            Some(Node::Text(text)) if !text.chars().any(char::is_control) => text,
            Some(Node::Int(number)) => number.to_string(),
            None | Some(Node::Null) => continue,
            Some(_) => return Err(format!("{path}.value: expected a text without control characters")),
        };
        otlp.headers.push((name, value));
    }
    let path = map.at("headers_list");
    if let Some(list) = map.text("headers_list")? {
        let (pairs, problems) = headers::parse(&list);
        if let Some(problem) = problems.first() {
            return Err(format!("{path}: {problem}"));
        }
        for (name, value) in pairs {
            if !otlp.headers.iter().any(|(known, _)| *known == name) {
                otlp.headers.push((name, value));
            }
        }
    }
    otlp.headers.iter().for_each(|(_, value)| config.secrets.add(value));
    let compressions = [("gzip", Compression::Gzip), ("none", Compression::None)];
    if let Some(compression) = map.choice("compression", &compressions)? {
        otlp.compression = compression;
    }
    if let Some(timeout) = map.millis("timeout")? {
        otlp.timeout = (!timeout.is_zero()).then_some(timeout);
    }
    if protocol == Protocol::HttpProtobuf {
        map.choice("encoding", &[("protobuf", ())])?;
    }
    if let Some(size) = map.usize("max_request_size", 1)? {
        otlp.max_request_size = size;
    }
    if let Some(size) = map.usize("max_response_size", 1)? {
        otlp.max_response_size = size;
    }
    if signal == Signal::Metrics {
        let temporalities = [
            ("cumulative", Temporality::Cumulative),
            ("delta", Temporality::Delta),
            ("low_memory", Temporality::LowMemory),
        ];
        if let Some(temporality) = map.choice("temporality_preference", &temporalities)? {
            config.metrics.temporality = temporality;
        }
        let aggregations = [("explicit_bucket_histogram", false), ("base2_exponential_bucket_histogram", true)];
        if let Some(exponential) = map.choice("default_histogram_aggregation", &aggregations)? {
            config.metrics.exponential_histograms = exponential;
        }
    }
    config.otlp[signal as usize] = otlp;
    Ok(())
}
