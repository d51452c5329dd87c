//! When runs are due: across changes of the clocks, early closes, holidays.

use jiff::civil::date;

use super::*;

fn standard() -> Schedule {
    Schedule::parse(crate::STANDARD_CRON, crate::STANDARD_ZONE).expect("a schedule")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The next times after an instant.
fn next(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let mut now = at(after);
    let mut times = Vec::new();
    for _ in 0..count {
        let due = schedule.next_due(now).expect("it comes");
        assert_eq!(schedule.latest_due(due.at), Some(due), "what comes next is what came last when it came");
        times.push(format!("{} {}", due.session, due.at));
        now = due.at;
    }
    times
}

#[test]
fn it_follows_the_clocks_of_new_york() {
    // Friday before and Monday after the clocks change, in spring and in autumn.
    assert_eq!(
        next(&standard(), "2024-03-08T12:00:00Z", 2),
        ["2024-03-08 2024-03-08T21:10:00Z", "2024-03-11 2024-03-11T20:10:00Z"]
    );
    assert_eq!(
        next(&standard(), "2024-11-01T12:00:00Z", 2),
        ["2024-11-01 2024-11-01T20:10:00Z", "2024-11-04 2024-11-04T21:10:00Z"]
    );
}

#[test]
fn it_comes_on_sessions_only() {
    // Good Friday, and Christmas with the weekend around it.
    assert_eq!(next(&standard(), "2024-03-28T21:00:00Z", 1), ["2024-04-01 2024-04-01T20:10:00Z"]);
    assert_eq!(next(&standard(), "2022-12-23T21:30:00Z", 1), ["2022-12-27 2022-12-27T21:10:00Z"]);
}

#[test]
fn it_comes_as_much_earlier_as_the_exchange_closes() {
    // The day after Thanksgiving and Christmas Eve close at 13:00.
    assert_eq!(
        next(&standard(), "2024-11-27T22:00:00Z", 2),
        ["2024-11-29 2024-11-29T18:10:00Z", "2024-12-02 2024-12-02T21:10:00Z"]
    );
    assert_eq!(next(&standard(), "2024-12-24T12:00:00Z", 1), ["2024-12-24 2024-12-24T18:10:00Z"]);
    let morning = Schedule::parse("0 6 * * *", "America/New_York").expect("a schedule");
    assert_eq!(
        next(&morning, "2024-12-24T10:00:00Z", 1),
        ["2024-12-24 2024-12-24T11:00:00Z"],
        "what does not follow the close stays where it is"
    );
}

#[test]
fn it_may_be_told_in_the_clocks_of_elsewhere() {
    // Berlin changes its clocks three weeks after New York: in between it is an hour earlier there.
    let berlin = Schedule::parse("10 22 * * MON-FRI", "Europe/Berlin").expect("a schedule");
    assert_eq!(
        next(&berlin, "2024-03-08T12:00:00Z", 2),
        ["2024-03-08 2024-03-08T21:10:00Z", "2024-03-11 2024-03-11T21:10:00Z"]
    );
    // In Tokyo it is the next morning; the session is New York's.
    let tokyo = Schedule::parse("30 6 * * *", "Asia/Tokyo").expect("a schedule");
    assert_eq!(next(&tokyo, "2024-03-04T12:00:00Z", 1), ["2024-03-04 2024-03-04T21:30:00Z"]);
}

#[test]
fn a_time_that_the_clocks_skip_or_repeat_comes_once() {
    // In Cairo the clocks went from 00:00 to 01:00 on Friday, 26 April 2024, and from 24:00 back to 23:00 on
    // Thursday, 31 October.
    let skipped = Schedule::parse("30 0 * * *", "Africa/Cairo").expect("a schedule");
    assert_eq!(
        next(&skipped, "2024-04-25T12:00:00Z", 2),
        ["2024-04-25 2024-04-25T22:30:00Z", "2024-04-26 2024-04-26T21:30:00Z"]
    );
    let repeated = Schedule::parse("30 23 * * *", "Africa/Cairo").expect("a schedule");
    assert_eq!(
        next(&repeated, "2024-10-31T12:00:00Z", 2),
        ["2024-10-31 2024-10-31T20:30:00Z", "2024-11-01 2024-11-01T21:30:00Z"]
    );
}

#[test]
fn every_session_of_two_years_comes_once_and_after_its_close() {
    let schedule = standard();
    let mut now = at("2023-01-01T00:00:00Z");
    let mut sessions = Vec::new();
    while let Some(due) = schedule.next_due(now).filter(|due| due.session < date(2025, 1, 1)) {
        let close = session_close(due.session).expect("a session");
        assert_eq!(due.at.duration_since(close), SignedDuration::from_mins(10), "{due:?}");
        sessions.push(due.session);
        now = due.at;
    }
    let all: Vec<Date> = universe_core::sessions(date(2023, 1, 1), date(2024, 12, 31)).collect();
    assert_eq!(sessions, all);
}

#[test]
fn what_cannot_be_understood_is_refused_with_words() {
    let says = |expression: &str, zone: &str| Schedule::parse(expression, zone).expect_err("refused").to_string();
    assert!(says("16:10", "America/New_York").contains("is no cron expression"));
    assert!(says("*/5 * * * *", "America/New_York").contains("several times a day"));
    assert!(says("10 16 30 2 *", "America/New_York").contains("never comes"));
    assert!(says("10 16 * * *", "New York").contains("is no time zone"));
}
