//! One request to its end: the key, the limit, what is tried again, what is not, and how large an answer may be.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url, redirect};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::de::DeserializeOwned;

use super::answer::Envelope;
use super::pace::Pace;
use super::{MassiveError, Settings};

/// The largest answer that is read, unpacked. A full page of bars has about 6 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How often an answer that makes no sense is asked for again: a fault on the way may be over, one of the
/// source is not.
const MALFORMED_TRIES_MAX: u32 = 3;

/// How much of the API's own words is repeated.
const WORDS_CHARS_MAX: usize = 200;

/// The hosts that the API names itself by. A next page there is asked for where the client is set up to ask.
const OWN_HOSTS: [&str; 2] = ["api.massive.com", "api.polygon.io"];

/// Where the API is, and everything that requests share.
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    pace: Pace,
    settings: Settings,
}

/// How one try ended that did not succeed.
enum Fault {
    /// It would end like this again.
    Final(MassiveError),
    /// There were too many requests; how long the API asks to wait.
    TooMany(Option<Duration>),
    /// It may succeed later.
    Passing(String),
    /// The answer makes no sense.
    Malformed(String),
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Result<Self, MassiveError> {
        let refused = |detail: String| MassiveError::Settings { detail };
        let base = base_url(&settings.base_url).map_err(refused)?;
        if settings.api_key.secret().is_empty() {
            return Err(refused("there is no key; set massive.api_key or MASSIVE_API_KEY".to_owned()));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", settings.api_key.secret()))
            .map_err(|_| refused("the key has characters that no key has; check massive.api_key".to_owned()))?;
        bearer.set_sensitive(true);
        let is_local = base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if base.scheme() == "http" && !is_local {
            tracing::warn!(address = %base.origin().ascii_serialization(), "the key of the Massive API is sent unencrypted");
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&base).map_err(refused)?)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .user_agent(concat!("tickstock-universe/", env!("CARGO_PKG_VERSION")))
            // The key goes to the address that was configured, wherever that would like to send it.
            .redirect(redirect::Policy::none())
            // Tries are counted here, by the limit of requests, and nowhere else.
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.answer_timeout);
        if is_local {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| refused(words_of(&error)))?;
        let pace = Pace::new(settings.requests_per_minute, settings.spread_seed);
        Ok(Self { http, base, pace, settings })
    }

    /// Returns scheme, host and port of the API.
    pub(super) fn address(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the address of an endpoint; the pieces of the path are encoded.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut pieces) = url.path_segments_mut() {
            pieces.pop_if_empty().extend(path);
        }
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Returns the address of the next page, always at the configured address.
    ///
    /// A page elsewhere is refused, so that an answer cannot send the key anywhere. The API's own names are
    /// no exception: only the path and the query of their pages are used.
    pub(super) fn next_page(&self, what: &str, current: &Url, next: &str) -> Result<Url, MassiveError> {
        let malformed = |detail: String| MassiveError::Malformed { what: what.to_owned(), detail };
        let next = current
            .join(next)
            .map_err(|_| malformed(format!("{} is no address of a next page", crate::issue_log::shown(next))))?;
        let is_own = next.host_str().is_some_and(|host| OWN_HOSTS.contains(&host));
        if next.origin() != self.base.origin() && !is_own {
            return Err(MassiveError::ForeignPage {
                what: what.to_owned(),
                address: crate::issue_log::shown(&next.origin().ascii_serialization()),
            });
        }
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        let path = if next.origin() == self.base.origin() {
            next.path().to_owned()
        } else {
            format!("{prefix}{}", next.path())
        };
        url.set_path(&path);
        url.set_query(next.query());
        if url == *current {
            return Err(malformed("the next page is the same page again".to_owned()));
        }
        Ok(url)
    }

    /// Asks until there is an answer, or no hope of one.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, url: &Url) -> Result<Envelope<T>, MassiveError> {
        let Settings { retries, first_wait, longest_wait, .. } = self.settings;
        let tries_max = retries.saturating_add(1);
        for tries in 1.. {
            self.pace.turn().await;
            let fault = match self.try_once(what, url).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let what = what.to_owned();
            match fault {
                Fault::Final(error) => return Err(error),
                Fault::TooMany(_) if tries >= tries_max => return Err(MassiveError::RateLimited { what, tries }),
                Fault::TooMany(asked) => {
                    let own = self.pace.backoff(first_wait, longest_wait, tries).max(self.pace.interval());
                    let wait = asked.unwrap_or(own).min(longest_wait);
                    tracing::debug!(what, tries, wait_ms = wait.as_millis() as u64, "too many requests; all wait");
                    self.pace.pause(wait);
                }
                Fault::Malformed(detail) if tries >= tries_max.min(MALFORMED_TRIES_MAX) => {
                    return Err(MassiveError::Malformed { what, detail });
                }
                Fault::Passing(detail) if tries >= tries_max => {
                    return Err(MassiveError::Unavailable { what, tries, detail });
                }
                Fault::Malformed(detail) | Fault::Passing(detail) => {
                    let wait = self.pace.backoff(first_wait, longest_wait, tries);
                    tracing::debug!(what, tries, detail, wait_ms = wait.as_millis() as u64, "no answer; trying again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
        unreachable!("tries go on until there is an answer or an error")
    }

    async fn try_once<T: DeserializeOwned>(&self, what: &str, url: &Url) -> Result<Envelope<T>, Fault> {
        let sent = self.http.get(url.clone()).send().await;
        let response = sent.map_err(|error| match distrust_in(&error) {
            // The next try would meet the same certificate, and so would every other request.
            Some(reason) => {
                let detail = format!(
                    "this machine does not trust the certificate of {} ({reason}); \
                     check massive.base_url and the machine's root certificates",
                    self.address()
                );
                Fault::Final(MassiveError::Settings { detail })
            }
            None => Fault::Passing(self.safe(&words_of(&error))),
        })?;
        let status = response.status();
        let asked = wait_asked(response.headers());
        let body = self.body(what, response).await;
        if status.is_success() {
            let body = body?;
            let answer: Envelope<T> =
                serde_json::from_slice(&body).map_err(|error| Fault::Malformed(self.safe(&error.to_string())))?;
            return match answer.fault() {
                None => Ok(answer),
                Some(words) if words.contains("maximum requests per minute") => Err(Fault::TooMany(asked)),
                Some(words) => Err(Fault::Final(MassiveError::Refused {
                    what: what.to_owned(),
                    status: status.as_u16(),
                    detail: self.safe(words),
                })),
            };
        }
        // What is said about a failure is welcome, and not needed.
        let detail = body.map(|body| self.words_in(&body)).unwrap_or_default();
        Err(self.fault_of(what, status, asked, detail))
    }

    fn fault_of(&self, what: &str, status: StatusCode, asked: Option<Duration>, words: String) -> Fault {
        let what = what.to_owned();
        let detail = if words.is_empty() { "it gave no reason".to_owned() } else { words };
        match status {
            StatusCode::TOO_MANY_REQUESTS => Fault::TooMany(asked),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Fault::Final(MassiveError::KeyRefused { what, status: status.as_u16(), detail })
            }
            StatusCode::NOT_FOUND => Fault::Final(MassiveError::NotFound { what }),
            StatusCode::REQUEST_TIMEOUT => Fault::Passing(format!("HTTP {}: {detail}", status.as_u16())),
            // A server that says when it is back says it to everybody.
            StatusCode::SERVICE_UNAVAILABLE if asked.is_some() => Fault::TooMany(asked),
            _ if status.is_server_error() => Fault::Passing(format!("HTTP {}: {detail}", status.as_u16())),
            _ => Fault::Final(MassiveError::Refused { what, status: status.as_u16(), detail }),
        }
    }

    /// Reads the body, unpacked, up to its limit.
    async fn body(&self, what: &str, mut response: Response) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) if body.len() + piece.len() > ANSWER_BYTES_MAX => {
                    let (what, limit_bytes) = (what.to_owned(), ANSWER_BYTES_MAX);
                    return Err(Fault::Final(MassiveError::TooLarge { what, limit_bytes }));
                }
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Ok(body),
                Err(error) => return Err(Fault::Passing(self.safe(&words_of(&error)))),
            }
        }
    }

    /// Returns what an answer says about its failure.
    fn words_in(&self, body: &[u8]) -> String {
        let Ok(answer) = serde_json::from_slice::<Envelope<serde::de::IgnoredAny>>(body) else {
            return String::new();
        };
        self.safe(answer.error.or(answer.message).as_deref().unwrap_or_default())
    }

    /// Returns words of somebody else without the key, shortened, in one line.
    fn safe(&self, words: &str) -> String {
        let words = words.replace(self.settings.api_key.secret(), "…");
        let printable = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        printable.take(WORDS_CHARS_MAX).collect::<String>().trim().trim_end_matches('.').to_owned()
    }
}

