//! Encrypted connections to a server that takes no others.

use universe_store::{PostgresStore, Store as _, StoreError};
use universe_testkit::builders::instant;
use universe_testkit::{Authority, Certificate, PostgresServer, ServerError, servers_required};

fn server() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(error @ ServerError::Missing { .. }) if !servers_required() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

async fn connect(server: &PostgresServer, host: &str, query: &str) -> Result<PostgresStore, String> {
    let uri = server.uri().replace("127.0.0.1", host);
    PostgresStore::connect(&format!("{uri}?{query}")).await.map_err(|error| {
        assert!(matches!(error, StoreError::Driver(_)), "it is no use to try again: {error:?}");
        error.to_string()
    })
}

#[tokio::test]
async fn a_server_is_believed_as_far_as_the_address_asks() {
    let Some(mut server) = server() else { return };
    let (authority, stranger) = (Authority::new(), Authority::new());
    server.require_encryption(&authority.certify(&["localhost"])).expect("starts again");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("written");
        format!("sslrootcert={}", path.display())
    };
    let (known, unknown) = (file("a root.pem", &authority.pem()), file("stranger.pem", &stranger.pem()));

    for (host, query) in [
        ("localhost", "sslmode=require".to_owned()),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", format!("sslmode=verify-ca&{known}")),
        ("127.0.0.1", format!("sslmode=require&{known}")),
        ("localhost", format!("sslmode=verify-full&{known}")),
        ("localhost", known.clone()),
    ] {
        connect(&server, host, &query).await.unwrap_or_else(|error| panic!("{host} {query}: {error}"));
    }
    for (host, query, words) in [
        ("localhost", "sslmode=disable".to_owned(), "no encryption"),
        ("localhost", String::new(), "no encryption"),
        ("127.0.0.1", format!("sslmode=verify-full&{known}"), "not valid for name"),
        ("localhost", format!("sslmode=verify-full&{unknown}"), "UnknownIssuer"),
        ("localhost", format!("sslmode=verify-ca&{unknown}"), "UnknownIssuer"),
        ("localhost", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
    ] {
        let error = connect(&server, host, &query).await.map(drop).expect_err(&query);
        assert!(error.contains(words), "{host} {query}: {error}");
        assert!(error.contains("sslmode"), "{host} {query}: {error}");
    }

    let store = connect(&server, "localhost", &format!("sslmode=verify-full&{known}")).await.expect("connects");
    store.migrate(instant(0)).await.expect("works as any other");
    server.kill();
    server.restart().expect("starts again");
    let mut answer = store.head_version("DEFAULT").await;
    for _ in 0..10 {
        if answer.is_ok() {
            break;
        }
        answer = store.head_version("DEFAULT").await;
    }
    assert_eq!(answer.expect("connects again"), 0);
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_named() {
    let Some(mut server) = server() else { return };
    let certificate = Certificate::self_signed("localhost");
    server.require_encryption(&certificate).expect("starts again");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.pem");
    std::fs::write(&path, &certificate.pem).expect("written");
    let named = format!("sslmode=verify-full&sslrootcert={}", path.display());
    connect(&server, "localhost", &named).await.expect("it is the one that was named");
    let error = connect(&server, "127.0.0.1", &named).await.map(drop).expect_err("another name");
    assert!(error.contains("not valid for name"), "{error}");
    std::fs::write(&path, Certificate::self_signed("localhost").pem).expect("written");
    connect(&server, "localhost", &named).await.map(drop).expect_err("another certificate");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_that_is_asked_for() {
    let Some(server) = server() else { return };
    let error = connect(&server, "localhost", "sslmode=require").await.map(drop).expect_err("it has none");
    assert!(error.contains("server does not support TLS") && error.contains("sslmode"), "{error}");
    connect(&server, "localhost", "sslmode=prefer").await.expect("then without");
}
