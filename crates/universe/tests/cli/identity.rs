//! A listing goes on when its symbol changes, and does not when its symbol is given to somebody else.

use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::next_session;

use crate::harness::Place;
use crate::market::{FIRST, Stock, file_of, first_day, load, row, screener, stocks};

/// Loads a session in which a stock has a line of its own, under another name or symbol.
fn load_with(place: &Place, session: Date, stocks: &[Stock], line: &str) {
    place.write(&file_of(session), format!("{}{line}\n", screener(stocks)));
    place.run(&["load", "screener", &file_of(session)]).done();
}

fn without(symbol: &str) -> Vec<Stock> {
    stocks().into_iter().filter(|stock| stock.symbol != symbol).collect()
}

fn of(symbol: &str) -> Stock {
    stocks().into_iter().find(|stock| stock.symbol == symbol).expect("a stock of the market")
}

fn history(place: &Place, symbol: &str, more: &[&str]) -> Value {
    place.run(&[&["history", symbol, "--format", "json"], more].concat()).done().json()
}

fn spans(history: &Value, universe: &str) -> Vec<String> {
    let rows = history["memberships"].as_array().expect("memberships").iter();
    let text = |value: &Value| value.as_str().unwrap_or("..").to_owned();
    rows.filter(|row| row["universe"] == universe)
        .map(|row| {
            let [symbol, from, until] = ["symbol", "valid_from", "valid_to"].map(|field| text(&row[field]));
            format!("{symbol} {from} {until} {} {}", text(&row["opened_reason"]), text(&row["closed_reason"]))
        })
        .collect()
}

#[test]
fn a_renamed_company_stays_where_it_is() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let second = next_session(FIRST);
        // MEGB trades as NEWB: found by its name.
        let line = row(&of("MEGB")).replacen("MEGB", "NEWB", 1);
        load_with(&place, second, &without("MEGB"), &line);
        let told = place.run(&["sync"]).done();
        assert!(!told.stdout.contains("held"), "{told:?}");
        let top = place.run(&["show", "top_10", "--format", "json"]).done().json();
        assert_eq!(top["symbols"][1], "NEWB");
        let offered = place.run(&["history", "NEWB", "--format", "json"]).done().json();
        assert!(spans(&offered, "stock_universe:recent_ipos").is_empty(), "{offered}");

        let expected = [format!("MEGB {FIRST} {second} rank_reached renamed"), format!("NEWB {second} .. renamed ..")];
        for symbol in ["NEWB", "megb"] {
            let history = history(&place, symbol, &[]);
            assert_eq!(spans(&history, "stock_universe:top_10"), expected, "{symbol}");
            let known_as = json!([
                {"symbol": "MEGB", "from": null, "until": second},
                {"symbol": "NEWB", "from": second, "until": null},
            ]);
            assert_eq!((&history["also_known_as"], &history["other_listings"]), (&known_as, &json!([])));
        }
        let words = place.run(&["history", "NEWB"]).done().stderr;
        assert!(words.contains(&format!("the listing was MEGB until {second}")), "{words}");

        let then = place.run(&["show", "top_10", "--as-of", &FIRST.to_string(), "--format", "json"]).done();
        let answer = then.json();
        assert_eq!((&answer["symbols"][1], &answer["later_symbols"]), (&json!("MEGB"), &json!({"MEGB": "NEWB"})));
        assert!(then.stderr.contains("with another symbol today: MEGB (NEWB)"), "{}", then.stderr);
        let why = place.run(&["explain", "MEGB", "top_10"]).done().stdout;
        assert!(why.contains(&format!("MEGB is NEWB since {second}")), "{why}");
        let why = place.run(&["explain", "NEWB", "top_10", "--as-of", &FIRST.to_string()]).done().stdout;
        assert!(why.contains(&format!("NEWB was MEGB until {second}")), "{why}");
        place.run(&["validate"]).done();
    }
}

