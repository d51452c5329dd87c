//! How to reach the API, and how patiently.

use std::fmt;
use std::time::Duration;

/// A key of the API, which shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key as the provider gave it.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into().trim().to_owned())
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How to reach the API, and how patiently.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it answers (`https://api.massive.com`); the key is sent to this address and to no other.
    pub base_url: String,
    /// The key, sent as `Authorization: Bearer`.
    pub api_key: ApiKey,
    /// How many requests a minute all users of the client make together; 0 for any number.
    pub requests_per_minute: u32,
    /// Whether prices and volumes are adjusted for splits.
    pub adjusted: bool,
    /// How many bars a page may have; the API allows up to [`PAGE_ROWS_MAX`](super::PAGE_ROWS_MAX).
    pub page_rows: u32,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one answer may take from the request to its last byte.
    pub answer_timeout: Duration,
    /// How often a request is tried again that may succeed a little later.
    pub retries: u32,
    /// The wait before the first of these; it doubles each time.
    pub first_wait: Duration,
    /// No wait is longer, whatever the API asks for.
    pub longest_wait: Duration,
    /// Spreads the waits of programs that run at the same time; any number that differs between them.
    pub spread_seed: u64,
}

impl Settings {
    /// Returns the settings for a key with the standard waits and limits.
    #[must_use]
    pub fn new(base_url: impl Into<String>, api_key: ApiKey) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            requests_per_minute: 5,
            adjusted: true,
            page_rows: super::PAGE_ROWS_MAX,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            retries: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            spread_seed: 0,
        }
    }
}
