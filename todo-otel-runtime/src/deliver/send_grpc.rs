//! OTLP over gRPC: one unary call that passes the body through as it is, on a private current-thread runtime that only
//! the sending thread drives. The channel does not retry; the deadline is ours.

use super::{
    send::{Answer, Attempt, Encoding, Failure, MAX_REPLY, USER_AGENT},
    settings::Route,
};
use crate::config::Signal;
use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use std::{
    io::Read,
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{Ascii, Binary, MetadataKey, MetadataValue},
    transport::{Channel, Endpoint},
};

/// The runtime and the channels it drives; one call at a time.
#[derive(Default)]
pub(crate) struct Grpc {
    state: Mutex<Option<State>>,
}

struct State {
    runtime: Option<Runtime>,
    channels: Vec<(String, Channel)>,
}

impl Drop for State {
    fn drop(&mut self) {
        // A plain drop would wait for a name lookup that hangs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Grpc {
    pub(crate) fn send(&self, attempt: &Attempt<'_>, end: Instant) -> Answer {
        if tokio::runtime::Handle::try_current().is_err() {
            return self.send_here(attempt, end);
        }
        // A thread that drives somebody's runtime may not drive ours as well.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, || self.send_here(attempt, end));
            match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Answer::None(Failure::Broken("the client panicked".to_owned())),
                Err(error) => Answer::None(Failure::Broken(error.to_string())),
            }
        })
    }

    fn send_here(&self, attempt: &Attempt<'_>, end: Instant) -> Answer {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let started = match state.take() {
            Some(started) => started,
            None => match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
                Ok(runtime) => State { runtime: Some(runtime), channels: Vec::new() },
                Err(error) => return Answer::None(Failure::Broken(error.to_string())),
            },
        };
        let State { runtime, channels } = state.insert(started);
        let Some(runtime) = runtime else { return Answer::None(Failure::Broken("no runtime".to_owned())) };
        let outcome = runtime.block_on(async {
            let left = end.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, call(channels, attempt)).await {
                Ok(answer) => answer,
                Err(_) => Answer::None(Failure::Timeout),
            }
        });
        if matches!(outcome, Answer::None(_)) {
            // The next attempt starts with a fresh connection and without half-done work of this one.
            *state = None;
        }
        outcome
    }
}

async fn call(channels: &mut Vec<(String, Channel)>, attempt: &Attempt<'_>) -> Answer {
    let channel = match channels.iter().find(|(url, _)| *url == attempt.route.url) {
        Some((_, channel)) => channel.clone(),
        None => match connect(attempt.route).await {
            Ok(channel) => {
                channels.push((attempt.route.url.clone(), channel.clone()));
                channel
            }
            Err(failure) => return Answer::None(failure),
        },
    };
    let body = match attempt.encoding {
        Encoding::Identity => attempt.body.clone(),
        Encoding::Gzip => match inflate(&attempt.body) {
            Some(body) => body,
            None => return Answer::None(Failure::Broken("body does not inflate".to_owned())),
        },
    };
    let mut request = Request::new(body);
    for (name, value) in &attempt.route.headers {
        add_metadata(&mut request, name, value);
    }
    add_metadata(&mut request, "idempotency-key", attempt.idempotency_key);
    let path = PathAndQuery::from_static(match attempt.signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    });
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_REPLY);
    if let Err(error) = client.ready().await {
        return Answer::None(failure(&error));
    }
    match client.unary(request, path, Raw).await {
        Ok(response) => Answer::Grpc { code: 0, retry_after: None, body: response.into_inner().to_vec() },
        Err(status) => refused(&status),
    }
}

async fn connect(route: &Route) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(route.url.clone()).map_err(|_| Failure::Broken("unusable URL".to_owned()))?;
    let endpoint = endpoint
        .user_agent(USER_AGENT)
        .map_err(|_| Failure::Broken("user agent".to_owned()))?
        .connect_timeout(Duration::from_secs(5))
        .http2_max_header_list_size(64 * 1024);
    #[cfg(feature = "tls")]
    let endpoint = if route.url.starts_with("https") {
        let tls = super::tls::for_grpc(route)?;
        endpoint.tls_config(tls).map_err(|error| Failure::Tls(chain(&error)))?
    } else {
        endpoint
    };
    endpoint.connect().await.map_err(|error| failure(&error))
}

fn add_metadata(request: &mut Request<Bytes>, name: &str, value: &str) {
    let name = name.to_ascii_lowercase();
    if name.ends_with("-bin") {
        if let Ok(key) = MetadataKey::<Binary>::from_bytes(name.as_bytes()) {
            request.metadata_mut().append_bin(key, MetadataValue::from_bytes(value.as_bytes()));
        }
    } else if let (Ok(key), Ok(value)) =
        (MetadataKey::<Ascii>::from_bytes(name.as_bytes()), MetadataValue::try_from(value))
    {
        request.metadata_mut().append(key, value);
    }
}

/// A status of the server, or of the channel when the connection broke.
fn refused(status: &Status) -> Answer {
    let transport = std::error::Error::source(status).is_some();
    if transport && matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled) {
        return Answer::None(Failure::Network(format!("connection lost: {:?}", status.code())));
    }
    Answer::Grpc { code: status.code() as i32, retry_after: retry_info(status.details()), body: Vec::new() }
}

fn failure(error: &tonic::transport::Error) -> Failure {
    let text = chain(error);
    let tls = ["certificate", "Certificate", "handshake", "InvalidContentType", "tls", "TLS"];
    if tls.iter().any(|word| text.contains(word)) { Failure::Tls(text) } else { Failure::Network(text) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn inflate(body: &[u8]) -> Option<Bytes> {
    let mut plain = Vec::new();
    let limit = super::items::MAX_BODY as u64;
    flate2::read::GzDecoder::new(body).take(limit + 1).read_to_end(&mut plain).ok()?;
    (plain.len() as u64 <= limit).then(|| plain.into())
}

/// The delay of `google.rpc.RetryInfo` inside `google.rpc.Status`.
fn retry_info(details: &[u8]) -> Option<Duration> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Detail>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Detail {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        delay: Option<Delay>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    let status = <RpcStatus as prost::Message>::decode(details).ok()?;
    let detail = status.details.into_iter().find(|d| d.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = <RetryInfo as prost::Message>::decode(detail.value.as_slice()).ok()?.delay.unwrap_or_default();
    if delay.seconds < 0 || delay.nanos < 0 {
        return Some(Duration::ZERO);
    }
    Some(Duration::from_secs(delay.seconds as u64).saturating_add(Duration::from_nanos(delay.nanos as u64)))
}

/// Passes OTLP bodies through.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(body);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length)))
    }
}
