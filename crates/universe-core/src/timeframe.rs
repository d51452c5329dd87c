//! The lengths of time that a bar may cover, and a bar of any of them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Price, Symbol};

/// The length of time that a bar covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Timeframe {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One session.
    Day,
    /// One week, from its Sunday.
    Week,
    /// One calendar month.
    Month,
}

/// A text that names no [`Timeframe`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no timeframe; use 1min, hour, day, week or month")]
pub struct TimeframeError(pub String);

impl Timeframe {
    /// Every timeframe, from the shortest to the longest.
    pub const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Returns the name that job messages carry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1min",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Returns the table that holds its bars.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Minute => "ohlcv_1min",
            Self::Hour => "ohlcv_hourly",
            Self::Day => "ohlcv_daily",
            Self::Week => "ohlcv_weekly",
            Self::Month => "ohlcv_monthly",
        }
    }

    /// Tells whether its bars are known by a date; those of the others are known by an instant.
    #[must_use]
    pub const fn is_dated(self) -> bool {
        match self {
            Self::Minute | Self::Hour => false,
            Self::Day | Self::Week | Self::Month => true,
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.trim().to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|timeframe| timeframe.as_str() == plain)
            .ok_or_else(|| TimeframeError(text.to_owned()))
    }
}

impl TryFrom<String> for Timeframe {
    type Error = TimeframeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timeframe> for &'static str {
    fn from(timeframe: Timeframe) -> Self {
        timeframe.as_str()
    }
}

/// One bar of any [`Timeframe`], with all of its figures.
///
/// Prices are positive, `high` is the highest of the four and `low` the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedBar {
    /// The listing.
    pub symbol: Symbol,
    /// The instant at which the time that it covers begins.
    pub start: Timestamp,
    /// The date of that instant in New York: of a day the session, of a week or month its first day.
    pub date: Date,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares traded, rounded; never more than an `i64` holds, as databases count.
    pub volume: u64,
}

#[cfg(test)]
mod tests;
