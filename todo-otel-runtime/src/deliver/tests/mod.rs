//! Stories about delivery as a whole; the parts have their own tests beside them.

mod network;

use super::{Delivery, settings::*};
use crate::config::{Compression, Durability, Protocol, Role, Signal};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use std::time::{Duration, Instant};

/// Settings for a command that sends everything to one base URL and has no spool.
pub(crate) fn settings(url: &str, protocol: Protocol) -> Settings {
    let route = |signal: Signal| {
        let url = match protocol {
            Protocol::HttpProtobuf => format!("{url}/v1/{}", signal.as_str()),
            Protocol::Grpc => url.to_owned(),
        };
        Some(Route {
            url,
            protocol,
            headers: Vec::new(),
            timeout: None,
            compression: Compression::None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            destination: 0,
        })
    };
    Settings {
        app: "acme".to_owned(),
        role: Role::Cli,
        routes: Signal::ALL.map(route),
        destinations: vec!["0123456789abcdef".to_owned()],
        spool_root: None,
        durability: Durability::Process,
        max_bytes: 64 << 20,
        max_age: Duration::from_secs(72 * 3600),
        detached: false,
        exit_flush: Duration::from_millis(200),
        resource: vec![("service.name".to_owned(), "acme".to_owned())],
    }
}

/// A body of spans with these ids.
pub(crate) fn spans(ids: impl IntoIterator<Item = u64>) -> Bytes {
    let spans = ids.into_iter().map(|id| Span {
        trace_id: u128::from(id + 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: format!("span {id}"),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

pub(crate) fn within(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

pub(crate) fn delivery(settings: Settings) -> Delivery {
    Delivery::with_settings(settings)
}
