//! Commands that only read, `load universe`, `rules` and `demo`: what they find and say.

use crate::harness::{Place, texts};
use crate::market::{FIRST, TOP_10, first_day, load, sessions_later, stocks};

#[test]
fn universes_combine_by_expressions() {
    for place in Place::on_both_stores() {
        first_day(&place);
        for (expression, members) in [
            ("stock_universe:top_10", TOP_10.to_vec()),
            ("top_10 & sector_energy", vec!["MEGD", "MEGH"]),
            ("top_10 - mega_cap", vec!["LARA", "LARB"]),
            ("(top_10 - mega_cap) & sector_technology", vec!["LARA"]),
        ] {
            assert_eq!(place.members(expression), members, "{expression}");
        }
        for union in ["mega_cap + large_cap", "mega_cap:large_cap"] {
            assert_eq!(place.members(union).len(), 16, "{union}");
        }
        assert_eq!(place.members("technology_leaders"), place.members("theme_technology_leaders"));
    }
}

#[test]
fn the_past_is_answered_as_of_a_session_and_as_known() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let gone: Vec<_> = stocks().into_iter().filter(|stock| stock.symbol != "MEGH").collect();
        let day = sessions_later(FIRST, 10);
        for count in 1..=10 {
            load(&place, sessions_later(FIRST, count), &gone);
        }
        place.run(&["sync"]).done();
        assert!(!place.members("mega_cap").contains(&"MEGH".to_owned()));
        let on = |day: &str| {
            let answer = place.run(&["show", "mega_cap", "--as-of", day, "--format", "json"]).done();
            (texts(&answer.json()["symbols"]).len(), answer.stderr)
        };
        assert_eq!(on("2024-01-02"), (8, String::new()));
        assert_eq!(on(&day.to_string()).0, 7);
        let (count, said) = on("2024-01-06");
        assert_eq!(count, 8);
        assert!(said.contains("2024-01-06 is not a session; this is as of 2024-01-05"), "{said}");
        let ahead = on("2030-01-02").1;
        assert!(
            ahead.contains(&format!("2030-01-02 was not synchronized; these are the members as of {day}")),
            "{ahead}"
        );
        let unknown =
            place.run(&["show", "mega_cap", "--as-of", "2024-01-02", "--known-at", "2000-01-01T00:00:00Z"]).done();
        assert!(unknown.stdout.contains("(none)"), "{}", unknown.stdout);
        assert!(unknown.stderr.contains("at 2000-01-01T00:00:00Z no members"), "{}", unknown.stderr);
    }
}

#[test]
fn a_loaded_list_is_its_universe_and_strangers_are_counted() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("dow.csv", "Symbol,Name\nMEGA,Mega\nMEGB,Megb\nNOBODY,Nobody\n");
        let loaded = place.run(&["load", "universe", "dow.csv", "--universe", "index_dow30"]).done();
        assert!(
            loaded.stderr.contains("stock_universe:index_dow30 has 3 members as of 2024-01-02"),
            "{}",
            loaded.stderr
        );
        assert!(loaded.stderr.contains("dow.csv:4: NOBODY: it is not in `symbols`; it was kept"), "{}", loaded.stderr);
        assert_eq!(place.members("index_dow30"), ["MEGA", "MEGB", "NOBODY"]);
        let again = place.run(&["load", "universe", "dow.csv", "--universe", "index_dow30"]).done();
        assert!(again.stderr.contains("has 3 members already"), "{}", again.stderr);
        place.run(&["sync"]).done();
        assert_eq!(place.members("index_dow30"), ["MEGA", "MEGB", "NOBODY"], "a run keeps what was loaded");
        place.run(&["validate"]).done();
    }
}

