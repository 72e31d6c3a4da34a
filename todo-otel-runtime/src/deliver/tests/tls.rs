//! Whom delivery trusts over https. Certificates are made by the `openssl` program; without it these tests say so.

use super::*;
use crate::deliver::Reason;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

fn openssl(dir: &Path, arguments: &str) -> bool {
    let run = Command::new("openssl")
        .current_dir(dir)
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// An authority, and certificates of it: `good`, `expired`, `other` (another host), `client`. `None` without openssl.
fn certificates() -> Option<tempfile::TempDir> {
    let dir = private_dir();
    let path = dir.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    if !openssl(path, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=acme-ca")) {
        println!("SKIPPED tls: no usable openssl program");
        return None;
    }
    let kinds = [
        ("good", "IP:127.0.0.1", "30"),
        ("expired", "IP:127.0.0.1", "-1"),
        ("other", "DNS:elsewhere.test", "30"),
        ("client", "DNS:client", "30"),
    ];
    for (name, subject, days) in kinds {
        std::fs::write(path.join("ext"), format!("subjectAltName={subject}\n")).expect("written");
        assert!(openssl(path, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}")));
        let sign = format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out {name}.pem -days {days}"
        );
        if !openssl(path, &sign) {
            println!("SKIPPED tls {name}: this openssl cannot make it");
        }
    }
    Some(dir)
}

fn chain(dir: &Path, name: &str) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificate = CertificateDer::from_pem_file(dir.join(format!("{name}.pem"))).ok()?;
    Some((vec![certificate], PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).ok()?))
}

/// Answers every POST with 200 and an empty body. Returns its https URL.
fn server(dir: &Path, name: &str, client_must_show_itself: bool) -> Option<String> {
    crate::deliver::tls::install_provider();
    let (chain, key) = chain(dir, name)?;
    let builder = rustls::ServerConfig::builder();
    let builder = if client_must_show_itself {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).ok()?).ok()?;
        builder.with_client_cert_verifier(rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().ok()?)
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(chain, key).ok()?);
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(connection) = rustls::ServerConnection::new(Arc::clone(&config)) else { return };
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !request.windows(4).any(|w| w == b"\r\n\r\n") || request.len() < spans(0..7).len() {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    Some(url)
}

fn delivered(url: &str, ca: Option<&Path>, client: Option<&Path>, protocol: Protocol) -> bool {
    let mut settings = settings(url, protocol);
    for route in settings.routes.iter_mut().flatten() {
        route.ca_file = ca.map(|dir| dir.join("ca.pem"));
        route.client_certificate = client.map(|dir| dir.join("client.pem"));
        route.client_key = client.map(|dir| dir.join("client.key"));
    }
    let delivery = delivery(settings);
    delivery.accept(Signal::Traces, spans(0..7));
    let counts = delivery.finish(within(5000));
    assert!(counts.balanced());
    assert_eq!(counts.delivered[0] + counts.dropped_for(Reason::NoSpool), 7, "kept, never refused: {counts:?}");
    counts.delivered[0] == 7
}

#[test]
fn only_the_right_certificate_is_trusted() {
    let Some(dir) = certificates() else { return };
    let path = dir.path();
    let http = Protocol::HttpProtobuf;
    let good = server(path, "good", false).expect("certificate");
    assert!(delivered(&good, Some(path), None, http), "a certificate of the configured authority");
    assert!(!delivered(&good, None, None, http), "an authority that the platform does not know");
    for name in ["expired", "other"] {
        if let Some(url) = server(path, name, false) {
            assert!(!delivered(&url, Some(path), None, http), "{name}");
            assert!(!delivered(&url, Some(path), None, Protocol::Grpc), "{name} over gRPC");
        }
    }
    let strict = server(path, "good", true).expect("certificate");
    assert!(!delivered(&strict, Some(path), None, http), "a client that does not show itself");
    assert!(delivered(&strict, Some(path), Some(path), http), "a client that does");
}

#[test]
fn plain_text_is_no_tls_and_a_missing_authority_file_is_no_trust() {
    let receiver = otlp_test_support::Receiver::start();
    let url = receiver.http_url().replace("http:", "https:");
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        assert!(!delivered(&url, None, None, protocol));
        assert!(!delivered(&url, Some(Path::new("/nonexistent")), None, protocol));
    }
    assert!(receiver.seen().requests.is_empty());
}
