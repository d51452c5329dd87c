use super::*;

#[test]
fn names_are_those_of_job_messages() {
    let names: Vec<&str> = Timeframe::ALL.into_iter().map(Timeframe::as_str).collect();
    assert_eq!(names, ["1min", "hour", "day", "week", "month"]);
    for timeframe in Timeframe::ALL {
        assert_eq!(timeframe.as_str().parse(), Ok(timeframe));
    }
    assert_eq!(" Day ".parse(), Ok(Timeframe::Day));
}

#[test]
fn refuses_a_name_that_nobody_uses() {
    let error = "daily".parse::<Timeframe>().unwrap_err();
    assert_eq!(error.to_string(), "\"daily\" is no timeframe; use 1min, hour, day, week or month");
}

#[test]
fn travels_through_json_by_name() {
    let list: Vec<Timeframe> = serde_json::from_str(r#"["1min","month"]"#).expect("known names");
    assert_eq!(list, [Timeframe::Minute, Timeframe::Month]);
    assert_eq!(serde_json::to_string(&list).expect("plain"), r#"["1min","month"]"#);
    assert!(serde_json::from_str::<Timeframe>("\"5min\"").is_err());
}

#[test]
fn every_timeframe_has_a_table_of_its_own() {
    let tables: std::collections::BTreeSet<&str> = Timeframe::ALL.into_iter().map(Timeframe::table).collect();
    assert_eq!(tables.len(), 5);
    let dated: Vec<Timeframe> = Timeframe::ALL.into_iter().filter(|timeframe| timeframe.is_dated()).collect();
    assert_eq!(dated, [Timeframe::Day, Timeframe::Week, Timeframe::Month]);
}
