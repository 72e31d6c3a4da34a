//! Trust and identity for both clients: rustls with ring, authorities from the configured file or the platform.

use super::{send::Failure, settings::Route};
use std::path::Path;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Installs ring as the process's provider unless there is one already.
pub(crate) fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

pub(crate) fn for_http(route: &Route) -> Result<TlsConfig, Failure> {
    install_provider();
    let roots = match &route.ca_file {
        Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        None => RootCerts::PlatformVerifier,
    };
    let identity = match (&route.client_certificate, &route.client_key) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKey::from_pem(&pem(key)?).map_err(|_| unusable(key))?;
            Some(ClientCert::new_with_certs(&certificates(certificate)?, key))
        }
        _ => None,
    };
    Ok(TlsConfig::builder().root_certs(roots).client_cert(identity).build())
}

#[cfg(feature = "grpc")]
pub(crate) fn for_grpc(route: &Route) -> Result<tonic::transport::ClientTlsConfig, Failure> {
    install_provider();
    let mut tls = tonic::transport::ClientTlsConfig::new();
    tls = match &route.ca_file {
        Some(file) => tls.ca_certificate(tonic::transport::Certificate::from_pem(pem(file)?)),
        None => tls.with_enabled_roots(),
    };
    if let (Some(certificate), Some(key)) = (&route.client_certificate, &route.client_key) {
        tls = tls.identity(tonic::transport::Identity::from_pem(pem(certificate)?, pem(key)?));
    }
    Ok(tls)
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let pem = pem(file)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None })
        .collect();
    if certificates.is_empty() { Err(unusable(file)) } else { Ok(certificates) }
}

fn pem(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::Tls(format!("{}: {error}", file.display())))
}

fn unusable(file: &Path) -> Failure {
    Failure::Tls(format!("{}: nothing usable in PEM form", file.display()))
}