#[test]
fn a_table_of_symbol_changes_wins() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let second = next_session(FIRST);
        // MEGB and MEGC both disappear; what is new has the name of the one, and is the other.
        let left: Vec<Stock> = without("MEGB").into_iter().filter(|stock| stock.symbol != "MEGC").collect();
        load_with(&place, second, &left, &row(&of("MEGB")).replacen("MEGB", "NEWB", 1));
        let table = format!(
            "old_symbol,new_symbol,date\nMEGC,NEWB,{second}\nXX,YY,{second}\nYY,XX,{second}\nMEGA,MEGA,{second}\nOLD,NEU,{second}\n"
        );
        place.write("changes.csv", table);
        let loaded = place.run(&["load", "symbol-changes", "changes.csv", "--format", "json"]).done().json();
        assert_eq!((&loaded["rows"], &loaded["loaded"]), (&json!(5), &json!(2)));
        let reasons: Vec<&str> =
            loaded["issues"].as_array().expect("issues").iter().filter_map(|i| i["reason"].as_str()).collect();
        assert_eq!(
            reasons,
            [
                format!("the changes of {second} lead from XX back to XX; the row was skipped"),
                format!("the changes of {second} lead from YY back to YY; the row was skipped"),
                "MEGA becomes itself; the row was skipped".to_owned(),
                "no source has shown it under either symbol; it is kept".to_owned(),
            ]
        );
        place.run(&["sync"]).done();
        let history = history(&place, "NEWB", &[]);
        assert_eq!(
            spans(&history, "stock_universe:top_10"),
            [format!("MEGC {FIRST} {second} rank_reached renamed"), format!("NEWB {second} .. renamed ..")]
        );
        let again = place.run(&["load", "symbol-changes", "changes.csv"]).done();
        assert!(again.stdout.contains(" 0 "), "{}", again.stdout);
        // A later table tells of the same event, and wins.
        let third = next_session(second);
        place.write("later.csv", format!("old_symbol,new_symbol,date\nMEGC,NEWB,{third}\n"));
        place.run(&["load", "symbol-changes", "later.csv"]).done();
        let known_as = json!([
            {"symbol": "MEGC", "from": null, "until": third},
            {"symbol": "NEWB", "from": third, "until": null},
        ]);
        assert_eq!(self::history(&place, "MEGC", &[])["also_known_as"], known_as);
        place.write("bad.csv", "symbol,date\nA,2024-01-02\n");
        place.run(&["load", "symbol-changes", "bad.csv"]).refused(1, &["missing old_symbol, new_symbol"]);
    }
}

#[test]
fn what_was_known_of_symbols_is_answered_again() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let second = next_session(FIRST);
        load_with(&place, second, &without("MEGB"), &row(&of("MEGB")).replacen("MEGB", "NEWB", 1));
        place.run(&["sync"]).done();
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        let known_at = runs[0]["finished_at"].as_str().expect("an instant").to_owned();
        // What was found is taken back: MEGB ended, and NEWB is somebody else.
        place.write("changes.csv", format!("old_symbol,new_symbol,date\nMEGB,,{second}\n"));
        place.run(&["load", "symbol-changes", "changes.csv"]).done();

        let first = FIRST.to_string();
        let then: [&[&str]; 2] = [&[], &["--known-at", &known_at]];
        let show = ["show", "top_10", "--as-of", &first, "--format", "json"];
        let later = then.map(|more| place.run(&[&show[..], more].concat()).done().json()["later_symbols"].clone());
        assert_eq!(later, [json!({}), json!({"MEGB": "NEWB"})]);
        let known_as = then.map(|more| {
            let history = history(&place, "NEWB", more);
            history["also_known_as"].as_array().expect("symbols").len()
        });
        assert_eq!(known_as, [1, 2]);
        let why = then.map(|more| place.run(&[&["explain", "MEGB", "top_10"], more].concat()).done().stdout);
        let said = format!("MEGB is NEWB since {second}");
        assert_eq!(why.map(|why| why.contains(&said)), [false, true]);
        let since = then.map(|more| {
            let shown = place.run(&[&["show", "top_10", "--format", "json"], more].concat()).done().json();
            let members = shown["members"].as_array().expect("members").clone();
            members.iter().find(|member| member["symbol"] == "NEWB").expect("a member")["since"].clone()
        });
        assert_eq!(since, [json!(second), json!(FIRST)], "and so is since when");
    }
}

#[test]
fn a_symbol_that_is_given_again_has_a_history_of_its_own() {
    let place = Place::embedded();
    first_day(&place);
    let mut session = FIRST;
    // MEGB is gone for so long that it counts as delisted; its symbol then is another company's.
    for _ in 0..11 {
        session = next_session(session);
        load(&place, session, &without("MEGB"));
        place.run(&["sync"]).done();
    }
    let gone = history(&place, "MEGB", &[]);
    assert!(spans(&gone, "stock_universe:top_10")[0].ends_with("rank_reached delisted"), "{gone}");
    session = next_session(session);
    let other = Stock { cents: 20_000, ..of("MEGB") };
    load_with(&place, session, &without("MEGB"), &row(&other).replace("MEGB Inc.", "Somebody Else Corp."));
    place.run(&["sync", "--force"]).done();

    let now = history(&place, "MEGB", &[]);
    assert_eq!(spans(&now, "stock_universe:top_10"), [format!("MEGB {session} .. rank_reached ..")]);
    assert_eq!(now["other_listings"], json!([{"symbol": "MEGB", "from": null, "until": session}]));
    let then = history(&place, "MEGB", &["--to", &FIRST.to_string()]);
    assert!(spans(&then, "stock_universe:top_10")[0].starts_with(&format!("MEGB {FIRST}")), "{then}");
    let words = place.run(&["history", "MEGB"]).done().stderr;
    assert!(
        words.contains(&format!("another listing was MEGB until {session}: universe history MEGB --to")),
        "{words}"
    );
}
