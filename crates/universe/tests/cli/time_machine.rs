//! Why somebody is in a universe, how it changed, and what sources say of its past.

use serde_json::{Value, json};
use universe_core::next_session;

use crate::harness::{Place, keys, texts};
use crate::market::{FIRST, first_day, load, stocks, with_price};

fn explained(place: &Place, symbol: &str, universe: &str, more: &[&str]) -> Value {
    place.run(&[&["explain", symbol, universe, "--format", "json"], more].concat()).done().json()
}

/// The question that decided: the first that does not hold, else the last.
fn deciding(explained: &Value) -> &Value {
    let questions = explained["by_rule"]["questions"].as_array().expect("questions");
    questions.iter().find(|question| question["holds"] != true).unwrap_or(&questions[questions.len() - 1])
}

#[test]
fn being_in_and_being_out_are_explained() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut second = stocks();
        // The smallest mega cap halves and becomes a large one.
        second.iter_mut().filter(|stock| stock.symbol == "MEGH").for_each(|stock| stock.cents /= 2);
        load(&place, next_session(FIRST), &second);
        place.run(&["sync", "--force"]).done();

        let now = explained(&place, "megh", "mega_cap", &[]);
        assert_eq!(
            keys(&now),
            [
                "as_of",
                "by_rule",
                "company_name",
                "held",
                "is_member",
                "is_point_in_time",
                "quarantined_count",
                "recorded",
                "remarks",
                "since",
                "source_age_sessions",
                "symbol",
                "universe",
            ]
        );
        assert_eq!((&now["is_member"], &now["symbol"]), (&json!(false), &json!("MEGH")));
        assert_eq!(
            (&now["recorded"]["action"], &now["recorded"]["reason"]),
            (&json!("removed"), &json!("out_of_band"))
        );
        assert_eq!(now["recorded"]["session"], json!(next_session(FIRST)));
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        assert_eq!(now["recorded"]["run_id"], runs[0]["run_id"], "the run that recorded it");
        assert_eq!(deciding(&now)["asks"], "market_cap >= 200B");
        assert_eq!(deciding(&now)["found"], "100B");
        assert_eq!(now["by_rule"]["inputs"][0], json!({"field": "market_cap", "value": "100000000000"}));

        let then = explained(&place, "MEGH", "mega_cap", &["--as-of", &FIRST.to_string()]);
        assert_eq!((&then["is_member"], &then["since"]), (&json!(true), &json!(FIRST)));
        assert_eq!(deciding(&then)["found"], "200B");
        assert_eq!(then["remarks"], json!([]));
        let ranked = explained(&place, "LARA", "top_10", &[]);
        assert_eq!((&ranked["is_member"], &ranked["by_rule"]["rank"]), (&json!(true), &json!(9)));
        let never = explained(&place, "NONE", "top_10", &[]);
        assert_eq!((&never["is_member"], &never["recorded"]), (&json!(false), &Value::Null));
        assert!(deciding(&never)["found"].as_str().expect("a text").contains("no source has shown NONE"));

        let told = place.run(&["explain", "MEGH", "mega_cap"]).done().stdout;
        assert!(told.starts_with("MEGH (MEGH Inc. Common Stock) is not in stock_universe:mega_cap as of"), "{told}");
        assert!(told.contains("market_cap >= 200B: 100B  <- decides"), "{told}");
    }
}

#[test]
fn what_was_held_is_said() {
    let place = Place::embedded();
    first_day(&place);
    let mut second = stocks();
    // All large caps become mega caps at once.
    with_price(&mut second, &["LARA", "LARB", "LARC", "LARD", "LARE", "LARF", "LARG", "LARH"], 20);
    load(&place, next_session(FIRST), &second);
    place.run(&["sync"]).held();
    let held = explained(&place, "LARA", "mega_cap", &[]);
    assert_eq!((&held["is_member"], &held["by_rule"]["is_member"]), (&json!(false), &json!(true)));
    let remarks = texts(&held["remarks"]);
    assert_eq!(
        remarks,
        ["by the rule as it stands, LARA would be a member: the change is held and waits for approval"]
    );
}

