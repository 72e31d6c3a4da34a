//! The scrape endpoint of a service: `/metrics`, `/healthz`, `/readyz`, on one thread, one request at a time.
//!
//! No TLS, no keep-alive, no other method than GET and HEAD: it is for loopback and for a scraper beside the process.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::*},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::prometheus::Format;

/// Longest time for one request and its answer.
const LIMIT: Duration = Duration::from_secs(2);
const MAX_HEAD: usize = 8 * 1024;

type Check = Box<dyn Fn() -> Result<(), String> + Send>;
type Render = Box<dyn Fn(Format) -> String + Send>;

static CHECKS: Mutex<Vec<(&'static str, Check)>> = Mutex::new(Vec::new());

/// Registers a condition of readiness: `/readyz` answers 503 with its message while it fails. It must be quick.
pub fn readiness(name: &'static str, check: impl Fn() -> Result<(), String> + Send + 'static) {
    CHECKS.lock().unwrap_or_else(PoisonError::into_inner).push((name, Box::new(check)));
}

/// The running endpoint; stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds and starts the thread. `render` makes the page of `/metrics`; without it that path is not there.
    pub fn start(host: &str, port: u16, render: Option<Render>) -> io::Result<Server> {
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
        let listener = TcpListener::bind(addresses.as_slice())?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("otel-scrape".into()).spawn(move || {
            while !stopped.load(Acquire) {
                let Ok((stream, _)) = listener.accept() else {
                    // Out of file handles, most likely: not as fast as the processor can.
                    std::thread::park_timeout(Duration::from_millis(100));
                    continue;
                };
                if !stopped.load(Acquire) {
                    let _ = catch_unwind(AssertUnwindSafe(|| answer(stream, render.as_ref())));
                }
            }
        })?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Release);
        let mut own = self.address;
        if own.ip().is_unspecified() {
            own.set_ip(match own {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        // Wakes `accept`; if even that fails the thread is left to the end of the process.
        if TcpStream::connect_timeout(&own, Duration::from_millis(200)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, render: Option<&Render>) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    stream.set_write_timeout(Some(LIMIT))?;
    let Some(head) = head(&mut stream, deadline)? else {
        return respond(&mut stream, "431 Request Header Fields Too Large", "text/plain", "", true);
    };
    let mut first = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let body = match method {
        "GET" => true,
        "HEAD" => false,
        _ => return respond(&mut stream, "405 Method Not Allowed", "text/plain", "only GET and HEAD\n", true),
    };
    let path = target.split('?').next().unwrap_or_default();
    match (path, render) {
        ("/metrics", Some(render)) => {
            let format = Format::accepted(header(&head, "accept").unwrap_or_default());
            respond(&mut stream, "200 OK", format.content_type(), &render(format), body)
        }
        ("/healthz", _) => respond(&mut stream, "200 OK", "text/plain", "ok\n", body),
        ("/readyz", _) => {
            let (status, text) = ready();
            respond(&mut stream, status, "text/plain", &text, body)
        }
        _ => respond(&mut stream, "404 Not Found", "text/plain", "/metrics, /healthz or /readyz\n", body),
    }
}

/// The request up to the empty line; `None` when it is too long.
fn head(stream: &mut TcpStream, deadline: Instant) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&chunk[..read]);
        if head.len() > MAX_HEAD {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().skip(1).find_map(value)
}

fn ready() -> (&'static str, String) {
    let mut failed = String::new();
    for (name, check) in CHECKS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let result = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err("the check panicked".into()));
        if let Err(message) = result {
            let _ = writeln!(failed, "{name}: {message}");
        }
    }
    if failed.is_empty() { ("200 OK", "ready\n".into()) } else { ("503 Service Unavailable", failed) }
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, text: &str, body: bool) -> io::Result<()> {
    let length = text.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if body {
        stream.write_all(text.as_bytes())?;
    }
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    #[test]
    fn a_scraper_finds_metrics_health_and_readiness() {
        let render: Render = Box::new(|format| format!("{format:?}\n"));
        let server = Server::start("127.0.0.1", 0, Some(render)).expect("a free port");
        let open = ask(&server, "GET /metrics HTTP/1.1\r\nHost: x\r\nACCEPT: application/openmetrics-text\r\n\r\n");
        assert!(open.starts_with("HTTP/1.1 200 OK\r\n") && open.ends_with("\r\n\r\nOpenMetrics\n"), "{open}");
        assert!(
            open.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
            "{open}"
        );
        assert!(ask(&server, "GET /metrics?x=1 HTTP/1.0\r\n\r\n").ends_with("Text\n"));
        assert!(ask(&server, "HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
        assert!(ask(&server, "GET /healthz HTTP/1.1\r\n\r\n").ends_with("ok\n"));
        assert!(ask(&server, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(ask(&server, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEAD));
        assert!(ask(&server, &endless).starts_with("HTTP/1.1 431 "));

        assert!(ask(&server, "GET /readyz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        readiness("database", || Err("locked".into()));
        let answer = ask(&server, "GET /readyz HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("database: locked\n"), "{answer}");
        let address = server.address();
        drop(server);
        assert!(TcpListener::bind(address).is_ok(), "the port is free again");
    }
}
