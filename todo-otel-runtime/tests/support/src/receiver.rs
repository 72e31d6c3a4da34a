//! The receiver: OTLP over HTTP on one port, over gRPC on another, both on one thread of its own.

use crate::{
    Decoded, Received, Reply, Seen, Signal, Transport,
    opentelemetry_proto::tonic::{
        logs::v1::{LogRecord, ResourceLogs},
        metrics::v1::ResourceMetrics,
        trace::v1::{ResourceSpans, Span},
    },
};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, header::HeaderName};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io::Read,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    task::{Context, Poll},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};
use tokio::net::TcpListener;

type Rule = Arc<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Seen,
    script: VecDeque<Reply>,
    rule: Option<Rule>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// An OTLP server on loopback that keeps what it gets. Stops when dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    http: SocketAddr,
    grpc: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Binds two free ports on 127.0.0.1 and serves them.
    pub fn start() -> Receiver {
        Receiver::on("127.0.0.1:0", "127.0.0.1:0")
    }

    /// As [`Receiver::start`], on given addresses.
    pub fn on(http: &str, grpc: &str) -> Receiver {
        let bind = |addr: &str| {
            let listener = std::net::TcpListener::bind(addr).unwrap_or_else(|e| panic!("bind {addr}: {e}"));
            listener.set_nonblocking(true).expect("non-blocking listener");
            listener
        };
        let (http, grpc) = (bind(http), bind(grpc));
        let addresses = (http.local_addr().expect("bound"), grpc.local_addr().expect("bound"));
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("otlp-receiver".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
                runtime.block_on(async {
                    let http = TcpListener::from_std(http).expect("listener");
                    let grpc = TcpListener::from_std(grpc).expect("listener");
                    tokio::select! {
                        () = serve(http, Transport::Http, Arc::clone(&shared)) => {}
                        () = serve(grpc, Transport::Grpc, shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        });
        let thread = Some(thread.expect("thread"));
        Receiver { shared, http: addresses.0, grpc: addresses.1, stop: Some(stop), thread }
    }

    /// Base URL for `OTEL_EXPORTER_OTLP_ENDPOINT` with protocol `http/protobuf`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// URL for `OTEL_EXPORTER_OTLP_ENDPOINT` with protocol `grpc`.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Address of the HTTP port.
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// Address of the gRPC port.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// A copy of everything received so far.
    pub fn seen(&self) -> Seen {
        self.shared.lock().seen.clone()
    }

    /// Accepted spans with resources and scopes.
    pub fn traces(&self) -> Vec<ResourceSpans> {
        self.shared.lock().seen.traces()
    }

    /// Accepted metrics with resources and scopes.
    pub fn metrics(&self) -> Vec<ResourceMetrics> {
        self.shared.lock().seen.metrics()
    }

    /// Accepted log records with resources and scopes.
    pub fn logs(&self) -> Vec<ResourceLogs> {
        self.shared.lock().seen.logs()
    }

    /// Accepted spans alone.
    pub fn spans(&self) -> Vec<Span> {
        self.shared.lock().seen.spans()
    }

    /// Accepted log records alone.
    pub fn log_records(&self) -> Vec<LogRecord> {
        self.shared.lock().seen.log_records()
    }

    /// Waits until the condition holds, looking at each arrival; false when the time is over.
    #[must_use]
    pub fn wait_for(&self, condition: impl Fn(&Seen) -> bool, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        let mut state = self.shared.lock();
        loop {
            if condition(&state.seen) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = match self.shared.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Answers the next requests with these, one each; afterwards successes again.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.lock().script.extend(replies);
    }

    /// Decides every answer by looking at the request; `None` falls back to the script.
    pub fn rule(&self, rule: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) {
        self.shared.lock().rule = Some(Arc::new(rule));
    }

    /// Forgets what was received and every scripted answer.
    pub fn reset(&self) {
        *self.shared.lock() = State::default();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, transport: Transport, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(request, transport, &shared).await) }
            });
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, transport: Transport, shared: &Shared) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let Some(signal) = signal_of(&path) else { return plain(404) };
    let Ok(body) = body.collect().await else { return plain(400) };
    let wire = body.to_bytes();
    let wire = if transport == Transport::Grpc && wire.len() >= 5 { wire.slice(5..) } else { wire };
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let gzip = headers.iter().any(|(n, v)| (n == "content-encoding" || n == "grpc-encoding") && v == "gzip");
    let body = if gzip { gunzip(&wire) } else { wire.clone() };
    let decoded = Decoded::parse(signal, &body);
    let mut received = Received {
        at: Instant::now(),
        wall: SystemTime::now(),
        signal,
        transport,
        path,
        headers,
        wire,
        body,
        decoded,
        status: 0,
        accepted: false,
    };
    let reply = choose(shared, &mut received);
    let delay = reply.delay;
    shared.lock().seen.requests.push(received);
    shared.changed.notify_all();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match transport {
        Transport::Http => http_response(reply),
        Transport::Grpc => grpc_response(reply),
    }
}

