//! A scripted HTTP/1.1 peer: answers by script over plain TCP, keeps every request, and knows no HTTP library, so that it
//! can do what no proper server would.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A server on a port of its own; ends with the value. Requests beyond the script get its last answer again.
pub struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Request>>,
    arrived: Condvar,
    stopped: AtomicBool,
}

struct Script {
    answers: VecDeque<Answer>,
    last: Answer,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// Bytes after the head, as many as `Content-Length` says.
    pub body: Vec<u8>,
    /// When its head was complete.
    pub at: Instant,
}

impl Request {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One scripted answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    manner: Manner,
}

#[derive(Clone, Copy, Debug)]
enum Manner {
    Whole,
    /// One byte at a time with this pause in between.
    Drip(Duration),
    /// This many bytes of the body, then the connection is closed.
    Cut(usize),
    /// The request is read, nothing is ever sent.
    Silence,
    /// The connection is closed without a byte.
    HangUp,
    /// No length, chunks without end.
    Endless,
}

impl Answer {
    /// A status with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
            delay: Duration::ZERO,
            manner: Manner::Whole,
        }
    }

    /// 200 with JSON.
    pub fn json(body: &serde_json::Value) -> Answer {
        Answer::new(200, body.to_string())
    }

    /// Adds a header; a content type replaces the one that is there.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.retain(|(known, _)| name != "content-type" || known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }

    /// Sends the body one byte at a time.
    #[must_use]
    pub fn drip(mut self, pause: Duration) -> Answer {
        self.manner = Manner::Drip(pause);
        self
    }

    /// Closes the connection after so many bytes of the body.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Answer {
        self.manner = Manner::Cut(bytes);
        self
    }

    /// Reads the request and never says a word.
    pub fn silence() -> Answer {
        Answer { manner: Manner::Silence, ..Answer::new(200, "") }
    }

    /// Reads the request and closes the connection.
    pub fn hang_up() -> Answer {
        Answer { manner: Manner::HangUp, ..Answer::new(200, "") }
    }

    /// 200 and a body that never ends.
    pub fn endless() -> Answer {
        Answer { manner: Manner::Endless, ..Answer::new(200, "") }
    }
}

impl Peer {
    /// Listens on loopback and answers in the order of the script; its last answer is repeated for ever.
    ///
    /// # Panics
    /// On an empty script, or when there is no free port.
    pub fn start(script: impl IntoIterator<Item = Answer>) -> Peer {
        let answers: VecDeque<Answer> = script.into_iter().collect();
        let last = answers.back().cloned().expect("a script has at least one answer");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            script: Mutex::new(Script { answers, last }),
            requests: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let served = served.clone();
                thread::spawn(move || served.serve(stream));
            }
        });
        Peer { address, shared }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come in so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many requests have come in; false when the time is up.
    pub fn wait_for(&self, requests: usize, limit: Duration) -> bool {
        let seen = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.shared.arrived.wait_timeout_while(seen, limit, |seen| seen.len() < requests);
        wait.is_ok_and(|(seen, _)| seen.len() >= requests)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        // A test that forgot a connection must not keep a thread for ever.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
        let _ = stream.set_nodelay(true);
        let Ok(reading) = stream.try_clone() else { return };
        let mut reader = BufReader::new(reading);
        while let Some(request) = read_request(&mut reader) {
            let answer = {
                let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
                script.answers.pop_front().unwrap_or_else(|| script.last.clone())
            };
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            self.arrived.notify_all();
            if self.answer(&stream, &mut reader, &answer).is_none() {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// `None`: the connection is over.
    fn answer(&self, mut stream: &TcpStream, reader: &mut impl Read, answer: &Answer) -> Option<()> {
        if !answer.delay.is_zero() {
            thread::sleep(answer.delay);
        }
        let length = match answer.manner {
            Manner::HangUp => return None,
            Manner::Silence => {
                // Until the other side gives up.
                let _ = reader.read(&mut [0]);
                return None;
            }
            Manner::Endless => "transfer-encoding: chunked\r\n".to_owned(),
            _ => format!("content-length: {}\r\n", answer.body.len()),
        };
        let mut head = format!("HTTP/1.1 {} Scripted\r\n{length}", answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        match answer.manner {
            Manner::Drip(pause) => {
                for byte in &answer.body {
                    stream.write_all(&[*byte]).ok()?;
                    thread::sleep(pause);
                }
            }
            Manner::Cut(bytes) => {
                stream.write_all(&answer.body[..bytes.min(answer.body.len())]).ok()?;
                return None;
            }
            Manner::Endless => {
                let chunk = [b"2000\r\n".as_slice(), &[b' '; 0x2000], b"\r\n"].concat();
                while !self.stopped.load(Ordering::Acquire) {
                    stream.write_all(&chunk).ok()?;
                }
                return None;
            }
            _ => stream.write_all(&answer.body).ok()?,
        }
        stream.flush().ok()
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let mut parts = line.split_whitespace();
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
    let at = Instant::now();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body, at })
}
