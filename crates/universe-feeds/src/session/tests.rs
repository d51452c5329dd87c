use super::*;
use crate::testing::chain;

fn session(name: &str, as_of_date: Option<Date>) -> Result<String, String> {
    session_of(Path::new(name), as_of_date).map(|date| date.to_string()).map_err(|error| chain(&error))
}

#[test]
fn takes_the_day_from_the_name() {
    for name in ["2022-05-17.csv.gz", "nasdaq_20220517.csv", "x/2022-05-17-2022-05-17.json", "v2-20220517T2000.csv"] {
        assert_eq!(session(name, None).as_deref(), Ok("2022-05-17"), "{name}");
    }
}

#[test]
fn what_is_said_wins_over_the_name() {
    assert_eq!(session("2022-05-30.csv", Some(Date::constant(2022, 5, 27))).as_deref(), Ok("2022-05-27"));
}

#[test]
fn asks_for_the_day_where_the_name_does_not_say() {
    for name in
        ["screener.csv", "nasdaq_screener_1653000000000.csv", "20221399.csv", "202205171.csv", "..", "é2022-05.csv"]
    {
        let message = session(name, None).expect_err(name);
        assert!(message.contains("does not say which session") && message.ends_with("pass --as-of YYYY-MM-DD"));
    }
    let message = session("2022-05-17_2022-05-18.csv", None).expect_err("two days");
    assert!(message.contains("several dates"));
}

#[test]
fn refuses_days_that_are_no_session() {
    assert_eq!(
        session("2022-05-30.csv.gz", None).expect_err("a holiday"),
        "2022-05-30.csv.gz cannot be loaded for 2022-05-30; pass the session that it describes as --as-of: \
         2022-05-30 is not a session (Memorial Day); the session before it is 2022-05-27"
    );
    assert!(session("x.csv", Some(Date::constant(2023, 11, 4))).expect_err("a weekend").contains("Saturday"));
}
