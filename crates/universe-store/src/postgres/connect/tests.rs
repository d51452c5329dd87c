use super::*;

#[test]
fn asks_for_encryption_where_somebody_may_read_along() {
    for (address, expected) in [
        ("postgresql://localhost/ticks", SslMode::Disable),
        ("postgresql://127.0.0.1/ticks", SslMode::Disable),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/ticks", SslMode::Disable),
        ("postgresql://localhost/ticks?sslmode=require", SslMode::Require),
        ("postgresql://db.example/ticks", SslMode::Prefer),
        ("postgresql://localhost,db.example/ticks", SslMode::Prefer),
        ("postgresql://db.example/ticks?sslmode=disable", SslMode::Disable),
        ("postgresql://db.example/ticks?sslmode=verify-full", SslMode::Require),
    ] {
        let (config, _) = configuration(address).expect("an address");
        assert_eq!(config.get_ssl_mode(), expected, "{address}");
    }
}

#[test]
fn an_address_that_cannot_be_read_is_not_printed() {
    let message = configuration("postgresql://a:secret@db.example:port/ticks").expect_err("no port").to_string();
    assert!(message.contains("postgresql://user:password@host"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn refuses_servers_that_are_too_old() {
    assert!(refuse_old_server(140_000, "14.0", "db:5432").is_ok());
    let message = refuse_old_server(130_014, "13.14", "db:5432").expect_err("too old").to_string();
    assert_eq!(message, "the server at db:5432 is PostgreSQL 13.14; 14 or later is needed, upgrade it");
}

#[test]
fn names_itself_unless_told_otherwise() {
    let (config, _) = configuration("postgresql://db/ticks").expect("an address");
    assert_eq!(config.get_application_name(), Some("universe"));
    let (config, _) = configuration("postgresql://db/ticks?application_name=other").expect("an address");
    assert_eq!(config.get_application_name(), Some("other"));
}
