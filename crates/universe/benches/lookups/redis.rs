//! A private Redis with the same bytes, and its own benchmark.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use universe_testkit::RedisServer;

use super::load::{Protocol, Target};

const KEY: &str = "top_500";

pub(crate) struct Redis(RedisServer);

impl Redis {
    /// Starts a server that holds a value; `None` without one.
    pub(crate) fn with(value: &[u8]) -> Option<Self> {
        let redis = Self(universe_testkit::test_redis()?);
        let mut stream = TcpStream::connect(redis.address()).expect("a connection");
        let mut command = format!("*3\r\n$3\r\nSET\r\n${}\r\n{KEY}\r\n${}\r\n", KEY.len(), value.len()).into_bytes();
        command.extend_from_slice(value);
        command.extend_from_slice(b"\r\n");
        stream.write_all(&command).expect("sent");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"+OK\r\n");
        Some(redis)
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.0.port()).into()
    }

    /// Returns the value as something to ask for with our own client.
    pub(crate) fn target(&self, value: &[u8]) -> Target {
        let mut answer = format!("${}\r\n", value.len()).into_bytes();
        answer.extend_from_slice(value);
        answer.extend_from_slice(b"\r\n");
        let request = format!("*2\r\n$3\r\nGET\r\n${}\r\n{KEY}\r\n", KEY.len()).into_bytes();
        Target { address: self.address(), request, protocol: Protocol::Redis { answer } }
    }

    /// Runs `redis-benchmark`, and returns its answers a second; `None` without the program.
    pub(crate) fn benchmark(&self, connections: usize, answers: usize, at_once: usize) -> Option<f64> {
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.0.port().to_string(), "-c", &connections.to_string()]);
        command.args(["-n", &answers.to_string(), "-P", &at_once.to_string(), "--csv", "get", KEY]);
        let Ok(output) = command.output() else {
            eprintln!("no redis-benchmark: install the package redis-tools");
            return None;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let rate = last.split("\",\"").nth(1).and_then(|rate| rate.parse().ok());
        assert!(rate.is_some(), "redis-benchmark said: {text}{}", String::from_utf8_lossy(&output.stderr));
        rate
    }
}