fn base_url(text: &str) -> Result<Url, String> {
    let wrong = |why: &str| format!("massive.base_url {why}; it is like https://api.massive.com");
    let url: Url = text.trim().parse().map_err(|_| wrong("is no address"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is no HTTP address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than scheme, host, port and path"));
    }
    Ok(url)
}

/// Returns how connections are encrypted: by ring, trusting whom this machine trusts.
///
/// Where nothing is encrypted nobody needs to be trusted, and a machine without root certificates will do.
fn tls(base: &Url) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unfit =
        |error: rustls::Error| format!("this machine cannot check certificates ({error}); install its ca-certificates");
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unfit)?;
    let builder = match base.scheme() {
        "https" => builder.with_platform_verifier().map_err(unfit)?,
        _ => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

/// Returns how long the API asks to wait: in seconds, or until an instant by its own clock.
fn wait_asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let instant = |text: &str| jiff::fmt::rfc2822::parse(text).map(|at| at.timestamp()).ok();
    let until = instant(text)?;
    let sent = instant(headers.get(DATE)?.to_str().ok()?)?;
    Some(Duration::try_from(until.duration_since(sent)).unwrap_or_default())
}

/// Returns why a certificate is not trusted, where that is what went wrong.
fn distrust_in(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(distrust @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(distrust.to_string());
        }
        // An IO error does not name what it is made of as its source.
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}

/// Returns what went wrong with a request, to its root, without its address.
fn words_of(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer was cut off"
    } else {
        "the request failed"
    };
    let mut root = std::error::Error::source(error);
    while let Some(deeper) = root.and_then(std::error::Error::source) {
        root = Some(deeper);
    }
    root.map_or_else(|| kind.to_owned(), |root| format!("{kind} ({root})"))
}

#[cfg(test)]
mod tests;