#[test]
fn histories_of_universes_and_symbols() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        let session = next_session(FIRST);
        load(&place, session, &second);
        place.run(&["sync", "--force"]).done();
        let first = FIRST.to_string();
        let second = session.to_string();

        let history = place.run(&["history", "top_10", "--format", "json"]).done().json();
        let lines = history["changes"].as_array().expect("changes");
        let last: Vec<(&str, &str)> = lines[lines.len() - 2..]
            .iter()
            .map(|line| (line["action"].as_str().expect("a text"), line["symbol"].as_str().expect("a text")))
            .collect();
        assert_eq!(last, [("removed", "LARB"), ("added", "LARH")], "who goes stands first");
        assert_eq!(lines.len(), 12);
        let only =
            place.run(&["history", "top_10", "--from", &second, "--limit", "1", "--format", "json"]).done().json();
        assert_eq!(only["changes"].as_array().map(Vec::len), Some(1));

        let of_symbol = place.run(&["history", "larh", "--format", "json"]).done().json();
        let rows = of_symbol["memberships"].as_array().expect("memberships");
        let large = rows.iter().find(|row| row["universe"] == "stock_universe:large_cap").expect("it was one");
        assert_eq!((&large["valid_from"], &large["valid_to"]), (&json!(first), &json!(second)));
        let mega = rows.iter().find(|row| row["universe"] == "stock_universe:mega_cap").expect("it is one");
        assert_eq!((&mega["valid_from"], &mega["valid_to"]), (&json!(second), &Value::Null));
    }
}

#[test]
fn questions_that_cannot_be_meant() {
    let place = Place::embedded();
    place.run(&["explain", "AAPL", "mega_cap"]).refused(1, &["nothing was synchronized yet"]);
    first_day(&place);
    place.run(&["explain", "MEGA", "mega_cpa"]).refused(1, &["there is no universe mega_cpa", "mega_cap"]);
    place.run(&["explain", "MEGA", "mega_cap + large_cap"]).refused(2, &["combines universes"]);
    place.run(&["explain", "", "mega_cap"]).refused(2, &["is no symbol"]);
    place.run(&["history", "ZZZZ"]).refused(1, &["ZZZZ was never in any universe"]);
    place.run(&["history", "top_10", "--from", "2024-02-01", "--to", "2024-01-01"]).refused(2, &["is after"]);
    let before = explained(&place, "MEGA", "mega_cap", &["--as-of", "2024-01-06"]);
    assert_eq!(before["as_of"], json!(FIRST), "nothing newer is synchronized");
    assert_eq!(texts(&before["remarks"]), ["as of 2024-01-02 instead of 2024-01-06: nothing newer is synchronized"]);
}

/// Three sources of one index, of which one is wrong.
fn sources(place: &Place) {
    place.write(
        "one.csv",
        "symbol,start_date,end_date\nMEGA,2023-01-03,\nMEGB,2023-01-03,2023-06-01\nMEGC,2023-06-01,\n",
    );
    place.write("baseline.csv", "date,symbol\n2023-01-03,MEGA\n2023-01-03,MEGB\n");
    place.write("two.csv", "date,action,symbol\n2023-06-01,remove,MEGB\n2023-06-01,add,MEGC\n");
    place.write("three.jsonl", "{\"date\": \"2023-01-03\", \"symbols\": [\"MEGA\", \"MEGB\", \"MEGZ\"]}\n{\"date\": \"2023-12-29\", \"symbols\": [\"MEGA\", \"MEGC\", \"MEGZ\"]}\n");
}