#[test]
fn a_list_cannot_be_loaded_where_a_rule_decides() {
    let place = Place::embedded();
    first_day(&place);
    place.write("list.txt", "MEGA\nMEGB\n");
    let before = place.dump();
    let load = |universe: &str| place.run(&["load", "universe", "list.txt", "--universe", universe]);
    load("top_10").refused(2, &["decided by the rule rankings", "stock_universe:my_list"]);
    load("sector_energy").refused(2, &["decided by the rule sectors"]);
    load("top_10 & mega_cap").refused(2, &["a list is for one"]);
    load("my_list")
        .refused(1, &["there is no universe my_list", "a new one is named with its type: stock_universe:my_list"]);
    assert_eq!(place.dump(), before);
    load("stock_universe:my_list").done();
    assert_eq!(place.members("my_list"), ["MEGA", "MEGB"]);
    let new = load("index_dow_30").done();
    assert!(new.stderr.contains("index_dow_30 is a new universe; did you mean \"index_dow30\"?"), "{}", new.stderr);
}

#[test]
fn an_unknown_universe_is_answered_with_the_nearest() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.run(&["show", "top_01"]).refused(1, &["there is no universe top_01; did you mean \"top_"]);
        place.run(&["show", "xyzzy"]).refused(1, &["there is no universe xyzzy", "universe list"]);
        place.run(&["diff", "secor_energy", "2024-01-02", "2024-01-03"]).refused(1, &["sector_energy"]);
        let index = "stock_universe:index_sp500 has no members yet; load them with `universe load universe FILE";
        place.run(&["show", "index_sp500"]).refused(1, &[index]);
    }
}

#[test]
fn rules_are_checked_and_shown() {
    let place = Place::embedded();
    let check = place.run(&["rules", "check"]).done();
    assert!(check.stderr.contains("rules are right (profile classic)"), "{}", check.stderr);
    let steady = place.run_in(&[("UNIVERSE__RULES__PROFILE", "steady")], &["rules", "check"]).done();
    assert!(steady.stderr.contains("profile steady"), "{}", steady.stderr);
    let text = place.run(&["rules", "show", "bands"]).done().stdout;
    assert_eq!(text, place.run(&["rules", "show", "mega_cap"]).done().stdout, "by the key of a universe, too");
    assert!(text.contains("[[band]]"), "{text}");
    place.write("own/rule.toml", &text);
    assert!(place.run(&["rules", "check", "own/rule.toml"]).done().stderr.contains("1 rules are right"));
    assert!(!place.exists("universe.db"), "checking rules makes no database");
    place.run(&["rules", "show", "rankins"]).refused(1, &["there is no rule rankins; did you mean rankings?"]);
}

#[test]
fn the_demo_shows_a_month_of_a_market() {
    let small = ["demo", "--listings", "300", "--sessions", "3"];
    for place in Place::on_both_stores() {
        let uri = place.postgres_uri();
        let mut arguments = small.to_vec();
        arguments.extend(uri.iter().flat_map(|uri| ["--database", uri]));
        let demo = place.run(&arguments).done();
        assert!(demo.stdout.contains("MEMBERS"), "{}", demo.stdout);
        assert!(demo.stderr.contains("3 sessions of a made-up market of 300 listings"), "{}", demo.stderr);
        assert!(demo.stderr.contains("show top_10"), "{}", demo.stderr);
        if let Some(uri) = &uri {
            place.run(&arguments).refused(1, &["the database has runs already"]);
            assert!(!demo.stderr.contains(uri.as_str()), "what to try next holds the password");
            assert_eq!(place.members("top_10").len(), 10);
        } else {
            assert!(!place.exists("universe.db") && place.exists("universe-demo.db"), "a database of its own");
            let json = place.run(&["demo", "--listings", "300", "--sessions", "2", "--format", "json", "-q"]).done();
            assert_eq!(json.json()["session"], "2024-01-03");
            assert_eq!(json.stderr, "", "quiet is quiet");
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_demo() {
    let demo = |seed: &str| {
        Place::embedded()
            .run(&["demo", "--listings", "250", "--sessions", "2", "--seed", seed, "--format", "csv"])
            .done()
            .stdout
    };
    assert_eq!(demo("7"), demo("7"));
    assert_ne!(demo("7"), demo("8"));
}
