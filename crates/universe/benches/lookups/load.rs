//! A client that is no bottleneck: requests made beforehand, connections that wait together.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::now;

/// Longer than any answer, with its head, times the requests that are sent at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Whom to ask what.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
    pub(crate) protocol: Protocol,
}

/// How an answer looks, and what must be in it.
pub(crate) enum Protocol {
    Http { body: Vec<u8> },
    Redis { answer: Vec<u8> },
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// How many answers are still to come.
    awaited: usize,
    /// How long the head of the last answer was: mostly that of the next one.
    head: usize,
    is_checked: bool,
    due: Duration,
}

/// Asks as fast as answers come, from every core, and returns how many came in a second.
pub(crate) fn saturate(target: &Target, connections: usize, answers: usize, at_once: usize) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(connections);
    let began = now();
    let count: usize = std::thread::scope(|scope| {
        let ask = || ask_all(target, connections / threads, answers / threads, at_once);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    count as f64 / began.elapsed().as_secs_f64()
}

fn ask_all(target: &Target, connections: usize, answers: usize, at_once: usize) -> usize {
    let mut poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(connections);
    let requests = target.request.repeat(at_once);
    let mut connections = connect(target, connections, &poll);
    let answers = answers / at_once * at_once;
    let (mut left, mut count) = (answers, 0);
    for connection in &mut connections {
        connection.send(&requests, at_once);
        left -= at_once;
    }
    while count < answers {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            let connection = &mut connections[event.token().0];
            count += connection.receive(&target.protocol);
            if connection.awaited == 0 && left >= at_once {
                left -= at_once;
                connection.send(&requests, at_once);
            }
        }
    }
    count
}

/// Asks at a steady rate, whatever the answers do, and returns how long after its time each was there, in order.
///
/// A request that had to wait for a free connection has waited since its time: a server that stalls cannot hide it.
pub(crate) fn at_rate(target: &Target, connections: usize, rate: f64, lasting: Duration) -> Vec<Duration> {
    let mut poll = Poll::new().expect("a poll");
    let mut events = Events::with_capacity(connections);
    let mut connections = connect(target, connections, &poll);
    let mut free: VecDeque<usize> = (0..connections.len()).collect();
    let total = (rate * lasting.as_secs_f64()) as usize;
    let (mut sent, mut latencies) = (0, Vec::with_capacity(total));
    let began = now();
    while latencies.len() < total {
        let elapsed = began.elapsed();
        while sent < total {
            let due = Duration::from_secs_f64(sent as f64 / rate);
            let Some(at) = free.front().copied().filter(|_| due <= elapsed) else { break };
            free.pop_front();
            connections[at].due = due;
            connections[at].send(&target.request, 1);
            sent += 1;
        }
        poll.poll(&mut events, Some(Duration::ZERO)).expect("events");
        if events.is_empty() {
            std::thread::yield_now();
        }
        for event in &events {
            let connection = &mut connections[event.token().0];
            if connection.receive(&target.protocol) == 1 {
                latencies.push(began.elapsed() - connection.due);
                free.push_back(event.token().0);
            }
        }
    }
    latencies.sort();
    latencies
}

fn connect(target: &Target, count: usize, poll: &Poll) -> Vec<Connection> {
    let connect = |at| {
        let stream = std::net::TcpStream::connect(target.address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_nonblocking(true).expect("not blocking");
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(at), Interest::READABLE).expect("registered");
        let buffer = vec![0; BUFFER_BYTES];
        Connection { stream, buffer, filled: 0, awaited: 0, head: 0, is_checked: false, due: Duration::ZERO }
    };
    (0..count).map(connect).collect()
}

impl Connection {
    fn send(&mut self, requests: &[u8], count: usize) {
        // What is small and answered before there is more always fits.
        let sent = self.stream.write(requests).expect("a request sent");
        assert_eq!(sent, requests.len(), "a request sent in part");
        self.awaited = count;
    }

    /// Takes in what is there, and returns how many answers became complete.
    fn receive(&mut self, protocol: &Protocol) -> usize {
        let mut count = 0;
        while self.awaited > 0 {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => panic!("the server closed: {}", String::from_utf8_lossy(&self.buffer[..self.filled])),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("an answer: {error}"),
            }
            let mut from = 0;
            while let Some(end) = protocol.end(&self.buffer[from..self.filled], &mut self.head) {
                if !self.is_checked {
                    protocol.check(&self.buffer[from..from + end]);
                    self.is_checked = true;
                }
                from += end;
                count += 1;
                self.awaited -= 1;
            }
            self.buffer.copy_within(from..self.filled, 0);
            self.filled -= from;
        }
        count
    }
}

impl Protocol {
    /// Returns where the first answer ends, if it is there.
    fn end(&self, received: &[u8], head: &mut usize) -> Option<usize> {
        let end = match self {
            Self::Redis { answer } => answer.len(),
            Self::Http { body } => {
                const END: &[u8] = b"\r\n\r\n";
                if !received.get(*head..).is_some_and(|rest| rest.starts_with(END)) {
                    *head = received.windows(END.len()).position(|bytes| bytes == END)?;
                }
                assert!(received.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(received));
                *head + END.len() + body.len()
            }
        };
        (end <= received.len()).then_some(end)
    }

    /// Checks that an answer is the very bytes that are expected.
    fn check(&self, answer: &[u8]) {
        let expected = match self {
            Self::Redis { answer } => answer,
            Self::Http { body } => body,
        };
        assert!(answer.ends_with(expected), "another answer: {}", String::from_utf8_lossy(answer));
    }
}