#[test]
fn sources_of_an_index_become_its_past() {
    for place in Place::on_both_stores() {
        first_day(&place);
        sources(&place);
        let import = |file: &str, more: &[&str]| {
            let arguments = ["import", "history", file, "--universe", "index_sp500", "--format", "json", "--yes"];
            place.run(&[&arguments, more].concat()).done().json()
        };
        let tried = import("three.jsonl", &["--dry-run"]);
        assert_eq!((&tried["written"], &tried["intervals_added"]), (&json!(false), &json!(4)));
        place.run(&["show", "index_sp500"]).refused(1, &["has no members yet"]);

        assert_eq!(import("three.jsonl", &[])["written"], true);
        let as_of = |day: &str| place.members_as_of("index_sp500", day);
        assert_eq!(as_of("2023-07-03"), ["MEGA", "MEGB", "MEGZ"], "until a list says otherwise");
        let alone = place.run(&["show", "index_sp500", "--as-of", "2022-12-30"]).done();
        assert!(alone.stderr.contains("nothing is known"), "{}", alone.stderr);

        import("two.csv", &["--baseline", "baseline.csv", "--until", "2023-12-29"]);
        let third = import("one.csv", &["--until", "2023-12-29"]);
        assert_eq!(texts(&third["sources"]), ["one", "three", "two"]);
        assert_eq!(as_of("2023-05-31"), ["MEGA", "MEGB"]);
        assert_eq!(as_of("2023-06-01"), ["MEGA", "MEGC"], "from the day that the exact sources say");
        assert_eq!(place.members("index_sp500"), ["MEGA", "MEGC"]);
        let disagreements = third["disagreements"].as_array().expect("a list");
        assert_eq!(disagreements.len(), 1, "{disagreements:?}");
        assert_eq!((&disagreements[0]["symbol"], &disagreements[0]["is_member"]), (&json!("MEGZ"), &json!(false)));
        assert_eq!(texts(&disagreements[0]["says_in"]), ["three"]);
        assert_eq!(import("one.csv", &["--until", "2023-12-29"])["written"], false, "the same again does nothing");

        // The next run leaves it alone, and nothing contradicts anything.
        load(&place, next_session(FIRST), &stocks());
        place.run(&["sync"]).done();
        assert_eq!(as_of("2023-06-01"), ["MEGA", "MEGC"]);
        let checked = place.run(&["validate", "--format", "json"]).done().json();
        let errors = checked["findings"].as_array().expect("a list").iter().filter(|f| f["severity"] == "error");
        assert_eq!(errors.count(), 0, "{checked}");
    }
}

#[test]
fn histories_that_cannot_be_taken() {
    let place = Place::embedded();
    first_day(&place);
    sources(&place);
    let refused = |file: &str, universe: &str, more: &[&str]| {
        place.run(&[&["import", "history", file, "--universe", universe], more].concat())
    };
    refused("one.csv", "mega_cap", &[]).refused(2, &["is decided by the rule bands"]);
    refused("one.csv", "index_sp5000", &[]).refused(1, &["did you mean", "index_sp500"]);
    refused("one.csv", "index_sp500", &["--baseline", "baseline.csv"]).refused(2, &["goes with a list of changes"]);
    refused("two.csv", "index_sp500", &["--baseline", "one.csv"]).refused(2, &["is no list of members by date"]);
    refused("nothing.csv", "index_sp500", &[]).refused(1, &["cannot open nothing.csv"]);
    place.write("overlaps.csv", "symbol,start_date,end_date\nMEGA,2023-01-03,\nMEGA,2023-02-01,2023-03-01\n");
    let taken = refused("overlaps.csv", "index_sp500", &["--format", "json"]).done();
    let issues = taken.json()["issues"].as_array().expect("a list").len();
    assert_eq!(issues, 1, "{}", taken.stdout);
    // Superseding what is recorded is asked for, and nobody is there to be asked.
    place.write("later.csv", "symbol,start_date,end_date\nMEGA,2023-04-03,\n");
    let before = place.dump();
    refused("later.csv", "index_sp500", &["--source", "overlaps"]).refused(2, &["--yes"]);
    assert_eq!(place.dump(), before);
}

