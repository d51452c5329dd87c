//! Histories of indexes as a person meets them: no event that nobody saw, nothing ahead of its session, and an alarm
//! where a source fell silent.

use serde_json::{Value, json};
use universe_core::next_session;

use crate::harness::{Place, texts};
use crate::market::{FIRST, first_day, load, stocks};

fn import(place: &Place, file: &str, more: &[&str]) -> Value {
    let arguments = ["import", "history", file, "--universe", "index_sp500", "--yes", "--format", "json"];
    place.run(&[&arguments, more].concat()).done().json()
}

/// Every change of the index: session, first possible day, action and symbol.
fn changes(place: &Place, more: &[&str]) -> Vec<String> {
    let history = place.run(&[&["history", "index_sp500", "--format", "json"], more].concat()).done().json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |line: &Value| {
        let not_before = if line["is_dated"] == true { text(&line["not_before"]) } else { "unknown".to_owned() };
        format!("{} {not_before} {} {}", text(&line["session"]), text(&line["action"]), text(&line["symbol"]))
    };
    history["changes"].as_array().expect("changes").iter().map(line).collect()
}

#[test]
fn an_imported_history_has_its_own_events_and_no_others() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write(
            "intervals.csv",
            "symbol,start_date,end_date\nMEGA,2022-01-03,\nMEGB,2022-01-03,2023-06-01\nMEGC,2023-06-01,\n",
        );
        import(&place, "intervals.csv", &["--until", "2023-06-30"]);
        let expected = [
            "2022-01-03 unknown added MEGA",
            "2022-01-03 unknown added MEGB",
            "2023-06-01 - removed MEGB",
            "2023-06-01 - added MEGC",
        ];
        assert_eq!(changes(&place, &[]), expected, "nobody came or went on the day of the import");
        let why = place.run(&["explain", "MEGA", "index_sp500", "--format", "json"]).done().json();
        assert_eq!(why["since"], "2022-01-03");
        assert!(texts(&why["remarks"]).iter().any(|remark| remark.contains("in intervals, out none")), "{why}");
        let intervals = place.run(&["export", "index_sp500", "--what", "intervals", "--as", "csv"]).done().stdout;
        assert_eq!(intervals.lines().count(), 4, "one interval a stay:\n{intervals}");

        // What was only seen between two lists is dated with that window.
        place.write(
            "lists.jsonl",
            "{\"date\": \"2022-01-03\", \"symbols\": [\"MEGA\", \"MEGB\"]}\n{\"date\": \"2023-08-01\", \"symbols\": [\"MEGA\", \"MEGC\", \"MEGD\"]}\n",
        );
        import(&place, "lists.jsonl", &[]);
        let told = changes(&place, &[]);
        assert!(told.contains(&"2023-06-01 - removed MEGB".to_owned()), "an exact source decides the day: {told:#?}");
        assert!(told.contains(&"2023-08-01 2022-01-04 added MEGD".to_owned()), "nobody else saw it: {told:#?}");
        let shown = place.run(&["history", "index_sp500"]).done();
        assert!(shown.stdout.contains("NOT BEFORE") && shown.stdout.contains("2022-01-04"), "{}", shown.stdout);
        let sound = place.run(&["validate", "--format", "json"]).done().json();
        assert!(sound["findings"].as_array().expect("a list").iter().all(|f| f["severity"] != "error"), "{sound}");
    }
}

#[test]
fn what_sources_date_ahead_comes_with_its_session() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let second = next_session(FIRST);
        let third = next_session(second);
        place.write("base.csv", "date,symbol\n2023-12-01,MEGA\n2023-12-01,MEGB\n");
        let announced = format!("date,action,symbol\n2023-12-18,add,MEGC\n{third},add,MEGD\n{third},remove,MEGB\n");
        place.write("announced.csv", announced);
        let told =
            place.run(&["import", "history", "announced.csv", "--universe", "index_sp500", "--baseline", "base.csv"]);
        let told = told.done().stderr;
        assert!(told.contains("2 of the changes are after 2024-01-02"), "{told}");
        assert_eq!(place.members("index_sp500"), ["MEGA", "MEGB", "MEGC"], "nothing is known ahead of its time");
        load(&place, second, &stocks());
        place.run(&["sync", "--force"]).done();
        assert_eq!(place.members("index_sp500"), ["MEGA", "MEGB", "MEGC"]);
        load(&place, third, &stocks());
        let run = place.run(&["sync", "--force", "--format", "json"]).done().json();
        assert_eq!(place.members("index_sp500"), ["MEGA", "MEGC", "MEGD"], "it takes effect by itself: {run}");
        assert_eq!(place.members_as_of("index_sp500", &second.to_string()), ["MEGA", "MEGB", "MEGC"]);
        let last = changes(&place, &["--from", &third.to_string()]);
        assert_eq!(last, [format!("{third} - removed MEGB"), format!("{third} - added MEGD")]);
        assert_eq!(place.run(&["sync", "--format", "json"]).done().json()["total_changes"], 0);
        // A list that somebody loads takes the place of the history.
        place.write("list.csv", "symbol\nMEGE\n");
        place.run(&["load", "universe", "list.csv", "--universe", "index_sp500"]).done();
        place.run(&["sync", "--force"]).done();
        assert_eq!(place.members("index_sp500"), ["MEGE"]);
    }
}

