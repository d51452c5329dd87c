use jiff::civil::{Date, date};

use super::*;

#[track_caller]
fn check_kind(day: Date, expected: DayKind) {
    assert_eq!(day_kind(day), expected, "{day}");
}

const FULL: DayKind = DayKind::Session { early_close: false };
const SHORT: DayKind = DayKind::Session { early_close: true };

#[test]
fn weekends_are_no_sessions() {
    check_kind(date(2023, 11, 4), DayKind::Weekend);
    check_kind(date(2023, 11, 5), DayKind::Weekend);
    check_kind(date(2023, 11, 6), FULL);
}

#[test]
fn holidays_are_observed_by_rule() {
    check_kind(date(2023, 1, 2), DayKind::Holiday("New Year's Day"));
    check_kind(date(2024, 1, 15), DayKind::Holiday("Martin Luther King Jr. Day"));
    check_kind(date(2024, 2, 19), DayKind::Holiday("Washington's Birthday"));
    check_kind(date(2024, 3, 29), DayKind::Holiday("Good Friday"));
    check_kind(date(2022, 5, 30), DayKind::Holiday("Memorial Day"));
    check_kind(date(2022, 6, 20), DayKind::Holiday("Juneteenth"));
    check_kind(date(2020, 7, 3), DayKind::Holiday("Independence Day"));
    check_kind(date(2024, 9, 2), DayKind::Holiday("Labor Day"));
    check_kind(date(2024, 11, 28), DayKind::Holiday("Thanksgiving Day"));
    check_kind(date(2021, 12, 24), DayKind::Holiday("Christmas Day"));
}

#[test]
fn new_year_on_saturday_is_not_observed() {
    check_kind(date(2021, 12, 31), FULL);
    check_kind(date(2022, 1, 3), FULL);
}

#[test]
fn younger_holidays_begin_when_they_began() {
    check_kind(date(1997, 1, 20), FULL);
    check_kind(date(1998, 1, 19), DayKind::Holiday("Martin Luther King Jr. Day"));
    check_kind(date(2021, 6, 18), FULL);
}

#[test]
fn special_closures_override_the_rules() {
    check_kind(date(2001, 9, 11), DayKind::Holiday("attacks of September 11"));
    check_kind(date(2012, 10, 29), DayKind::Holiday("Hurricane Sandy"));
    check_kind(date(2025, 1, 9), DayKind::Holiday("mourning for Jimmy Carter"));
}

#[test]
fn early_closes_surround_holidays() {
    check_kind(date(2023, 7, 3), SHORT);
    check_kind(date(2022, 11, 25), SHORT);
    check_kind(date(2024, 12, 24), SHORT);
    check_kind(date(1996, 7, 3), FULL);
    check_kind(date(1996, 7, 5), SHORT);
    check_kind(date(1991, 11, 29), FULL);
}

#[test]
fn years_beyond_the_proven_ones_answer_by_rule() {
    check_kind(date(2027, 12, 24), DayKind::Holiday("Christmas Day"));
    check_kind(date(2030, 4, 19), DayKind::Holiday("Good Friday"));
    check_kind(date(2038, 4, 23), DayKind::Holiday("Good Friday"));
    check_kind(date(1985, 4, 5), DayKind::Holiday("Good Friday"));
}

#[test]
fn walks_from_session_to_session() {
    assert_eq!(session_on_or_before(date(2022, 5, 30)), date(2022, 5, 27));
    assert_eq!(session_on_or_before(date(2022, 5, 27)), date(2022, 5, 27));
    assert_eq!(next_session(date(2022, 5, 27)), date(2022, 5, 31));
    assert_eq!(previous_session(date(2022, 5, 31)), date(2022, 5, 27));
    assert_eq!(next_session(date(2001, 9, 10)), date(2001, 9, 17));
}

#[test]
fn counts_sessions_after_the_first_day_up_to_the_last() {
    assert_eq!(sessions_between(date(2022, 5, 27), date(2022, 5, 31)), 1);
    assert_eq!(sessions_between(date(2022, 5, 27), date(2022, 5, 30)), 0);
    assert_eq!(sessions_between(date(2022, 5, 31), date(2022, 5, 31)), 0);
    assert_eq!(sessions_between(date(2022, 5, 31), date(2022, 5, 27)), 0);
    assert_eq!(sessions_between(date(2022, 12, 30), date(2023, 12, 29)), 250);
}

#[test]
fn lists_sessions_of_an_inclusive_range() {
    let found: Vec<Date> = sessions(date(2022, 5, 27), date(2022, 6, 1)).collect();
    assert_eq!(found, [date(2022, 5, 27), date(2022, 5, 31), date(2022, 6, 1)]);
}

#[test]
fn ends_of_time_do_not_loop() {
    assert_eq!(next_session(Date::MAX), Date::MAX);
    assert_eq!(previous_session(Date::MIN), Date::MIN);
    assert_eq!(sessions_between(Date::MAX, Date::MAX), 0);
}

#[test]
fn opens_and_closes_at_utc_instants() {
    let text = |instant: Option<jiff::Timestamp>| instant.map(|i| i.to_string());
    assert_eq!(text(session_open(date(2024, 3, 8))).as_deref(), Some("2024-03-08T14:30:00Z"));
    assert_eq!(text(session_open(date(2024, 3, 11))).as_deref(), Some("2024-03-11T13:30:00Z"));
    assert_eq!(text(session_close(date(2024, 11, 1))).as_deref(), Some("2024-11-01T20:00:00Z"));
    assert_eq!(text(session_close(date(2024, 11, 29))).as_deref(), Some("2024-11-29T18:00:00Z"));
    assert_eq!(text(session_close(date(1990, 12, 24))).as_deref(), Some("1990-12-24T19:00:00Z"));
    assert_eq!(session_close(date(2024, 11, 28)), None);
    assert_eq!(session_open(date(2024, 11, 30)), None);
}

#[test]
fn says_why_a_day_is_no_session() {
    let refused = |day| expect_session(day).expect_err("no session").to_string();
    assert_eq!(
        refused(date(2022, 5, 30)),
        "2022-05-30 is not a session (Memorial Day); the session before it is 2022-05-27"
    );
    assert_eq!(
        refused(date(2023, 11, 4)),
        "2023-11-04 is not a session (Saturday); the session before it is 2023-11-03"
    );
    assert_eq!(expect_session(date(2022, 5, 31)), Ok(date(2022, 5, 31)));
}
