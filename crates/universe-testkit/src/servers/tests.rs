use super::*;

#[test]
fn errors_say_what_to_do() {
    let error = ServerError::Missing { server: "redis-server", hint: "install it" };
    assert_eq!(error.to_string(), "no redis-server (install it)");
}

#[test]
fn a_redis_server_stops_and_starts_on_its_port() {
    let Some(mut server) = test_redis() else { return };
    let port = server.port();
    let reachable = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(reachable());
    server.kill();
    assert!(!reachable());
    server.restart().expect("starts again");
    assert!(reachable());
    drop(server);
    assert!(!reachable());
}
