//! The head of a request, as far as the fast lane understands it.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Status};

/// More headers than programs send; requests with more are for the router.
const HEADERS_MAX: usize = 32;

const UNIVERSES: &str = "/api/v1/universes";

/// Headers that say something about which the lane does nothing.
const OTHERS: [&str; 9] = [
    "content-length",
    "transfer-encoding",
    "expect",
    "upgrade",
    "authorization",
    "origin",
    "te",
    "trailer",
    "http2-settings",
];

/// What was received.
pub(super) enum Head<'a> {
    /// The beginning of a request.
    Partial,
    /// A plain lookup, and where it ends.
    Lookup(Lookup<'a>, usize),
    /// Anything else.
    Other,
}

/// A lookup: what is asked for, and what decides about the answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lookup<'a> {
    /// Which universe; `None` for the list of all.
    pub(super) universe: Option<&'a str>,
    pub(super) is_symbols_only: bool,
    pub(super) host: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) accept_encoding: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
    pub(super) request_id: Option<&'a [u8]>,
}

/// Reads a head.
pub(super) fn read(received: &[u8]) -> Head<'_> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(received, &mut headers) {
        Ok(Status::Partial) => Head::Partial,
        Ok(Status::Complete(end)) => match lookup(&request) {
            Some(lookup) => Head::Lookup(lookup, end),
            None => Head::Other,
        },
        Err(_) => Head::Other,
    }
}

fn lookup<'a>(request: &Request<'_, 'a>) -> Option<Lookup<'a>> {
    if request.method != Some("GET") || request.version != Some(1) {
        return None;
    }
    let rest = request.path?.strip_prefix(UNIVERSES)?;
    let mut lookup = Lookup::default();
    if !rest.is_empty() {
        let universe = rest.strip_prefix('/')?;
        let name = universe.strip_suffix("/symbols");
        lookup.is_symbols_only = name.is_some();
        lookup.universe = Some(name.unwrap_or(universe));
    }
    for header in &*request.headers {
        let (name, value) = (header.name, header.value);
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let place = if is("host") {
            &mut lookup.host
        } else if is("x-api-key") {
            &mut lookup.key
        } else if is("accept-encoding") {
            &mut lookup.accept_encoding
        } else if is("if-none-match") {
            &mut lookup.if_none_match
        } else if is("x-request-id") {
            if lookup.request_id.replace(value).is_some() {
                return None;
            }
            continue;
        } else if is("connection") {
            if !value.eq_ignore_ascii_case(b"keep-alive") {
                return None;
            }
            continue;
        } else if OTHERS.iter().any(|other| is(other)) {
            return None;
        } else {
            continue;
        };
        // What is said twice, or in strange letters, is weighed elsewhere.
        if place.replace(str::from_utf8(value).ok().filter(|text| text.is_ascii())?).is_some() {
            return None;
        }
    }
    Some(lookup)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_other(request: &str) -> bool {
        matches!(read(request.as_bytes()), Head::Other)
    }

    #[test]
    fn reads_lookups() {
        let request =
            "GET /api/v1/universes/top_500/symbols HTTP/1.1\r\nHost: a\r\nX-API-Key: k\r\naccept: */*\r\n\r\n";
        let twice = request.repeat(2);
        let Head::Lookup(lookup, end) = read(twice.as_bytes()) else { panic!("no lookup") };
        let expected =
            Lookup { universe: Some("top_500"), is_symbols_only: true, host: Some("a"), key: Some("k"), ..lookup };
        assert_eq!((lookup, end), (expected, request.len()));
        let Head::Lookup(list, _) = read(b"GET /api/v1/universes HTTP/1.1\r\n\r\n") else { panic!("no lookup") };
        assert_eq!(list, Lookup::default());
        for end in 0..request.len() {
            assert!(matches!(read(&request.as_bytes()[..end]), Head::Partial), "{end}");
        }
    }

    #[test]
    fn leaves_everything_else_to_the_router() {
        for line in
            ["HEAD /api/v1/universes HTTP/1.1", "GET /api/v1/universes HTTP/1.0", "GET /health HTTP/1.1", "nonsense"]
        {
            assert!(is_other(&format!("{line}\r\n\r\n")), "{line}");
        }
        for header in
            ["connection: close", "content-length: 3", "Origin: x", "x-api-key: 1\r\nx-api-key: 2", "no colon"]
        {
            assert!(is_other(&format!("GET /api/v1/universes HTTP/1.1\r\n{header}\r\n\r\n")), "{header}");
        }
    }
}
