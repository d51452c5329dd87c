use jiff::civil::date;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

#[test]
fn midnight_in_new_york_is_the_date_in_winter_and_in_summer() {
    assert_eq!(date_of(at("2023-01-09T05:00:00Z")), date(2023, 1, 9));
    assert_eq!(date_of(at("2023-07-10T04:00:00Z")), date(2023, 7, 10));
    // One hour short of midnight is the day before, on either side of the change of clocks.
    assert_eq!(date_of(at("2023-03-10T04:00:00Z")), date(2023, 3, 9));
    assert_eq!(date_of(at("2023-03-13T03:59:59Z")), date(2023, 3, 12));
}

#[test]
fn the_last_trades_of_the_evening_belong_to_their_day() {
    assert_eq!(date_of(at("2023-11-03T23:59:00Z")), date(2023, 11, 3));
    assert_eq!(date_of(at("2023-12-01T00:59:00Z")), date(2023, 11, 30));
}

#[test]
fn weeks_begin_on_sunday_and_months_on_the_first() {
    assert_eq!(window_start(Timeframe::Week, date(2023, 1, 11)), date(2023, 1, 8));
    assert_eq!(window_start(Timeframe::Week, date(2023, 1, 8)), date(2023, 1, 8));
    assert_eq!(window_start(Timeframe::Month, date(2024, 2, 29)), date(2024, 2, 1));
    assert_eq!(window_start(Timeframe::Day, date(2024, 2, 29)), date(2024, 2, 29));
}

#[test]
fn delistings_are_recorded_at_either_midnight() {
    assert_eq!(recorded_date("2008-09-17T04:00:00Z"), Some(date(2008, 9, 17)));
    assert_eq!(recorded_date("2008-02-11T05:00:00Z"), Some(date(2008, 2, 11)));
    assert_eq!(recorded_date("2025-12-24T00:00:00Z"), Some(date(2025, 12, 24)));
    assert_eq!(recorded_date("2020-01-01"), Some(date(2020, 1, 1)));
    assert_eq!(recorded_date("soon"), None);
}
