//! Alerts that come from elsewhere than a run of the rules.

use serde_json::Value;
use universe_core::next_session;

use crate::harness::Place;
use crate::market::{FIRST, first_day, load, stocks};
use crate::server::Server;

/// A source of an index fell silent: whoever only asks the server hears of it, as long as it is so.
#[test]
fn a_silent_source_is_an_active_alert() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let news: String =
            (1..=6).map(|month| format!("2023-{month:02}-15,add,LAR{}\n", char::from(b'A' + month))).collect();
        place.write("one.csv", format!("date,action,symbol\n{news}"));
        place.write("two.csv", format!("date,action,symbol\n{news}"));
        place.write("old.csv", "date,action,symbol\n2023-01-03,add,MEGA\n");
        place.write("base.csv", "date,symbol\n2023-01-02,MEGB\n");
        let import = |file: &str, more: &[&str]| {
            let import = ["import", "history", file, "--universe", "index_sp500", "--yes", "--baseline", "base.csv"];
            place.run(&[&import[..], &["--until", "2024-01-02"], more].concat()).done();
        };
        for file in ["one.csv", "two.csv", "old.csv"] {
            import(file, &[]);
        }
        load(&place, next_session(FIRST), &stocks());
        place.run(&["sync", "--force"]).done();
        let server = Server::start(place);
        let silent = || {
            let alerts = server.get("/api/v1/alerts").is(200);
            let active = alerts["active"].as_array().expect("alerts").clone();
            active.into_iter().filter(|alert| alert["alert"] == "source_silent").collect::<Vec<Value>>()
        };
        let [alert] = silent().try_into().expect("one alert");
        assert_eq!((&alert["severity"], &alert["universe"]), (&"warning".into(), &"stock_universe:index_sp500".into()));
        assert!(alert["message"].as_str().expect("words").contains("old of stock_universe:index_sp500"), "{alert}");
        // With the run after somebody said that it is no more, it is over.
        let import = ["import", "history", "old.csv", "--universe", "index_sp500", "--yes", "--baseline", "base.csv"];
        server.place.run(&[&import[..], &["--until", "2024-01-02", "--ended"]].concat()).done();
        load(&server.place, next_session(next_session(FIRST)), &stocks());
        server.place.run(&["sync", "--force"]).done();
        assert!(silent().is_empty());
    }
}
