//! The sessions of the New York Stock Exchange, and when each opens and closes.
//!
//! Rules of observance, and a list of the days on which the exchange departed from them. The rules are
//! NYSE Rule 7.2 (holidays; until 2019 Rule 51) and the exchange's yearly announcements of early closes.
//! Proven day by day from 1990-01-02 to 2027-11-19; other years are answered by the same rules, so that
//! special closures before 1990, and those nobody can know yet, are missing. Unscheduled late openings
//! and halts within a session are no part of it.

use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// What the exchange does on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// It trades.
    Session {
        /// Whether it closes at 13:00 (14:00 before 1993) instead of 16:00.
        early_close: bool,
    },
    /// A Saturday or Sunday.
    Weekend,
    /// A weekday on which it stays closed, and why.
    Holiday(&'static str),
}

/// A day was given where a session is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{date} is not a session ({why}); the session before it is {session_before}")]
pub struct NotASession {
    /// The day that was given.
    pub date: Date,
    /// Why the exchange is closed (`Memorial Day`, `Saturday`).
    pub why: &'static str,
    /// The last session before it.
    pub session_before: Date,
}

/// Closures that no rule foresees.
const SPECIAL_CLOSURES: [(Date, &str); 11] = [
    (ymd(1994, 4, 27), "funeral of Richard Nixon"),
    (ymd(2001, 9, 11), "attacks of September 11"),
    (ymd(2001, 9, 12), "attacks of September 11"),
    (ymd(2001, 9, 13), "attacks of September 11"),
    (ymd(2001, 9, 14), "attacks of September 11"),
    (ymd(2004, 6, 11), "funeral of Ronald Reagan"),
    (ymd(2007, 1, 2), "mourning for Gerald Ford"),
    (ymd(2012, 10, 29), "Hurricane Sandy"),
    (ymd(2012, 10, 30), "Hurricane Sandy"),
    (ymd(2018, 12, 5), "funeral of George H. W. Bush"),
    (ymd(2025, 1, 9), "mourning for Jimmy Carter"),
];

/// Early closes that no rule foresees.
const SPECIAL_EARLY_CLOSES: [Date; 5] =
    [ymd(1996, 7, 5), ymd(1997, 12, 26), ymd(1999, 12, 31), ymd(2002, 7, 5), ymd(2003, 12, 26)];

/// Days on which the rule of early closes did not hold: the Friday after took their place.
const FULL_SESSIONS: [Date; 2] = [ymd(1996, 7, 3), ymd(2002, 7, 3)];

/// Returns what the exchange does on `date`.
#[must_use]
pub fn day_kind(date: Date) -> DayKind {
    if is_weekend(date.weekday()) {
        return DayKind::Weekend;
    }
    match holiday(date).or_else(|| special_closure(date)) {
        Some(name) => DayKind::Holiday(name),
        None => DayKind::Session { early_close: closes_early(date) },
    }
}

/// Tells whether the exchange trades on `date`.
#[must_use]
pub fn is_session(date: Date) -> bool {
    matches!(day_kind(date), DayKind::Session { .. })
}

/// Returns `date` where it is a session, else the last session before it.
#[must_use]
pub fn session_on_or_before(date: Date) -> Date {
    if is_session(date) { date } else { previous_session(date) }
}

/// Returns the first session after `date`.
///
/// At the end of representable time this is the last representable day.
#[must_use]
pub fn next_session(date: Date) -> Date {
    let mut day = date;
    while let Ok(next) = day.tomorrow() {
        day = next;
        if is_session(day) {
            break;
        }
    }
    day
}

/// Returns the last session before `date`.
///
/// At the beginning of representable time this is the first representable day.
#[must_use]
pub fn previous_session(date: Date) -> Date {
    let mut day = date;
    while let Ok(previous) = day.yesterday() {
        day = previous;
        if is_session(day) {
            break;
        }
    }
    day
}

/// Returns the number of sessions after `from` up to and including `to`.
///
/// Zero where `to` is not after `from`.
#[must_use]
pub fn sessions_between(from: Date, to: Date) -> usize {
    from.tomorrow().map_or(0, |first| sessions(first, to).count())
}

/// Returns the sessions from `first` to `last`, both included, in order.
pub fn sessions(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(1.day()).take_while(move |day| *day <= last).filter(|day| is_session(*day))
}

/// Returns the instant at which the session of `date` opens; `None` where it is no session.
#[must_use]
pub fn session_open(date: Date) -> Option<Timestamp> {
    is_session(date).then_some(())?;
    offset_at_noon(date).to_timestamp(date.at(9, 30, 0, 0)).ok()
}

/// Returns the instant at which the session of `date` closes; `None` where it is no session.
#[must_use]
pub fn session_close(date: Date) -> Option<Timestamp> {
    let hour = match day_kind(date) {
        DayKind::Session { early_close: false } => 16,
        DayKind::Session { early_close: true } if date.year() < 1993 => 14,
        DayKind::Session { early_close: true } => 13,
        DayKind::Weekend | DayKind::Holiday(_) => return None,
    };
    offset_at_noon(date).to_timestamp(date.at(hour, 0, 0, 0)).ok()
}

