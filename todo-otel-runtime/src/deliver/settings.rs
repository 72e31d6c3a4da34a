//! What delivery needs of the configuration, checked once. Nothing here is read from the environment but the marks of
//! an environment in which no child may outlive the command.

use crate::{
    config::{Compression, Config, Durability, Protocol, Role, Signal},
    error::InitError,
};
use std::{path::PathBuf, time::Duration};

/// Where one signal goes.
#[derive(Clone)]
pub(crate) struct Route {
    /// Full URL; for gRPC scheme and authority.
    pub(crate) url: String,
    pub(crate) protocol: Protocol,
    /// Values are secrets.
    pub(crate) headers: Vec<(String, String)>,
    /// Limit of one request; `None` = no limit of its own.
    pub(crate) timeout: Option<Duration>,
    pub(crate) compression: Compression,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    /// Index into [`Settings::destinations`].
    pub(crate) destination: usize,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// Delivery's part of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) app: String,
    pub(crate) role: Role,
    pub(crate) routes: [Option<Route>; 3],
    /// Names of the destinations' folders.
    pub(crate) destinations: Vec<String>,
    /// `…/telemetry/spool`; `None` = memory only.
    pub(crate) spool_root: Option<PathBuf>,
    pub(crate) durability: Durability,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
    /// Bytes of the file system that the spool leaves free; `None` = 5 %, at least 64 MiB.
    pub(crate) keep_free: Option<u64>,
    pub(crate) detached: bool,
    pub(crate) exit_flush: Duration,
    /// The user wants to read about trouble with delivery.
    pub(crate) verbose: bool,
    /// Attributes for records that delivery itself writes.
    pub(crate) resource: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Result<Settings, InitError> {
        let mut destinations = Vec::new();
        let mut routes = [None, None, None];
        for signal in Signal::ALL {
            let otlp = &config.otlp[signal as usize];
            let Some(endpoint) = &otlp.endpoint else { continue };
            let key = destination(endpoint, signal, otlp.protocol, config.delivery.destination_id.as_deref())?;
            let index = destinations.iter().position(|known| *known == key).unwrap_or_else(|| {
                destinations.push(key);
                destinations.len() - 1
            });
            routes[signal as usize] = Some(Route {
                url: endpoint.clone(),
                protocol: otlp.protocol,
                headers: otlp.headers.clone(),
                timeout: otlp.time_limit(),
                compression: otlp.compression,
                ca_file: otlp.ca_file.clone(),
                client_certificate: otlp.client_certificate.clone(),
                client_key: otlp.client_key.clone(),
                destination: index,
            });
        }
        let delivery = &config.delivery;
        let spools = delivery.spool_max_bytes > 0 && !delivery.spool_max_age.is_zero();
        let spool_root = delivery.state_dir.as_ref().filter(|dir| spools && dir.is_absolute());
        Ok(Settings {
            app: config.app.clone(),
            role: config.role,
            routes,
            destinations,
            spool_root: spool_root.map(|dir| dir.join("spool")),
            durability: delivery.durability,
            max_bytes: delivery.spool_max_bytes,
            max_age: delivery.spool_max_age,
            keep_free: None,
            detached: delivery.detached_flush,
            exit_flush: delivery.exit_flush,
            verbose: config.logs.console.is_some(),
            resource: config.resource.attributes.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
        })
    }

    pub(crate) fn route(&self, signal: Signal) -> Option<&Route> {
        self.routes[signal as usize].as_ref()
    }

    /// `…/telemetry/spool/<destination>`.
    pub(crate) fn spool_dir(&self, destination: usize) -> Option<PathBuf> {
        Some(self.spool_root.as_ref()?.join(self.destinations.get(destination)?))
    }
}

/// Name of a destination's folder: a hash of scheme, host, port, base path and the configured id, so that old data
/// never goes to a new endpoint while a new key for the same endpoint orphans nothing.
fn destination(endpoint: &str, signal: Signal, protocol: Protocol, id: Option<&str>) -> Result<String, InitError> {
    let refused = |problem: &str| InitError::Setting {
        setting: "OTLP endpoint".to_owned(),
        problem: format!("{problem} (signal {})", signal.as_str()),
        hint: "give a URL such as http://localhost:4318".to_owned(),
    };
    let uri: http::Uri = endpoint.parse().map_err(|_| refused("not a URL"))?;
    let scheme = uri.scheme_str().ok_or_else(|| refused("the URL has no scheme"))?;
    let host = uri.host().ok_or_else(|| refused("the URL has no host"))?;
    let default_port = match scheme {
        "http" => 80,
        "https" if cfg!(feature = "tls") => 443,
        "https" => return Err(refused("https needs the feature `tls` of todo-otel-runtime, which this build lacks")),
        _ => return Err(refused("the scheme is neither http nor https")),
    };
    if protocol == Protocol::Grpc && cfg!(not(feature = "grpc")) {
        return Err(refused("gRPC needs the feature `grpc` of todo-otel-runtime, which this build lacks"));
    }
    let port = uri.port_u16().unwrap_or(default_port);
    let path = uri.path().trim_end_matches('/');
    let base = path.strip_suffix(signal.as_str()).and_then(|path| path.strip_suffix("/v1/")).unwrap_or(path);
    let text = format!("{scheme}://{}:{port}{base}\0{}", host.to_ascii_lowercase(), id.unwrap_or_default());
    Ok(format!("{:016x}", hash(text.as_bytes())))
}

/// FNV-1a, 64 bits: stable over versions and machines.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(endpoint: &str, signal: Signal) -> String {
        destination(endpoint, signal, Protocol::HttpProtobuf, None).expect("valid")
    }

    #[test]
    fn signals_of_one_endpoint_share_a_destination() {
        let all = key("http://localhost:4318/v1/traces", Signal::Traces);
        assert_eq!(all, key("http://LOCALHOST:4318/v1/logs", Signal::Logs));
        assert_eq!(all, key("http://localhost:4318", Signal::Metrics));
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn another_host_port_path_scheme_or_id_is_another_destination() {
        let one = key("http://localhost:4318/v1/traces", Signal::Traces);
        for other in
            ["http://localhost:4317/v1/traces", "http://other:4318/v1/traces", "http://localhost:4318/otlp/v1/traces"]
        {
            assert_ne!(one, key(other, Signal::Traces), "{other}");
        }
        let with_id = destination("http://localhost:4318", Signal::Traces, Protocol::HttpProtobuf, Some("a"));
        assert_ne!(one, with_id.expect("valid"));
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for bad in ["", "localhost:4318", "ftp://localhost", "http://", "/v1/traces"] {
            assert!(destination(bad, Signal::Traces, Protocol::HttpProtobuf, None).is_err(), "{bad}");
        }
    }
}
