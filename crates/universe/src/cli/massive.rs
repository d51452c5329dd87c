//! The client of the Massive API as the configuration describes it.

use universe_feeds::massive::{ApiKey, Client, MassiveError, Settings};
use universe_service::Ambient as _;

use crate::clock::Surroundings;
use crate::config::Config;

/// The most requests that may be under way at once; the API asks to stay below a hundred a second.
const CONCURRENCY_MAX: usize = 64;

/// Makes the client that the configuration describes; nothing is asked yet.
///
/// # Errors
/// When there is no key, or the address is none.
pub(crate) fn client(config: &Config) -> Result<Client, MassiveError> {
    Client::new(settings(config))
}

fn settings(config: &Config) -> Settings {
    let key = ApiKey::new(config.get("massive.api_key").unwrap_or_default());
    let mut settings = Settings::new(config.get("massive.base_url").unwrap_or_default(), key);
    settings.requests_per_minute = u32::try_from(requests_per_minute(config)).unwrap_or(u32::MAX);
    settings.adjusted = config.get("massive.adjusted") != Some("false");
    settings.spread_seed = Surroundings.new_run_id().as_u64_pair().1;
    settings
}

/// Makes the client that only asks whether the API is there: it tries once.
///
/// # Errors
/// As for [`client`].
pub(crate) fn impatient_client(config: &Config) -> Result<Client, MassiveError> {
    Client::new(Settings { retries: 0, ..settings(config) })
}

/// Returns how many requests a minute may be made; 0 for any number.
pub(crate) fn requests_per_minute(config: &Config) -> u64 {
    number(config, "massive.requests_per_minute")
}

/// Returns how many requests are under way at once.
pub(crate) fn concurrency(config: &Config) -> usize {
    usize::try_from(number(config, "massive.concurrency")).unwrap_or(CONCURRENCY_MAX).clamp(1, CONCURRENCY_MAX)
}

/// Returns a setting that is checked to be a whole number.
fn number(config: &Config, key: &'static str) -> u64 {
    config.get(key).and_then(|text| text.parse().ok()).unwrap_or(0)
}