#[test]
fn a_source_that_fell_silent_is_an_alarm_that_stays() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("old.csv", "date,action,symbol\n2023-01-03,add,MEGA\n");
        let news: String =
            (1..=6).map(|month| format!("2023-{month:02}-15,add,LAR{}\n", (b'A' + month) as char)).collect();
        for file in ["one.csv", "two.csv"] {
            place.write(file, format!("date,action,symbol\n2023-01-03,add,MEGA\n{news}"));
        }
        place.write("base.csv", "date,symbol\n2023-01-02,MEGB\n");
        for file in ["one.csv", "two.csv", "old.csv"] {
            import(&place, file, &["--baseline", "base.csv", "--until", "2024-01-02"]);
        }
        let silent =
            "the source old of stock_universe:index_sp500 has not changed since 2023-01-03: it missed 6 changes";
        let raised = |run: &Value| -> Vec<String> {
            let alerts = run["alerts"].as_array().expect("alerts").iter();
            alerts
                .filter(|a| a["alert"] == "source_silent")
                .map(|a| a["message"].as_str().expect("words").to_owned())
                .collect()
        };
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        assert_eq!(raised(&runs[0]), [silent], "with the import");
        // Nobody imports any more, and it is said with every run, and by who looks.
        load(&place, next_session(FIRST), &stocks());
        let run = place.run(&["sync", "--force", "--format", "json"]).done().json();
        assert_eq!(raised(&run), [silent]);
        let findings = || {
            let checked = place.run(&["validate", "--format", "json"]).done().json();
            let findings = checked["findings"].as_array().expect("a list").clone();
            findings.into_iter().filter(|f| f["check"] == "source_silent").collect::<Vec<Value>>()
        };
        assert_eq!(findings().len(), 1);
        assert_eq!(
            (&findings()[0]["severity"], &findings()[0]["universe"]),
            (&json!("warning"), &json!("stock_universe:index_sp500"))
        );
        // Somebody knows that it is no more.
        let base = ["--baseline", "base.csv", "--until", "2024-01-02"];
        import(&place, "old.csv", &[&base[..], &["--ended"]].concat());
        assert_eq!(findings(), [] as [Value; 0]);
        import(&place, "old.csv", &base);
        assert_eq!(findings().len(), 1);
        // It speaks again.
        place.write("old.csv", format!("date,action,symbol\n2023-01-03,add,MEGA\n{news}"));
        import(&place, "old.csv", &["--baseline", "base.csv", "--until", "2024-01-02"]);
        assert_eq!(findings(), [] as [Value; 0]);
    }
}

#[test]
fn a_past_that_is_superseded_is_asked_for_in_its_own_words() {
    let place = Place::embedded();
    first_day(&place);
    place.write("one.csv", "symbol,start_date,end_date\nMEGA,2022-01-03,\nMEGB,2022-01-03,2023-06-01\n");
    import(&place, "one.csv", &["--until", "2023-12-29"]);
    place.write("one.csv", "symbol,start_date,end_date\nMEGA,2022-01-03,\nMEGB,2022-01-03,2023-07-03\n");
    let again = ["import", "history", "one.csv", "--universe", "index_sp500", "--until", "2023-12-29"];
    place.run(&again).refused(2, &["would change 1 interval of the recorded past", "--yes"]);
    place.run(&[&again[..], &["--yes"]].concat()).done();
    let before = place.run(&["runs", "--format", "json"]).done().json();
    let known_at = before[1]["finished_at"].as_str().expect("an instant").to_owned();
    assert!(changes(&place, &[]).contains(&"2023-07-03 - removed MEGB".to_owned()));
    assert!(changes(&place, &["--known-at", &known_at]).iter().any(|line| line.starts_with("2023-06-01")));
    assert_eq!((&before[0]["kind"], &before[0]["mode"]), (&json!("import_history"), &json!("full")));
    let shown = place.run(&["runs", "--limit", "3", "--format", "csv"]).done().stdout;
    let kinds: Vec<&str> = shown.lines().skip(1).map(|line| line.split(',').nth(2).expect("a kind")).collect();
    assert_eq!(kinds, ["import_history", "import_history", "sync"]);
}
