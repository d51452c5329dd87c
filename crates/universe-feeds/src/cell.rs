//! One value of one row, whatever kind of file it stands in, and how it is understood.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use crate::issue_log::shown;

/// A value as the file holds it: CSV has texts only, JSON and Parquet have types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text, untrimmed.
    Text(&'a str),
    /// A whole number.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A civil date.
    Day(Date),
}

/// A cell that cannot be understood; says what it holds and what it should be.
#[derive(Debug, PartialEq)]
pub(crate) struct BadCell(pub(crate) String);

impl<'a> Cell<'a> {
    /// Takes a JSON value; lists and objects are no values of a cell and become unreadable text.
    pub(crate) fn from_json(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Flag(*flag),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Whole(whole),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Null,
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(_) => Self::Text("[...]"),
            serde_json::Value::Object(_) => Self::Text("{...}"),
        }
    }

    /// Returns the text without surrounding space; `None` where it is blank or says that there is none.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => {
                let text = text.trim();
                (!text.is_empty() && !text.eq_ignore_ascii_case("n/a")).then_some(Cow::Borrowed(text))
            }
            Self::Whole(whole) => Some(Cow::Owned(whole.to_string())),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Flag(flag) => Some(Cow::Owned(flag.to_string())),
            Self::Day(date) => Some(Cow::Owned(date.to_string())),
        }
    }

    /// Returns the text as an owned string, as records keep it.
    pub(crate) fn owned_text(self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    /// Returns the number: `$1.09`, `7.921%` and `1,234` are numbers, blank and `N/A` are `None`.
    pub(crate) fn number(self) -> Result<Option<f64>, BadCell> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => parse_number(text).ok_or_else(|| self.bad("a number")),
            Self::Whole(whole) => Ok(Some(whole as f64)),
            Self::Number(number) if number.is_finite() => Ok(Some(number)),
            // A data frame's way of saying that there is none.
            Self::Number(number) if number.is_nan() => Ok(None),
            Self::Flag(flag) => Ok(Some(f64::from(u8::from(flag)))),
            Self::Number(_) | Self::Day(_) => Err(self.bad("a number")),
        }
    }

    /// Returns the number rounded to a whole one.
    pub(crate) fn whole(self) -> Result<Option<i64>, BadCell> {
        if let Self::Whole(whole) = self {
            return Ok(Some(whole));
        }
        match self.number()?.map(f64::round) {
            Some(number) if number.abs() >= 9.0e18 => Err(self.bad("a number that can be stored")),
            number => Ok(number.map(|number| number as i64)),
        }
    }

    /// Returns the day: `2022-05-17`, `20220517`, or the day in UTC of an ISO timestamp.
    pub(crate) fn day(self) -> Result<Option<Date>, BadCell> {
        let bad = || self.bad("a date (YYYY-MM-DD)");
        match self {
            Self::Null => Ok(None),
            Self::Day(date) => Ok(Some(date)),
            Self::Text(text) if text.trim().is_empty() => Ok(None),
            Self::Text(text) => parse_day(text.trim()).map(Some).ok_or_else(bad),
            Self::Whole(whole) => parse_day(&whole.to_string()).map(Some).ok_or_else(bad),
            Self::Number(_) | Self::Flag(_) => Err(bad()),
        }
    }

    /// Returns true or false in any of the usual spellings.
    pub(crate) fn flag(self) -> Result<Option<bool>, BadCell> {
        match self {
            Self::Flag(flag) => return Ok(Some(flag)),
            Self::Null | Self::Text(_) | Self::Whole(_) | Self::Number(_) | Self::Day(_) => {}
        }
        let Some(text) = self.text() else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "active" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" | "inactive" => Ok(Some(false)),
            _ => Err(self.bad("true or false")),
        }
    }

    /// Returns the value as an issue quotes it.
    pub(crate) fn shown(self) -> String {
        shown(&self.owned_text().unwrap_or_default())
    }

    fn bad(self, expected: &str) -> BadCell {
        let value = match self {
            Self::Number(number) => number.to_string(),
            Self::Null | Self::Text(_) | Self::Whole(_) | Self::Flag(_) | Self::Day(_) => self.shown(),
        };
        BadCell(format!("{value} is not {expected}"))
    }
}

/// Returns `Some(None)` for a blank, `None` for what is no number.
fn parse_number(text: &str) -> Option<Option<f64>> {
    let text = text.trim();
    if text.is_empty() || matches!(text, "N/A" | "n/a" | "NA" | "--") {
        return Some(None);
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    let rest = rest.strip_suffix('%').unwrap_or(rest);
    if negative && rest.starts_with('-') {
        return None;
    }
    let number: f64 = if rest.contains(',') { ungrouped(rest)?.parse().ok()? } else { rest.parse().ok()? };
    number.is_finite().then_some(Some(if negative { -number } else { number }))
}

/// Takes the commas out of `1,234,567.89`; a comma anywhere else may be a decimal one and is refused.
fn ungrouped(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut groups = whole.trim_start_matches('-').split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let fraction_is_plain = fraction.is_none_or(|digits| !digits.contains(','));
    (grouped && fraction_is_plain).then(|| text.replace(',', ""))
}

fn parse_day(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() == 8 && bytes.iter().all(u8::is_ascii_digit) {
        return Date::strptime("%Y%m%d", text).ok();
    }
    // Everything that begins with a date and goes on is a timestamp, with or without an offset.
    let begins_with_date = text.is_char_boundary(10) && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    if !begins_with_date {
        return None;
    }
    if bytes.len() == 10 {
        return text.parse().ok();
    }
    match text.parse::<Timestamp>() {
        Ok(instant) => Some(TimeZone::UTC.to_datetime(instant).date()),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok().map(|at| at.date()),
    }
}

#[cfg(test)]
mod tests;
