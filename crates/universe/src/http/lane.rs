//! The fast lane: plain lookups that memory has ready answers to, without the machinery that everything else needs.
//!
//! Every connection begins here. A request that is anything but such a lookup, or that is to be refused, goes
//! with its connection to the router, which knows every case. What is answered here is answered as there, to
//! the byte of the body: the same keys, limits, names of contents, request ids and figures.

mod head;

use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Method;
use metrics::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use universe_service::{Ambient as _, Body};

use self::head::{Head, Lookup};
use super::App;
use super::lookups::{CACHE_CONTROL, Sent, VARY, choose};
use super::metrics::request_seconds;
use crate::clock::Surroundings;

/// More than a lookup's head has; longer ones are for the router.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// How much is collected before it is sent, when a client sends many requests at once.
const SEND_BYTES: usize = 64 * 1024;

/// The routes of the lane, as the router has them.
const ROUTES: [&str; 3] = ["/api/v1/universes", "/api/v1/universes/{universe}", "/api/v1/universes/{universe}/symbols"];

/// What the connections of the lane share.
pub(super) struct Lane {
    app: Arc<App>,
    /// By route: answers with content, and those that say that the client has it.
    figures: [[Histogram; 2]; 3],
}

/// How a connection left the lane.
pub(super) enum Left {
    /// It is over.
    Closed,
    /// It is for the router, which is to read this first.
    Rest(Vec<u8>),
}

impl Lane {
    pub(super) fn new(app: Arc<App>) -> Self {
        let figures = ROUTES.map(|route| ["2xx", "3xx"].map(|class| request_seconds(route, &Method::GET, class)));
        Self { app, figures }
    }

    /// Answers lookups until there is another request, nothing for so long, or the server stops.
    pub(super) async fn answer(
        &self,
        stream: &mut TcpStream,
        silence: Duration,
        mut shutdown: watch::Receiver<bool>,
    ) -> std::io::Result<Left> {
        let is_alive = AtomicBool::new(false);
        let stopped = async { drop(shutdown.wait_for(|is_over| *is_over).await) };
        // Looked at once in that time only, which costs requests nothing.
        let silent = async {
            loop {
                tokio::time::sleep(silence).await;
                if !is_alive.swap(false, Ordering::Relaxed) {
                    return;
                }
            }
        };
        let mut over = pin!(async {
            tokio::select! { () = stopped => {}, () = silent => {} }
        });
        let mut received = Vec::with_capacity(HEAD_BYTES_MAX);
        let mut out = Vec::with_capacity(HEAD_BYTES_MAX);
        loop {
            let read = tokio::select! {
                biased;
                read = stream.read_buf(&mut received) => read?,
                () = &mut over => return Ok(Left::Closed),
            };
            if read == 0 {
                return Ok(Left::Closed);
            }
            let mut from = 0;
            let is_for_router = loop {
                match head::read(&received[from..]) {
                    Head::Partial => break received.len() - from >= HEAD_BYTES_MAX,
                    Head::Other => break true,
                    Head::Lookup(lookup, end) => {
                        if !self.write_answer(&lookup, &mut out) {
                            break true;
                        }
                        from += end;
                    }
                }
                if out.len() >= SEND_BYTES {
                    stream.write_all(&out).await?;
                    out.clear();
                }
            };
            if !out.is_empty() {
                is_alive.store(true, Ordering::Relaxed);
                stream.write_all(&out).await?;
                out.clear();
                // A large answer was an exception: connections are many.
                out.shrink_to(SEND_BYTES);
            }
            received.drain(..from);
            if is_for_router {
                return Ok(Left::Rest(received));
            }
        }
    }

    /// Writes the answer to a lookup; returns false where it is not ready or not to be had.
    fn write_answer(&self, lookup: &Lookup<'_>, out: &mut Vec<u8>) -> bool {
        let began = tokio::time::Instant::now();
        let app = &*self.app;
        // The router says how old an answer is.
        if app.lookups.age(began).as_secs() > 0 {
            return false;
        }
        let snapshot = app.lookups.borrowed();
        let (route, body): (usize, &Body) = match (lookup.universe, lookup.is_symbols_only) {
            (None, _) => (0, snapshot.list()),
            (Some(universe), false) => match snapshot.ready(universe) {
                Some(answer) => (1, &answer.members),
                None => return false,
            },
            (Some(universe), true) => match snapshot.ready(universe) {
                Some(answer) => (2, &answer.symbols),
                None => return false,
            },
        };
        let is_foreign = || lookup.host.is_some_and(|host| app.gate.is_foreign_name(host));
        if !app.keys.are_asked_for() && is_foreign() {
            return false;
        }
        let now = Surroundings.now();
        if !app.keys.admits_reader(lookup.key, now) {
            return false;
        }
        let sent = choose(body, lookup.accept_encoding, lookup.if_none_match);
        let is_known = sent.bytes.is_none();
        let age_seconds = app.lookups.age(began).as_secs();
        self.write(&sent, lookup, now, age_seconds, out);
        self.figures[route][usize::from(is_known)].record(began.elapsed().as_secs_f64());
        true
    }

    fn write(&self, sent: &Sent<'_>, lookup: &Lookup<'_>, now: jiff::Timestamp, age_seconds: u64, out: &mut Vec<u8>) {
        let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
        match sent.bytes {
            Some(_) => put("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \""),
            None => put("HTTP/1.1 304 Not Modified\r\netag: \""),
        }
        put(sent.etag);
        put(sent.etag_ending);
        put("\"\r\ncache-control: ");
        put(CACHE_CONTROL);
        put("\r\nvary: ");
        put(VARY);
        put("\r\nx-content-type-options: nosniff\r\n");
        if sent.is_compressed && sent.bytes.is_some() {
            put("content-encoding: gzip\r\n");
        }
        // Writing into memory does not fail.
        if let Some(bytes) = sent.bytes {
            let _ = write!(out, "content-length: {}\r\n", bytes.len());
        }
        if age_seconds > 0 {
            let _ = write!(out, "age: {age_seconds}\r\n");
        }
        out.extend_from_slice(b"x-request-id: ");
        self.app.gate.write_request_id(lookup.request_id, out);
        out.extend_from_slice(b"\r\ndate: ");
        date::write(now, out);
        out.extend_from_slice(b"\r\n\r\n");
        if let Some(bytes) = sent.bytes {
            out.extend_from_slice(bytes);
        }
    }
}

/// The header `date`, formatted once a second.
mod date {
    use std::cell::RefCell;

    thread_local! {
        static LAST: RefCell<(i64, Vec<u8>)> = const { RefCell::new((i64::MIN, Vec::new())) };
    }

    pub(super) fn write(now: jiff::Timestamp, out: &mut Vec<u8>) {
        LAST.with_borrow_mut(|(second, text)| {
            if *second != now.as_second() {
                *second = now.as_second();
                *text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().into_bytes();
            }
            out.extend_from_slice(text);
        });
    }
}

#[cfg(test)]
mod tests;
