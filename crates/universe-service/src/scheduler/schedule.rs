//! When a run is due: a cron expression in a time zone, on sessions only, earlier where the exchange closes early.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use croner::Cron;
use jiff::civil::{Date, DateTime as CivilDateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use universe_core::{DayKind, day_kind, session_close};

/// The exchange closes so much earlier on a short day: at 13:00 instead of 16:00.
const EARLY_CLOSE: SignedDuration = SignedDuration::from_hours(3);

/// How far back a missed time is looked for; longer than the exchange was ever closed since 1990.
const LOOK_BACK_DAYS: i32 = 15;

/// How far ahead the next time is looked for.
const LOOK_AHEAD_OCCURRENCES: usize = 400;

/// When runs are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    name: String,
}

/// One time at which a run is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The session that it follows: the date in New York.
    pub session: Date,
    /// The instant.
    pub at: Timestamp,
}

/// Why a schedule cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression is no cron expression.
    #[error("{expression:?} is no cron expression ({why}); 16:10 every day is \"10 16 * * *\"")]
    Expression {
        /// The expression.
        expression: String,
        /// What is wrong.
        why: String,
    },
    /// It never comes.
    #[error("{0:?} never comes")]
    Never(String),
    /// A session is synchronized once.
    #[error("{0:?} comes several times a day; a session is synchronized once, so name one hour and one minute")]
    SeveralTimesADay(String),
    /// There is no such time zone.
    #[error("{0:?} is no time zone; zones are named like America/New_York")]
    Zone(String),
}

impl Schedule {
    /// Reads a cron expression (five fields) and the name of a time zone.
    ///
    /// # Errors
    /// When one of them cannot be understood, or the expression comes never or more than once a day.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let cron = Cron::from_str(expression)
            .map_err(|error| ScheduleError::Expression { expression: expression.to_owned(), why: error.to_string() })?;
        let words: Vec<&str> = expression.split_whitespace().collect();
        let time_zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        let schedule = Self { cron, zone: time_zone, name: format!("{} {zone}", words.join(" ")) };
        let start = CivilDateTime::constant(2024, 1, 1, 0, 0, 0, 0);
        let mut times = schedule.times_from(start);
        let first = times.next().ok_or_else(|| ScheduleError::Never(expression.to_owned()))?;
        if times.next().is_some_and(|second| second.date() == first.date()) {
            return Err(ScheduleError::SeveralTimesADay(expression.to_owned()));
        }
        drop(times);
        Ok(schedule)
    }

    /// Returns the name under which the schedule is remembered.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the last time that a run was due, up to and including `now`.
    #[must_use]
    pub fn latest_due(&self, now: Timestamp) -> Option<Due> {
        let until = self.civil(now).saturating_add(1.day());
        self.times_from(self.civil(now).saturating_sub(LOOK_BACK_DAYS.days()))
            .take_while(|time| *time <= until)
            .filter_map(|time| self.due(time))
            .filter(|due| due.at <= now)
            .last()
    }

    /// Returns the first time after `now` that a run is due.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Due> {
        self.times_from(self.civil(now).saturating_sub(1.day()))
            .take(LOOK_AHEAD_OCCURRENCES)
            .filter_map(|time| self.due(time))
            .find(|due| now < due.at)
    }

    fn civil(&self, at: Timestamp) -> CivilDateTime {
        at.to_zoned(self.zone.clone()).datetime()
    }

    /// Returns when a run is due for a time on the wall; `None` where that is no session.
    ///
    /// A time that the clocks skip counts as the one they skip to, one that comes twice as the first.
    fn due(&self, time: CivilDateTime) -> Option<Due> {
        let at = self.zone.to_ambiguous_timestamp(time).compatible().ok()?;
        let session = crate::new_york_date(at);
        let DayKind::Session { early_close } = day_kind(session) else { return None };
        let close = session_close(session)?;
        // What follows the usual close follows the early one by as much.
        let follows_close = early_close && close.checked_add(EARLY_CLOSE).is_ok_and(|usual| usual <= at);
        let at = if follows_close { at.checked_sub(EARLY_CLOSE).ok()? } else { at };
        Some(Due { session, at })
    }

    /// Returns the times on the wall, from one on, in order.
    ///
    /// The clocks of no zone are asked here: the expression is about what a clock on the wall shows.
    fn times_from(&self, start: CivilDateTime) -> impl Iterator<Item = CivilDateTime> {
        let mut next = instant_of(start);
        let mut is_first = true;
        std::iter::from_fn(move || {
            let found = self.cron.find_next_occurrence(next.as_ref()?, is_first).ok();
            is_first = false;
            next = found;
            time_of(next.as_ref()?)
        })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Lends a time on the wall to the cron library, which speaks of another library's instants.
fn instant_of(time: CivilDateTime) -> Option<DateTime<Utc>> {
    let part = |number: i8| u32::from(number.unsigned_abs());
    let date = NaiveDate::from_ymd_opt(i32::from(time.year()), part(time.month()), part(time.day()))?;
    Some(date.and_hms_opt(part(time.hour()), part(time.minute()), part(time.second()))?.and_utc())
}

fn time_of(instant: &DateTime<Utc>) -> Option<CivilDateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(instant.year()).ok()?, part(instant.month())?, part(instant.day())?).ok()?;
    Some(date.at(part(instant.hour())?, part(instant.minute())?, part(instant.second())?, 0))
}

#[cfg(test)]
mod tests;
