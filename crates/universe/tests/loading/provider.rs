//! The stand-in of the provider, and how the program is pointed at it.

use jiff::civil::date;
use universe_testkit::{MassiveStandIn, StandInSettings};

/// A provider with these listings, whose market goes on for as long as anybody may run these tests.
pub(crate) fn provider(symbols: impl IntoIterator<Item = impl Into<String>>) -> MassiveStandIn {
    MassiveStandIn::start(StandInSettings::of(symbols, date(2040, 1, 3)))
}

/// Returns the variables that lead the program there, with a plan of so many requests a minute.
pub(crate) fn variables(provider: &MassiveStandIn, requests_per_minute: u32) -> Vec<(&'static str, String)> {
    vec![
        ("UNIVERSE__MASSIVE__BASE_URL", provider.base_url()),
        ("MASSIVE_API_KEY", provider.api_key().to_owned()),
        ("UNIVERSE__MASSIVE__REQUESTS_PER_MINUTE", requests_per_minute.to_string()),
    ]
}

/// Borrows variables, as commands take them.
pub(crate) fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