#[test]
fn members_are_put_in_and_left_out_by_hand() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let (first, second, third) = (FIRST, next_session(FIRST), next_session(next_session(FIRST)));
        let until = third.to_string();
        let from = second.to_string();
        let add = |arguments: &[&str]| {
            let by = ["override", "add", "--reason", "announced", "--by", "anna", "--format", "json"];
            place.run(&[&by, arguments].concat()).done().json()
        };
        let today = first.to_string();
        add(&["MICA", "mega_cap", "--in", "--from", &today, "--until", &until]);
        let later = add(&["MEGA", "mega_cap", "--out", "--from", &from]);
        let pending = place.run(&["override", "list", "--pending", "--format", "json"]).done().json();
        assert_eq!(pending.as_array().map(|list| list.len()), Some(1));
        assert_eq!((&pending[0]["id"], &pending[0]["by"]), (&later["id"], &json!("anna")));

        place.run(&["sync"]).done();
        assert!(place.members("mega_cap").contains(&"MICA".to_owned()));
        assert!(place.members("mega_cap").contains(&"MEGA".to_owned()), "it has not begun");
        load(&place, second, &stocks());
        place.run(&["sync"]).done();
        assert!(!place.members("mega_cap").contains(&"MEGA".to_owned()), "it takes effect by itself");
        let why = explained(&place, "MEGA", "mega_cap", &[]);
        assert_eq!(why["recorded"]["reason"], "overridden");
        let found = deciding(&why)["found"].as_str().expect("a text");
        assert_eq!(found, format!("anna says so from {second}: announced"));

        load(&place, third, &stocks());
        let id = later["id"].as_str().expect("an id");
        place.run(&["override", "withdraw", id, "--by", "bob"]).done();
        place.run(&["sync"]).done();
        let members = place.members("mega_cap");
        assert!(members.contains(&"MEGA".to_owned()) && !members.contains(&"MICA".to_owned()), "{members:?}");
        let all = place.run(&["override", "list", "--all", "--format", "json"]).done().json();
        assert_eq!(all[1]["withdrawn"]["by"], "bob");
        assert_eq!(place.run(&["override", "list", "--format", "json"]).done().json(), json!([]));

        place.run(&["override", "withdraw", id]).refused(1, &["no override", "--all"]);
        place.run(&["override", "withdraw", "what"]).refused(2, &["is no id"]);
        let bad = ["override", "add", "MEGA", "mega_cap", "--in", "--reason", "x"];
        place.run(&[&bad[..], &["--from", "2024-01-06"]].concat()).refused(2, &["2024-01-06"]);
        place.run(&[&bad[..], &["--from", &until, "--until", &until]].concat()).refused(2, &["not after it begins"]);
    }
}

#[test]
fn runs_and_universes_are_compared() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        load(&place, next_session(FIRST), &second);
        place.run(&["sync", "--force"]).done();
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        let id = |at: usize| runs[at]["run_id"].as_str().expect("an id").to_owned();
        let between = place.run(&["diff", "top_10", &id(1), &id(0)[..30], "--format", "json"]).done().json();
        assert_eq!((texts(&between["added"]), texts(&between["removed"])), (vec!["LARH".into()], vec!["LARB".into()]));
        assert_eq!((&between["from"], &between["to"]), (&json!(id(1)), &json!(id(0))));
        let sides = place.run(&["diff", "top_10", "2023-12-29", "2024-01-06", "--format", "json"]).done().json();
        let standing = |side: &str| (sides[side]["is_point_in_time"].clone(), sides[side]["as_of"].clone());
        assert_eq!(standing("before"), (json!(false), json!("2023-12-29")), "before the first record");
        assert_eq!(standing("after"), (json!(false), json!("2024-01-05")), "no session, and not synchronized");
        assert_eq!(sides["remarks"].as_array().map(Vec::len), Some(3), "{sides}");
        let known_at = runs[1]["finished_at"].as_str().expect("an instant");
        let days = ["diff", "top_10", "2024-01-02", "2024-01-03", "--known-at", known_at, "--format", "json"];
        assert_eq!(place.run(&days).done().json()["added"], json!([]), "the second run was not known yet");
        let with = ["diff", "top_10", "--with", "mega_cap", "--as-of", &FIRST.to_string(), "--format", "json"];
        let with = place.run(&with).done().json();
        assert_eq!((texts(&with["added"]), texts(&with["removed"])), (vec![], vec!["LARA".into(), "LARB".into()]));

        place.run(&["diff", "top_10"]).refused(2, &["two days or runs", "--with"]);
        place.run(&["diff", "top_10", "2024-01-02", "beef0000"]).refused(1, &["there is no run beef0000"]);
        place.run(&["diff", "top_10", "2024-02-01", "2024-01-02"]).refused(2, &["is after"]);
    }
}

/// The order of an entry is not kept, and follows from the caps of the session that is asked about.
#[test]
fn past_answers_have_the_ranks_of_their_day() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let ranks = |as_of: &[&str]| -> Vec<(Value, Value)> {
            let shown = place.run(&[&["show", "top_10", "--format", "json"], as_of].concat()).done().json();
            let members = shown["members"].as_array().expect("members");
            members.iter().map(|member| (member["symbol"].clone(), member["rank"].clone())).collect()
        };
        let then = ranks(&[]);
        let mut second = stocks();
        with_price(&mut second, &["MEGH"], 3);
        load(&place, next_session(FIRST), &second);
        place.run(&["sync", "--force"]).done();
        assert_ne!(ranks(&[]), then);
        assert_eq!(ranks(&["--as-of", &FIRST.to_string()]), then);
    }
}

