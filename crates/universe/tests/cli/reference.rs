//! `universe load reference`, against a server that answers like the Massive API.

use jiff::civil::date;
use universe_testkit::{Fault, MassiveStandIn, StandInListing, StandInSettings};

use crate::harness::Place;

fn market() -> MassiveStandIn {
    let mut settings = StandInSettings::of(["AAPL", "BRK.B", "MSFT"], date(2023, 12, 29));
    let meta = StandInListing {
        earlier_symbols: vec![("FB".to_owned(), date(2021, 6, 9))],
        ..StandInListing::common_stock("META")
    };
    settings.listings.insert("META".to_owned(), meta);
    MassiveStandIn::start(settings)
}

/// Configures the stand-in in a file, the key in the environment.
fn configure(place: &Place, server: &MassiveStandIn) {
    let text = format!("[massive]\nbase_url = \"{}\"\nrequests_per_minute = 0\n", server.base_url());
    place.write("universe.toml", text);
}

const KEY: [(&str, &str); 1] = [("MASSIVE_API_KEY", "stand-in-key")];

#[test]
fn loads_named_symbols_and_says_which_were_others() {
    for place in Place::on_both_stores() {
        let server = market();
        configure(&place, &server);
        let named = ["load", "reference", "--symbols", "AAPL,meta, brk-b", "--symbol-changes", "--format", "json"];
        let answer = place.run_in(&KEY, &named).done().json();
        assert_eq!((answer["rows"].as_u64(), answer["loaded"].as_u64()), (Some(3), Some(3)));
        assert_eq!(answer["files"][0], server.base_url());
        assert_eq!(answer["issues"].as_array().map(Vec::len), Some(0));
        let change = serde_json::json!({"date": "2022-06-09", "from": "FB", "to": "META"});
        assert_eq!(answer["symbol_changes"], serde_json::json!([change]));
        let csv = place.run_in(&KEY, &["load", "reference", "--symbols", "BRK.B", "--format", "csv"]).done();
        assert_eq!(csv.stdout, "rows,loaded,changed,issues\n1,1,0,0\n", "it is stored already");
    }
}

#[test]
fn loads_the_lists_and_the_members_of_a_universe() {
    let place = Place::embedded();
    let server = market();
    configure(&place, &server);
    let all = place.run_in(&[("POLYGON_API_KEY", "stand-in-key")], &["load", "reference", "--all"]).done();
    assert!(all.stdout.contains("LOADED") && all.stdout.contains('4'), "{all:#?}");
    place.write("mine.csv", "symbol\nAAPL\nMSFT\n");
    let list = ["load", "universe", "mine.csv", "--universe", "stock_universe:mine", "--as-of", "2023-12-29"];
    place.run(&list).done();
    let members = ["load", "reference", "--universe", "mine", "--format", "json"];
    let answer = place.run_in(&KEY, &members).done().json();
    assert_eq!(answer["loaded"], 2);
    assert_eq!(answer.get("symbol_changes"), None, "nobody asked");
}

#[test]
fn refuses_what_cannot_be_asked() {
    let place = Place::embedded();
    let server = market();
    configure(&place, &server);
    place.run_in(&KEY, &["load", "reference"]).refused(2, &["--universe", "--symbols", "--all"]);
    place.run_in(&KEY, &["load", "reference", "--all", "--symbols", "AAPL"]).refused(2, &["cannot be used with"]);
    place.run_in(&KEY, &["load", "reference", "--symbols", "A B"]).refused(2, &["--symbols"]);
    place.run_in(&KEY, &["load", "reference", "--symbols", " , "]).refused(2, &["no symbol"]);
    place.run(&["load", "reference", "--symbols", "AAPL"]).refused(1, &["massive.api_key", "MASSIVE_API_KEY"]);
    let wrong = [("MASSIVE_API_KEY", "not-this-one")];
    let refused = place.run_in(&wrong, &["load", "reference", "--symbols", "AAPL"]);
    assert!(!refused.stderr.contains("not-this-one"), "{refused:#?}");
    refused.refused(1, &["Unknown API Key", "massive.api_key"]);
    let shown = place.run_in(&wrong, &["config", "show"]).done();
    assert!(shown.stdout.contains("massive.api_key") && !shown.stdout.contains("not-this-one"), "{shown:#?}");
}

#[test]
fn a_symbol_that_fails_fails_alone() {
    let place = Place::embedded();
    let server = market();
    configure(&place, &server);
    server.fail("MSFT", Fault::Status(400), None);
    let output = place.run_in(&KEY, &["load", "reference", "--symbols", "AAPL,MSFT,NOSUCH", "--format", "json"]);
    assert_eq!(output.code, 1, "{output:#?}");
    assert!(output.stderr.contains("MSFT") && output.stderr.contains("1 symbol was not answered"), "{output:#?}");
    let answer = output.json();
    assert_eq!((answer["loaded"].as_u64(), answer["issues"].as_array().map(Vec::len)), (Some(1), Some(2)));
}
