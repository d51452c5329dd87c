//! Encrypted connections: whom this machine does not trust gets neither the key nor a second try.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use universe_testkit::Authority;

use super::*;

/// Listens with a certificate that nobody knows; returns the port, and how many connections got as far as a request.
fn impostor() -> (u16, Arc<AtomicU32>) {
    let certificate = Authority::new().certify(&["localhost"]);
    let chain = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("a key");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![chain], key))
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let requests = Arc::new(AtomicU32::new(0));
    std::thread::spawn({
        let requests = Arc::clone(&requests);
        move || {
            while let Ok((mut socket, _)) = listener.accept() {
                let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut stream = rustls::Stream::new(&mut connection, &mut socket);
                if matches!(stream.read(&mut [0; 1024]), Ok(1..)) {
                    requests.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    (port, requests)
}

#[tokio::test]
async fn a_server_that_is_not_trusted_never_sees_the_key() {
    let (port, requests) = impostor();
    let settings = Settings::new(format!("https://localhost:{port}"), ApiKey::new("k"));
    let client = Client::new(Settings { requests_per_minute: 0, ..settings }).expect("usable settings");
    let error = read_days(&client, "AAPL").await.expect_err("it is not trusted");
    assert!(error.ends_job() && !error.is_transient());
    assert!(error.to_string().contains("does not trust the certificate of https://localhost"), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}