#[test]
fn the_past_is_corrected_and_what_was_known_is_not_lost() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut day = FIRST;
        for _ in 0..4 {
            day = next_session(day);
            load(&place, day, &stocks());
            place.run(&["sync"]).done();
        }
        let [first, second, third] =
            [FIRST, next_session(FIRST), next_session(next_session(FIRST))].map(|d| d.to_string());
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        let before = runs[0]["finished_at"].as_str().expect("an instant").to_owned();
        let correct = |arguments: &[&str]| {
            let command = ["correct", "MEGA", "mega_cap", "--reason", "the source was wrong", "--format", "json"];
            place.run(&[&command, arguments].concat()).done().json()
        };
        let span = ["--was-out", "--from", &second, "--until", &third];
        let tried = correct(&[&span[..], &["--dry-run"]].concat());
        assert_eq!(
            (&tried["written"], &tried["superseded"]),
            (&json!(false), &json!([{"from": first, "until": null}]))
        );
        let done = correct(&span);
        assert_eq!(done["added"], json!([{"from": first, "until": second}, {"from": third, "until": null}]));
        let is_in = |day: &str, more: &[&str]| {
            let show = ["show", "mega_cap", "--as-of", day, "--format", "json"];
            let shown = place.run(&[&show, more].concat()).done().json();
            texts(&shown["symbols"]).contains(&"MEGA".to_owned())
        };
        assert_eq!([&first, &second, &third].map(|day| is_in(day, &[])), [true, false, true]);
        assert!(is_in(&second, &["--known-at", &before]), "as it was answered then");
        // Of intervals that had ended, what was corrected is no part of histories and explanations either.
        correct(&["--was-out", "--from", &first, "--until", &second]);
        let history = place.run(&["history", "MEGA", "--format", "json"]).done().json();
        let rows = history["memberships"].as_array().expect("memberships").iter();
        let mega: Vec<&Value> = rows.filter(|row| row["universe"] == "stock_universe:mega_cap").collect();
        assert_eq!(mega.iter().map(|row| &row["valid_from"]).collect::<Vec<_>>(), [&json!(third)]);
        let changes = place.run(&["history", "mega_cap", "--to", &second, "--format", "json"]).done().json();
        let changes = changes["changes"].as_array().expect("changes");
        assert!(changes.iter().all(|change| change["symbol"] != "MEGA"), "{changes:?}");
        let why = explained(&place, "MEGA", "mega_cap", &["--as-of", &first]);
        assert_eq!((&why["is_member"], &why["recorded"]), (&json!(false), &Value::Null));
        correct(&["--was-in", "--from", &first, "--until", &second]);
        let back = correct(&["--was-in", "--from", &second, "--until", &third]);
        assert_eq!(back["written"], true);
        assert!(is_in(&second, &[]));
        assert_eq!(correct(&["--was-in", "--from", &second, "--until", &third])["written"], false);
        let sound = place.run(&["validate", "--format", "json"]).json();
        let errors = sound["findings"].as_array().expect("a list").iter().filter(|f| f["severity"] == "error");
        assert_eq!(errors.count(), 0, "{sound}");
        let weekend = ["correct", "MEGA", "mega_cap", "--was-out", "--from", "2024-01-06", "--reason", "x"];
        place.run(&weekend).refused(2, &["2024-01-06"]);
        let present = ["correct", "MEGA", "mega_cap", "--was-out", "--from", &day.to_string(), "--reason", "x"];
        place.run(&present).refused(2, &["is no past", "universe override"]);
        let before = ["correct", "MEGA", "mega_cap", "--was-in", "--from", "2023-12-01", "--reason", "x"];
        place.run(&before).refused(2, &["nothing is recorded of stock_universe:mega_cap before 2024-01-02"]);
        let stranger =
            ["correct", "ZZZZ", "mega_cap", "--was-in", "--from", &first, "--until", &second, "--reason", "x"];
        let told = place.run(&[&stranger[..], &["--dry-run"]].concat()).done();
        assert!(told.stderr.contains("ZZZZ is in no listing"), "{}", told.stderr);
    }
}
