use super::*;

#[test]
fn refuses_what_it_cannot_encrypt() {
    let error = configuration("postgresql://a:secret@db.example/ticks?sslmode=require").expect_err("no TLS here");
    let message = error.to_string();
    assert!(message.contains("sslmode=require") && message.contains("sslmode=disable"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    assert!(configuration("postgresql://a:secret@db.example/ticks?sslmode=prefer").is_ok());
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
    let config = configuration("postgresql://db/ticks").expect("an address");
    assert_eq!(config.get_application_name(), Some("universe"));
    let config = configuration("postgresql://db/ticks?application_name=other").expect("an address");
    assert_eq!(config.get_application_name(), Some("other"));
}
