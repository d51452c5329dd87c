use super::*;

fn asked(query: &str) -> (String, Encryption) {
    split(&format!("postgresql://me:secret@db.example/ticks{query}")).expect("an address")
}

#[test]
fn what_is_about_encryption_is_taken_out_of_an_address() {
    let plain = "postgresql://me:secret@db.example/ticks";
    assert_eq!(asked("").0, plain);
    assert_eq!(asked("?sslmode=require").0, plain);
    let (rest, _) =
        asked("?application_name=x&sslmode=verify-full&sslrootcert=%2Fetc%2Froot%20ca.pem&connect_timeout=3");
    assert_eq!(rest, format!("{plain}?application_name=x&connect_timeout=3"));
}

#[test]
fn modes_mean_what_they_mean_to_psql() {
    let file = || Roots::File("/etc/root ca.pem".into());
    for (query, mode, trust) in [
        ("", None, Trust::Anybody),
        ("?sslmode=disable", Some(SslMode::Disable), Trust::Anybody),
        ("?sslmode=prefer", Some(SslMode::Prefer), Trust::Anybody),
        ("?sslmode=require", Some(SslMode::Require), Trust::Anybody),
        ("?sslmode=require&sslrootcert=/etc/root%20ca.pem", Some(SslMode::Require), Trust::Authority(file())),
        ("?sslmode=verify-ca", Some(SslMode::Require), Trust::Authority(Roots::System)),
        ("?sslmode=verify-full", Some(SslMode::Require), Trust::Name(Roots::System)),
        ("?sslrootcert=system&sslmode=verify-full", Some(SslMode::Require), Trust::Name(Roots::System)),
        ("?sslrootcert=/etc/root%20ca.pem", Some(SslMode::Require), Trust::Name(file())),
    ] {
        assert_eq!(asked(query).1, Encryption { mode, trust }, "{query}");
    }
    let error = split("postgresql://me:secret@db.example/ticks?sslmode=verify").expect_err("no such mode").to_string();
    assert!(error.contains("verify-full") && !error.contains("secret"), "{error}");
}

#[test]
fn a_file_without_a_certificate_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.pem");
    let (_, encryption) = asked(&format!("?sslmode=verify-full&sslrootcert={}", path.display()));
    let said = || encryption.connector().map(drop).expect_err("nothing there").to_string();
    assert!(said().contains("root.pem (sslrootcert)"), "{}", said());
    std::fs::write(&path, "no certificate").expect("written");
    assert!(said().contains("has no certificate in PEM"), "{}", said());
}
