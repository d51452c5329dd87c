//! Why the API gave no answer that can be used.

/// A request that came to nothing, after everything that could be tried again was.
///
/// No variant holds the key, and no text of the API is taken over unless it is short and free of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MassiveError {
    /// The client cannot be made of these settings.
    #[error("the Massive API cannot be used: {detail}")]
    Settings {
        /// What is wrong, and with which setting.
        detail: String,
    },
    /// The key was refused (401), or its plan does not include what was asked for (403).
    #[error("the Massive API refused the key for {what} (HTTP {status}): {detail}; check massive.api_key and its plan")]
    KeyRefused {
        /// What was asked for.
        what: String,
        /// 401 or 403.
        status: u16,
        /// What the API says.
        detail: String,
    },
    /// The API knows no such thing (404).
    #[error("the Massive API knows no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// The API refused this request, and would again.
    #[error("the Massive API refused {what} (HTTP {status}): {detail}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the API says.
        detail: String,
    },
    /// The API said "too many requests" to every try.
    #[error(
        "the Massive API still answered {what} with too many requests after {tries} tries; lower massive.requests_per_minute"
    )]
    RateLimited {
        /// What was asked for.
        what: String,
        /// How often it was tried.
        tries: u32,
    },
    /// No try got a whole answer.
    #[error("the Massive API did not answer {what} in {tries} tries: {detail}; try again later")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// How often it was tried.
        tries: u32,
        /// What went wrong the last time.
        detail: String,
    },
    /// The answer is not what the API documents.
    #[error("the Massive API answered {what} with something else than documented: {detail}")]
    Malformed {
        /// What was asked for.
        what: String,
        /// What was found, and where.
        detail: String,
    },
    /// The answer is larger than any of its kind.
    #[error("the Massive API answered {what} with more than {limit_bytes} bytes; no answer of this kind is so large")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The limit that was passed.
        limit_bytes: usize,
    },
    /// The next page is at an address that the key is not for.
    #[error("the Massive API continued {what} at another address ({address}), which was not followed")]
    ForeignPage {
        /// What was asked for.
        what: String,
        /// Scheme, host and port of that address.
        address: String,
    },
}

impl MassiveError {
    /// Tells whether every further request would meet the same refusal, so that a job has to end.
    #[must_use]
    pub fn ends_job(&self) -> bool {
        match self {
            Self::Settings { .. } | Self::KeyRefused { .. } => true,
            Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::ForeignPage { .. } => false,
        }
    }

    /// Tells whether the same request may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } => true,
            Self::Settings { .. }
            | Self::KeyRefused { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::ForeignPage { .. } => false,
        }
    }
}
