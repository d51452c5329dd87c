//! The fast lane of lookups: nobody can tell its answers from those of the router.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::Place;
use crate::market;
use crate::server::Server;

/// The head of an answer by names, its status under no name, and its body.
type Raw = (BTreeMap<String, String>, Vec<u8>);

fn server() -> Server {
    let place = Place::embedded();
    market::first_day(&place);
    Server::start(place)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address.strip_prefix("http://").expect("an address")).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Reads so many answers.
fn answers(mut stream: TcpStream, count: usize) -> Vec<Raw> {
    let mut answers = Vec::new();
    let mut received = Vec::new();
    while answers.len() < count {
        let mut more = [0; 4_096];
        let read = stream.read(&mut more).expect("an answer");
        assert!(read > 0, "closed after {answers:?} {}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&more[..read]);
        while let Some((answer, length)) = first(&received) {
            answers.push(answer);
            received.drain(..length);
        }
    }
    answers
}

/// Returns the first answer, once it is complete, and how long it is.
fn first(received: &[u8]) -> Option<(Raw, usize)> {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = str::from_utf8(&received[..end]).expect("text");
    let mut lines = head.lines();
    let mut names = BTreeMap::from([(String::new(), lines.next().expect("a status").to_owned())]);
    names.extend(lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    }));
    let length = names.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let body = received.get(end + 4..end + 4 + length)?.to_vec();
    Some(((names, body), end + 4 + length))
}

/// Asks with headers; a header that only the router understands sends the connection there.
fn ask(server: &Server, path: &str, headers: &str) -> Raw {
    let mut stream = connect(server);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: 7\r\n{headers}\r\n").expect("sent");
    let (mut head, body) = answers(stream, 1).remove(0);
    assert!(head.remove("date").is_some_and(|date| date.ends_with(" GMT")), "{head:?}");
    (head, body)
}

#[test]
fn nobody_can_tell_the_lane_from_the_router() {
    let server = server();
    let known = ask(&server, "/api/v1/universes/top_10/symbols", "").0["etag"].clone();
    for path in [
        "/api/v1/universes",
        "/api/v1/universes/top_10",
        "/api/v1/universes/top_10/symbols",
        "/api/v1/universes/stock_universe:top_10/symbols",
        "/api/v1/universes/master_all_stocks",
        "/api/v1/universes/top_1O",
        "/api/v1/universes/top_10/symbols?as_of=2024-01-02",
        "/api/v1/universes/top_10%20&%20mega_cap",
        "/api/v1/universes//symbols",
        "/api/v1/universes/",
    ] {
        for headers in ["", "accept-encoding: gzip\r\n", "if-none-match: *\r\n", &format!("if-none-match: {known}\r\n")]
        {
            let lane = ask(&server, path, headers);
            let router = ask(&server, path, &format!("{headers}te: trailers\r\n"));
            assert_eq!(lane, router, "{path} {headers}");
        }
    }
}

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let server = server();
    let mut stream = connect(&server);
    let paths = ["/api/v1/universes/top_10", "/api/v1/universes", "/health", "/api/v1/universes/mega_cap/symbols"];
    for path in paths {
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: {}\r\n\r\n", path.len()).expect("sent");
    }
    let answers = answers(stream, paths.len());
    for ((head, _), path) in answers.iter().zip(paths) {
        assert_eq!((head[""].as_str(), head["x-request-id"].parse()), ("HTTP/1.1 200 OK", Ok(path.len())), "{path}");
    }
}

#[test]
fn a_request_may_come_in_pieces() {
    let server = server();
    let mut stream = connect(&server);
    for byte in b"GET /api/v1/universes/top_10 HTTP/1.1\r\nhost: localhost\r\n\r\n" {
        stream.write_all(&[*byte]).expect("sent");
    }
    assert_eq!(answers(stream, 1)[0].0[""], "HTTP/1.1 200 OK");
}

#[test]
fn only_this_machine_is_answered_without_keys() {
    let server = server();
    let mut stream = connect(&server);
    write!(stream, "GET /api/v1/universes HTTP/1.1\r\nhost: example.org\r\n\r\n").expect("sent");
    assert_eq!(answers(stream, 1)[0].0[""], "HTTP/1.1 403 Forbidden");
}
