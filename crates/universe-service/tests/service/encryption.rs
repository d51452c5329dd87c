//! A Redis that takes encrypted connections only.

use universe_service::RedisAddress;
use universe_testkit::{Authority, test_redis};

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_redis_is_believed_by_its_certificate() {
    let Some(mut redis) = test_redis() else { return };
    let (authority, stranger) = (Authority::new(), Authority::new());
    if let Err(error) = redis.require_encryption(&authority.certify(&["localhost"])) {
        return eprintln!("skipped: this Redis is built without encryption: {error:?}");
    }
    let at = |scheme: &str, host: &str| -> RedisAddress {
        format!("{scheme}://{host}:{}", redis.port()).parse().expect("an address")
    };
    let trusting = |host: &str, authority: &Authority| at("rediss", host).trusting(authority.pem().into_bytes());
    trusting("localhost", &authority).expect("a certificate").ping().await.expect("it is the one that was named");
    for (refused, words) in [
        (trusting("localhost", &stranger).expect("a certificate"), "UnknownIssuer"),
        (trusting("127.0.0.1", &authority).expect("a certificate"), "not valid for name"),
        (at("rediss", "localhost"), "UnknownIssuer"),
        (at("redis", "localhost"), ""),
    ] {
        let error = refused.ping().await.expect_err("it is not to be believed");
        assert!(error.contains(words), "{refused}: {error}");
    }
}

#[test]
fn a_certificate_without_encryption_and_no_certificate_are_refused() {
    let plain: RedisAddress = "redis://localhost".parse().expect("an address");
    let error = plain.trusting(Authority::new().pem().into_bytes()).expect_err("not encrypted").to_string();
    assert!(error.contains("rediss://"), "{error}");
    let encrypted: RedisAddress = "rediss://localhost".parse().expect("an address");
    encrypted.trusting(b"nothing".to_vec()).expect_err("no certificate");
}
