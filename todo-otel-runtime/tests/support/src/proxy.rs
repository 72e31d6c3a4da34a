//! A TCP proxy that misbehaves on purpose: one fault per connection, taken from a script.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What happens to one connection.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Bytes pass both ways.
    Pass,
    /// Accepted, never read, never answered, held open until the proxy ends.
    Silent,
    /// Closed with RST right after accepting.
    Reset,
    /// This many bytes of the request pass, then both sides are cut.
    CutRequest(usize),
    /// The request passes whole, this many bytes of the reply come back, then both sides are cut.
    CutReply(usize),
    /// The request is read up to the end of its headers and answered with these bytes; the connection stays open.
    Say(Vec<u8>),
    /// As `Say`, one byte at a time with a pause before each.
    Drip(Vec<u8>, Duration),
    /// As `Say`, then the last argument for ever (an endless header or body).
    Endless(Vec<u8>, Vec<u8>),
    /// Bytes pass both ways after a pause.
    Late(Duration),
}

struct Shared {
    script: Mutex<VecDeque<Fault>>,
    otherwise: Mutex<Fault>,
    upstream: SocketAddr,
    connections: AtomicUsize,
    stop: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    received: Mutex<Vec<u8>>,
}

/// Listens on a free port of 127.0.0.1 in front of `upstream`. Stops, and cuts what is open, when dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// A proxy that passes everything until told otherwise.
    pub fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            script: Mutex::default(),
            otherwise: Mutex::new(Fault::Pass),
            upstream,
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            open: Mutex::default(),
            received: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let scripted = accepting.script.lock().unwrap_or_else(|p| p.into_inner()).pop_front();
                let fault =
                    scripted.unwrap_or_else(|| accepting.otherwise.lock().unwrap_or_else(|p| p.into_inner()).clone());
                if let Ok(copy) = stream.try_clone() {
                    accepting.open.lock().unwrap_or_else(|p| p.into_inner()).push(copy);
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || {
                    let _ = play(&stream, fault, &shared);
                });
            }
        });
        Proxy { shared, address }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Faults of the next connections, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.script.lock().unwrap_or_else(|p| p.into_inner()).extend(faults);
    }

    /// The fault of every connection for which none is scripted.
    pub fn otherwise(&self, fault: Fault) {
        *self.shared.otherwise.lock().unwrap_or_else(|p| p.into_inner()) = fault;
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Bytes read from clients so far by faults that answer themselves.
    pub fn received(&self) -> Vec<u8> {
        self.shared.received.lock().unwrap_or_else(|p| p.into_inner()).clone()
    }

    /// Cuts every connection that is open now.
    pub fn cut_all(&self) {
        for stream in self.shared.open.lock().unwrap_or_else(|p| p.into_inner()).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.cut_all();
        let _ = TcpStream::connect(self.address);
    }
}

fn play(client: &TcpStream, fault: Fault, shared: &Shared) -> std::io::Result<()> {
    let _ = client.set_nodelay(true);
    match fault {
        Fault::Silent => Ok(()),
        Fault::Reset => cut(client),
        Fault::Pass => relay(client, shared, usize::MAX, usize::MAX),
        Fault::CutRequest(n) => relay(client, shared, n, usize::MAX),
        Fault::CutReply(n) => relay(client, shared, usize::MAX, n),
        Fault::Late(pause) => {
            std::thread::sleep(pause);
            relay(client, shared, usize::MAX, usize::MAX)
        }
        Fault::Say(bytes) => {
            read_head(client, shared)?;
            (&mut &*client).write_all(&bytes)
        }
        Fault::Drip(bytes, pause) => {
            read_head(client, shared)?;
            for byte in bytes {
                std::thread::sleep(pause);
                (&mut &*client).write_all(&[byte])?;
            }
            Ok(())
        }
        Fault::Endless(bytes, again) => {
            read_head(client, shared)?;
            (&mut &*client).write_all(&bytes)?;
            while !shared.stop.load(Ordering::SeqCst) {
                (&mut &*client).write_all(&again)?;
            }
            Ok(())
        }
    }
}

fn read_head(mut client: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = client.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(&buffer[..n]);
        shared.received.lock().unwrap_or_else(|p| p.into_inner()).extend_from_slice(&buffer[..n]);
    }
    Ok(())
}

/// Unread bytes in the receive buffer turn the close into an RST; otherwise it is a FIN. Both are a cut.
fn cut(client: &TcpStream) -> std::io::Result<()> {
    client.shutdown(Shutdown::Both)
}

fn relay(client: &TcpStream, shared: &Shared, request: usize, reply: usize) -> std::io::Result<()> {
    let Ok(server) = TcpStream::connect(shared.upstream) else { return cut(client) };
    let _ = server.set_nodelay(true);
    let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
    let back = std::thread::spawn(move || {
        let _ = copy(&from_server, &to_client, reply);
        if reply != usize::MAX {
            let _ = from_server.shutdown(Shutdown::Both);
        }
        let _ = to_client.shutdown(if reply == usize::MAX { Shutdown::Write } else { Shutdown::Both });
    });
    let copied = copy(client, &server, request);
    if request != usize::MAX {
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
    } else {
        let _ = server.shutdown(Shutdown::Write);
    }
    let _ = back.join();
    copied
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, mut limit: usize) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    while limit > 0 {
        let want = buffer.len().min(limit);
        let n = from.read(&mut buffer[..want])?;
        if n == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..n])?;
        limit = limit.saturating_sub(n);
    }
    Ok(())
}
