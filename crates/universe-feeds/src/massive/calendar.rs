//! Dates and instants as the API means them: windows begin by the clock of New York.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use universe_core::Timeframe;

/// From the rules that are compiled in, so that no machine's own time zone files are needed.
static NEW_YORK: LazyLock<TimeZone> = LazyLock::new(|| {
    TimeZoneDatabase::bundled().get("America/New_York").expect("the compiled-in time zones have New York")
});

/// Returns the date of an instant in New York.
pub(super) fn date_of(at: Timestamp) -> Date {
    at.to_zoned(NEW_YORK.clone()).date()
}

/// Returns the day on which the window of a timeframe begins that holds `date`: the Sunday of a week, the
/// first of a month.
pub(super) fn window_start(timeframe: Timeframe, date: Date) -> Date {
    match timeframe {
        Timeframe::Minute | Timeframe::Hour | Timeframe::Day => date,
        Timeframe::Week => {
            let days = date.weekday().since(Weekday::Sunday);
            date.saturating_sub(i32::from(days).days())
        }
        Timeframe::Month => date.first_of_month(),
    }
}

/// Reads the instant at which a delisting is recorded: midnight in New York, or the bare date at midnight UTC.
pub(super) fn recorded_date(text: &str) -> Option<Date> {
    match text.parse::<Timestamp>() {
        Ok(at) if at.as_second().rem_euclid(86_400) == 0 => Some(at.to_zoned(TimeZone::UTC).date()),
        Ok(at) => Some(date_of(at)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