fn choose(shared: &Shared, received: &mut Received) -> Reply {
    let rule = shared.lock().rule.clone();
    let ruled = rule.and_then(|rule| rule(received));
    let reply = match (&received.decoded, ruled) {
        (_, Some(reply)) => reply,
        (Decoded::Broken(problem), None) => Reply::status(400).body(problem.clone()),
        (_, None) => shared.lock().script.pop_front().unwrap_or_else(Reply::ok),
    };
    received.status = reply.status;
    received.accepted = reply.accepts() && !matches!(received.decoded, Decoded::Broken(_));
    reply
}

fn signal_of(path: &str) -> Option<Signal> {
    if path.ends_with("/v1/traces") || path.ends_with("TraceService/Export") {
        Some(Signal::Traces)
    } else if path.ends_with("/v1/metrics") || path.ends_with("MetricsService/Export") {
        Some(Signal::Metrics)
    } else if path.ends_with("/v1/logs") || path.ends_with("LogsService/Export") {
        Some(Signal::Logs)
    } else {
        None
    }
}

fn gunzip(wire: &[u8]) -> Bytes {
    let mut body = Vec::new();
    match flate2::read::GzDecoder::new(wire).read_to_end(&mut body) {
        Ok(_) => body.into(),
        Err(_) => Bytes::from_static(b"\xff"),
    }
}

/// Data, then trailers.
struct ReplyBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

fn plain(status: u16) -> Response<ReplyBody> {
    http_response(Reply::status(status))
}

fn http_response(reply: Reply) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody { data: Some(reply.body), trailers: None });
    if let Ok(status) = http::StatusCode::from_u16(reply.status) {
        *response.status_mut() = status;
    }
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn grpc_response(reply: Reply) -> Response<ReplyBody> {
    if reply.status != 200 {
        return http_response(reply);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(reply.grpc_status));
    if let Ok(message) = HeaderValue::from_str(&reply.grpc_message) {
        trailers.insert("grpc-message", message);
    }
    if let Some(details) = &reply.grpc_details
        && let Ok(value) = HeaderValue::from_str(&base64(details))
    {
        trailers.insert("grpc-status-details-bin", value);
    }
    let mut framed = BytesMut::with_capacity(5 + reply.body.len());
    framed.put_u8(0);
    framed.put_u32(reply.body.len() as u32);
    framed.put_slice(&reply.body);
    let data = (reply.grpc_status == 0).then(|| framed.freeze());
    let mut response = http_response(Reply { body: Bytes::new(), ..reply });
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    *response.body_mut() = ReplyBody { data, trailers: Some(trailers) };
    response
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            text.push(ALPHABET[(word >> (18 - 6 * i)) as usize & 63] as char);
        }
    }
    text
}
