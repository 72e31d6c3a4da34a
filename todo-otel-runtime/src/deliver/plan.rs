//! What a command hands to its detached child: its settings, through memory that no disk ever sees.

use super::settings::{Route, Settings};
use crate::config::{Compression, Durability, Protocol, Role, Signal};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

pub(crate) fn to_json(settings: &Settings) -> Value {
    let route = |route: &Option<Route>| match route {
        None => Value::Null,
        Some(route) => json!({
            "url": route.url, "grpc": route.protocol == Protocol::Grpc, "headers": route.headers,
            "timeout_ms": route.timeout.map(millis), "gzip": route.compression == Compression::Gzip,
            "ca": path(&route.ca_file), "certificate": path(&route.client_certificate), "key": path(&route.client_key),
            "destination": route.destination,
        }),
    };
    json!({
        "app": settings.app, "routes": settings.routes.iter().map(route).collect::<Vec<_>>(),
        "destinations": settings.destinations, "spool": path(&settings.spool_root),
        "durability": settings.durability as u8, "max_bytes": settings.max_bytes,
        "max_age_ms": millis(settings.max_age), "resource": settings.resource,
    })
}

pub(crate) fn from_json(value: &Value) -> Option<Settings> {
    let routes = value.get("routes")?.as_array()?;
    let route = |signal: Signal| -> Option<Option<Route>> {
        let value = routes.get(signal as usize)?;
        if value.is_null() {
            return Some(None);
        }
        Some(Some(Route {
            url: string(value, "url")?,
            protocol: if value.get("grpc")?.as_bool()? { Protocol::Grpc } else { Protocol::HttpProtobuf },
            headers: pairs(value.get("headers")?)?,
            timeout: value.get("timeout_ms")?.as_u64().map(Duration::from_millis),
            compression: if value.get("gzip")?.as_bool()? { Compression::Gzip } else { Compression::None },
            ca_file: file(value, "ca"),
            client_certificate: file(value, "certificate"),
            client_key: file(value, "key"),
            destination: usize::try_from(value.get("destination")?.as_u64()?).ok()?,
        }))
    };
    let destinations = value.get("destinations")?.as_array()?.iter();
    Some(Settings {
        app: string(value, "app")?,
        role: Role::Cli,
        routes: [route(Signal::Traces)?, route(Signal::Metrics)?, route(Signal::Logs)?],
        destinations: destinations.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        spool_root: file(value, "spool"),
        durability: match value.get("durability")?.as_u64()? {
            0 => Durability::Process,
            1 => Durability::File,
            _ => Durability::Full,
        },
        max_bytes: value.get("max_bytes")?.as_u64()?,
        max_age: Duration::from_millis(value.get("max_age_ms")?.as_u64()?),
        keep_free: None,
        detached: false,
        exit_flush: Duration::ZERO,
        verbose: false,
        resource: pairs(value.get("resource")?)?,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of a path as a list of numbers: paths need not be UTF-8.
fn path(path: &Option<PathBuf>) -> Value {
    use std::os::unix::ffi::OsStrExt;
    path.as_ref().map_or(Value::Null, |path| json!(path.as_os_str().as_bytes()))
}

fn file(value: &Value, key: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let bytes = value.get(key)?.as_array()?.iter();
    let bytes =
        bytes.map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect::<Option<Vec<u8>>>()?;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn pairs(value: &Value) -> Option<Vec<(String, String)>> {
    let pair = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()));
    value.as_array()?.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_what_its_parent_had() {
        let mut settings = crate::deliver::tests::settings("https://host:4318/otlp", Protocol::HttpProtobuf);
        settings.spool_root = Some("/home/x/\u{fe}/spool".into());
        settings.routes[1] = None;
        if let Some(route) = &mut settings.routes[0] {
            route.headers = vec![("authorization".into(), "Bearer \"x\"".into())];
            route.timeout = Some(Duration::from_millis(1500));
            route.compression = Compression::Gzip;
            route.ca_file = Some("/etc/ca.pem".into());
        }
        let text = to_json(&settings).to_string();
        let back = from_json(&serde_json::from_str(&text).expect("json")).expect("complete");
        assert_eq!(to_json(&back).to_string(), text);
        let route = back.routes[0].as_ref().expect("kept");
        assert_eq!(route.headers, settings.routes[0].as_ref().expect("set").headers);
        assert_eq!(back.spool_root, settings.spool_root);
        assert!(from_json(&json!({})).is_none());
    }
}
