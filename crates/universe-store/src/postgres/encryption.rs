//! Encrypted connections, as `sslmode` and `sslrootcert` of an address ask for them; they mean what they mean to `psql`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

/// How the connection to a server is to be protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encryption {
    /// Whether it is encrypted; `None` where the address says nothing about it.
    pub(super) mode: Option<SslMode>,
    trust: Trust,
}

/// Whom to believe to be the server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    /// Anybody: nobody reads along, but somebody may pretend (`require` without a certificate).
    Anybody,
    /// Whoever has a certificate of an authority, under whatever name (`verify-ca`).
    Authority(Roots),
    /// Whoever has a certificate of an authority for the name that is asked for (`verify-full`).
    Name(Roots),
}

/// Whose certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Roots {
    /// Those that the machine trusts.
    System,
    /// Those in a file in PEM.
    File(PathBuf),
}

/// Takes what is about encryption out of an address.
pub(super) fn split(uri: &str) -> Result<(String, Encryption), StoreError> {
    let (location, query) = uri.split_once('?').unwrap_or((uri, ""));
    let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", "system")) => roots = Some(Roots::System),
            Some(("sslrootcert", value)) => roots = Some(Roots::File(PathBuf::from(decoded(value)))),
            Some(_) | None => rest.push(pair),
        }
    }
    let trusted = roots.clone().unwrap_or(Roots::System);
    let (mode, trust) = match (mode.as_deref(), roots) {
        (None, None) => (None, Trust::Anybody),
        (Some("disable"), _) => (Some(SslMode::Disable), Trust::Anybody),
        (Some("allow" | "prefer"), _) => (Some(SslMode::Prefer), Trust::Anybody),
        (Some("require"), None) => (Some(SslMode::Require), Trust::Anybody),
        (Some("require" | "verify-ca"), _) => (Some(SslMode::Require), Trust::Authority(trusted)),
        // Whoever names a certificate wants it to be looked at.
        (Some("verify-full") | None, _) => (Some(SslMode::Require), Trust::Name(trusted)),
        (Some(_), _) => {
            return Err(StoreError::Unsupported(
                "the database address has an sslmode that does not exist; it is one of disable, prefer, require, \
                 verify-ca and verify-full"
                    .to_owned(),
            ));
        }
    };
    let location = if rest.is_empty() { location.to_owned() } else { format!("{location}?{}", rest.join("&")) };
    Ok((location, Encryption { mode, trust }))
}

/// Reads `%20` and the like, as the driver does elsewhere in an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let hex = others.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let (byte, length) = match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => (byte, 3),
            None => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Encryption {
    /// Returns what makes encrypted connections.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, StoreError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = match &self.trust {
            Trust::Anybody => None,
            Trust::Authority(roots) | Trust::Name(roots) => {
                let certificates = roots.read()?;
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(certificates.iter().cloned());
                let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider));
                let chain = chain.build().map_err(|error| unusable(&format!("the trusted certificates: {error}")))?;
                Some(Trusted { chain, certificates, names_count: matches!(self.trust, Trust::Name(_)) })
            }
        };
        let verifier = Verifier { provider: Arc::clone(&provider), trusted };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

impl Roots {
    fn read(&self) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        let found = match self {
            Self::System => rustls_native_certs::load_native_certs().certs,
            Self::File(path) => read_file(path)?,
        };
        if found.is_empty() {
            return Err(match self {
                Self::System => unusable("this machine trusts no certificates; name a file with sslrootcert"),
                Self::File(path) => unusable(&format!("{} (sslrootcert) has no certificate in PEM", path.display())),
            });
        }
        Ok(found)
    }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let unreadable = |error: &dyn std::fmt::Display| unusable(&format!("{} (sslrootcert): {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| unreadable(&error))
}

fn unusable(what: &str) -> StoreError {
    StoreError::Unsupported(format!("the connection to the database cannot be encrypted as asked: {what}"))
}

/// Looks at the certificate of a server as far as the address asks for it.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` where anybody is believed.
    trusted: Option<Trusted>,
}

#[derive(Debug)]
struct Trusted {
    chain: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
    names_count: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let verified = trusted.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(rustls::Error::InvalidCertificate(fault)) = &verified else { return verified };
        let is_about_name =
            matches!(fault, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. });
        // The name is looked at last: with all else in order.
        if is_about_name && !trusted.names_count {
            return Ok(ServerCertVerified::assertion());
        }
        // A server's own certificate, made with `openssl req -x509`, says that it is an authority, and is none for
        // others; whoever names that very certificate means it.
        let is_named = trusted.certificates.iter().any(|certificate| certificate.as_ref() == end_entity.as_ref());
        if is_named && matches!(fault, CertificateError::Other(_)) {
            if trusted.names_count {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