/// Returns `date` when it is a session.
///
/// # Errors
/// When it is not; the error says why and names the session before.
pub fn expect_session(date: Date) -> Result<Date, NotASession> {
    let why = match day_kind(date) {
        DayKind::Session { .. } => return Ok(date),
        DayKind::Weekend if date.weekday() == Weekday::Saturday => "Saturday",
        DayKind::Weekend => "Sunday",
        DayKind::Holiday(name) => name,
    };
    Err(NotASession { date, why, session_before: previous_session(date) })
}

const fn ymd(year: i16, month: i8, day: i8) -> Date {
    jiff::civil::date(year, month, day)
}

fn is_weekend(weekday: Weekday) -> bool {
    matches!(weekday, Weekday::Saturday | Weekday::Sunday)
}

fn special_closure(date: Date) -> Option<&'static str> {
    SPECIAL_CLOSURES.iter().find(|(day, _)| *day == date).map(|(_, why)| *why)
}

/// Returns the holiday that is observed on a weekday, by the rules of NYSE Rule 7.2.
fn holiday(date: Date) -> Option<&'static str> {
    let year = date.year();
    let monday = (date.weekday() == Weekday::Monday).then(|| week_of_month(date));
    match date.month() {
        // A New Year's Day on a Saturday is not observed: the Friday ends the year's accounts (Rule 7.2).
        1 if date.day() == 1 || (date.day() == 2 && monday.is_some()) => Some("New Year's Day"),
        1 if monday == Some(3) && year >= 1998 => Some("Martin Luther King Jr. Day"),
        2 if monday == Some(3) => Some("Washington's Birthday"),
        3 | 4 if is_good_friday(date) => Some("Good Friday"),
        5 if monday.is_some() && date.day() > 31 - 7 => Some("Memorial Day"),
        6 if year >= 2022 && is_observed(date, 19) => Some("Juneteenth"),
        7 if is_observed(date, 4) => Some("Independence Day"),
        9 if monday == Some(1) => Some("Labor Day"),
        11 if is_thanksgiving(date) => Some("Thanksgiving Day"),
        12 if is_observed(date, 25) => Some("Christmas Day"),
        _ => None,
    }
}

/// Tells whether a holiday on `day` of the month is kept on `date`: a Saturday's on the Friday before,
/// a Sunday's on the Monday after.
fn is_observed(date: Date, day: i8) -> bool {
    match date.weekday() {
        Weekday::Friday => date.day() == day || date.day() + 1 == day,
        Weekday::Monday => date.day() == day || date.day() - 1 == day,
        Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday => date.day() == day,
        Weekday::Saturday | Weekday::Sunday => false,
    }
}

/// Tells whether trading ends early: before Independence Day and Christmas, after Thanksgiving Day.
///
/// Christmas Eve has been short since 1990 (so far as proven), the Friday after Thanksgiving since 1992,
/// July 3 since 1995. `date` must be a weekday without a holiday.
fn closes_early(date: Date) -> bool {
    let year = date.year();
    let by_rule = match date.month() {
        7 => date.day() == 3 && year >= 1995 && !FULL_SESSIONS.contains(&date),
        11 => year >= 1992 && date.yesterday().is_ok_and(is_thanksgiving),
        12 => date.day() == 24 && year >= 1990,
        _ => false,
    };
    by_rule || SPECIAL_EARLY_CLOSES.contains(&date)
}

fn is_thanksgiving(date: Date) -> bool {
    date.month() == 11 && date.weekday() == Weekday::Thursday && week_of_month(date) == 4
}

/// Returns which one of its weekday in its month `date` is, from 1.
fn week_of_month(date: Date) -> i8 {
    (date.day() - 1) / 7 + 1
}

fn is_good_friday(date: Date) -> bool {
    date.weekday() == Weekday::Friday && date.checked_add(2.days()).is_ok_and(|sunday| sunday == easter(date.year()))
}

/// Returns Easter Sunday (the anonymous Gregorian computus, as in Meeus, "Astronomical Algorithms", ch. 8).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y.rem_euclid(19), y.div_euclid(100), y.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let g = (b - (b + 8).div_euclid(25) + 1).div_euclid(3);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let l = (32 + 2 * e + 2 * (c / 4) - h - c % 4).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let days_after_march_first = h + l - 7 * m + 21;
    ymd(year, 3, 1).saturating_add(days_after_march_first.days())
}

/// Returns New York's offset from UTC during the trading hours of `date`.
///
/// Clocks change at two o'clock on a Sunday, so one offset holds for a whole session. Computed here
/// because a time zone database would have to be read from the machine: Uniform Time Act (1966), its
/// amendment of 1986, Energy Policy Act of 2005. The trials of 1974 and 1975 are left out.
fn offset_at_noon(date: Date) -> Offset {
    let year = date.year();
    let (start, end) = if year >= 2007 {
        (sunday_from(year, 3, 8), sunday_from(year, 11, 1))
    } else if year >= 1987 {
        (sunday_from(year, 4, 1), sunday_from(year, 10, 25))
    } else {
        (sunday_from(year, 4, 24), sunday_from(year, 10, 25))
    };
    if start <= date && date < end { Offset::constant(-4) } else { Offset::constant(-5) }
}

/// Returns the first Sunday on or after the given day.
fn sunday_from(year: i16, month: i8, day: i8) -> Date {
    let first = ymd(year, month, day);
    let days = (7 - first.weekday().to_sunday_zero_offset()) % 7;
    first.saturating_add(i32::from(days).days())
}

#[cfg(test)]
mod tests;
