//! Which session a file describes.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use universe_core::expect_session;

use crate::FeedError;

/// Returns the session given, else the one in the file's name; a day that is no session is refused.
pub(crate) fn session_of(path: &Path, as_of_date: Option<Date>) -> Result<Date, FeedError> {
    let date = match as_of_date {
        Some(date) => date,
        None => date_in_name(path)?,
    };
    expect_session(date).map_err(|source| FeedError::NotASession { path: path.to_owned(), source })
}

/// Finds `2022-05-17` or `20220517` in a file's name, not within a longer number.
fn date_in_name(path: &Path) -> Result<Date, FeedError> {
    let no_session = |detail| FeedError::NoSession { path: path.to_owned(), detail };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = name.as_bytes();
    let mut dates = BTreeSet::new();
    for start in 0..bytes.len() {
        if start > 0 && bytes[start - 1].is_ascii_digit() {
            continue;
        }
        for (length, format) in [(10, "%Y-%m-%d"), (8, "%Y%m%d")] {
            let followed_by_digit = bytes.get(start + length).is_some_and(u8::is_ascii_digit);
            let candidate = name.get(start..start + length).filter(|_| !followed_by_digit);
            let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            if let Some(date) = candidate.filter(is_plain).and_then(|text| Date::strptime(format, text).ok()) {
                dates.insert(date);
            }
        }
    }
    let found = dates.len();
    match dates.pop_first() {
        Some(date) if found == 1 => Ok(date),
        Some(_) => Err(no_session("its name holds several dates")),
        None => Err(no_session("its name holds no date such as 2022-05-17 or 20220517")),
    }
}

#[cfg(test)]
mod tests;
