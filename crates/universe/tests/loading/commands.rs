//! `universe jobs`.

use serde_json::json;
use universe_testkit::Fault;

use crate::harness::{Place, texts};
use crate::provider::{borrowed, provider, variables};
use crate::stored::{expected, stored};

#[test]
fn a_job_is_carried_out_without_a_server() {
    for place in Place::on_both_stores() {
        let provider = provider(["AAPL", "BRK.B", "MSFT"]);
        let variables = variables(&provider, 0);
        let environment = borrowed(&variables);
        let submit = ["jobs", "submit", "--symbols", "aapl,BRK-B", "--years", "2", "--id", "first", "--run"];
        let arguments = [&submit[..], &["--timeframe", "day", "--timeframe", "month", "--format", "json"]].concat();
        let done = place.run_in(&environment, &arguments).done();
        assert!(done.stderr.contains("job first was asked for"), "{done:?}");
        let job = done.json();
        assert_eq!(
            (&job["job_id"], &job["status"], &job["progress"]),
            (&json!("first"), &json!("completed"), &json!(100))
        );
        assert_eq!((&job["symbols_total"], &job["symbols_done"], &job["errors"]), (&json!(2), &json!(2), &json!([])));
        assert_eq!((&job["timeframes"], &job["requested_by"]), (&json!(["day", "month"]), &json!("cli")));
        let bars = job["bars"].as_u64().expect("a number");
        assert!((1_000..1_100).contains(&bars), "{job}");
        let date = |name: &str| job[name].as_str().expect("a date").parse().expect("a date");
        let dates = (date("first_date"), date("last_date"));
        assert_eq!(stored(&place), expected(&provider, ["AAPL", "BRK.B"], dates));

        // The same id is the same job: nothing is asked for again.
        let requests = provider.requests();
        let again = place.run_in(&environment, &arguments).done();
        assert!(again.stderr.contains("there is a job first already"), "{again:?}");
        assert_eq!((again.json(), provider.requests()), (job, requests));

        let listed = place.run(&["jobs", "list", "--format", "json"]).done().json();
        assert_eq!(listed.as_array().map(Vec::len), Some(1));
        let table = place.run(&["jobs", "list"]).done().stdout;
        assert!(table.contains("first") && table.contains("2 symbols") && table.contains("day,month"), "{table}");
        let csv = place.run(&["jobs", "list", "--format", "csv"]).done().stdout;
        assert!(csv.starts_with("job_id,status,progress,symbols,bars,errors,of,timeframes,created_at,requested_by\nfirst,completed,100%,2 of 2,"), "{csv}");
        place.run(&["validate"]).done();
    }
}

#[test]
fn the_bars_of_a_universe_are_loaded() {
    let place = Place::embedded();
    let demo = ["demo", "--listings", "300", "--sessions", "2", "--database", "sqlite:universe.db", "--quiet"];
    place.run(&demo).done();
    let fifty = place.members("top_50");
    let provider = provider(fifty.iter().take(45).map(|symbol| symbol.replace('^', "p")));
    provider.fail(&fifty[20], Fault::Status(400), None);
    let variables = variables(&provider, 0);
    let environment = borrowed(&variables);
    let submit = ["jobs", "submit", "--universe", "top_50 - top_10", "--run", "--format", "json"];
    let output = place.run_in(&environment, &submit);
    assert_eq!(output.code, 1, "{output:?}");
    let job = output.json();
    assert_eq!((&job["status"], &job["symbols_total"]), (&json!("completed_with_errors"), &json!(40)), "{job}");
    assert_eq!((&job["error_count"], &job["symbols_done"]), (&json!(1), &json!(40)));
    assert_eq!(job["errors"][0]["symbol"], fifty[20]);
    // Of the last five the provider has nothing, and says so by an empty answer.
    assert!(job["message"].as_str().is_some_and(|said| said.contains("no bars at all for 5")), "{job}");
    let shown = place.run(&["jobs", "show", job["job_id"].as_str().expect("an id")]).done().stdout;
    assert_eq!(shown.lines().filter(|line| line.starts_with("failed: ")).count(), 1, "{shown}");
    assert!(shown.contains("1 of 40 tasks failed"), "{shown}");
}

#[test]
fn a_job_waits_until_somebody_carries_it_out() {
    for place in Place::on_both_stores() {
        let job = place.run(&["jobs", "submit", "--symbols", "AAPL", "--format", "json"]).done().json();
        assert_eq!((&job["status"], &job["symbols_total"]), (&json!("pending"), &json!(null)));
        let id = job["job_id"].as_str().expect("an id");
        let cancelled = place.run(&["jobs", "cancel", id, "--format", "json"]).done().json();
        assert_eq!(cancelled["status"], "cancelled");
        place.run(&["jobs", "cancel", id]).refused(1, &["is over: cancelled"]);
        place.run(&["jobs", "show", "nobody"]).refused(1, &["there is no job nobody", "universe jobs list"]);
        place.run(&["jobs", "cancel", "nobody"]).refused(1, &["there is no job nobody"]);
        // What came before it is carried out first.
        place.run(&["jobs", "submit", "--symbols", "MSFT", "--id", "before"]).done();
        let provider = provider(["AAPL", "MSFT"]);
        let variables = variables(&provider, 0);
        place.run_in(&borrowed(&variables), &["jobs", "submit", "--symbols", "AAPL", "--run"]).done();
        let before = place.run(&["jobs", "show", "before", "--format", "json"]).done().json();
        assert_eq!(before["status"], "completed");
    }
}

#[test]
fn symbols_are_made_known_without_a_key() {
    let place = Place::embedded();
    place.write("data/universes/mine.csv", "symbol\nAAPL\nZZZ\n");
    let submit = ["jobs", "submit", "--csv", "mine.csv", "--no-bars", "--run", "--format", "json"];
    let job = place.run(&submit).done().json();
    assert_eq!((&job["status"], &job["symbols_done"], &job["bars"]), (&json!("completed"), &json!(2), &json!(0)));
    let known = rusqlite::Connection::open(place.path("universe.db")).expect("opens");
    let sql = "select group_concat(symbol || coalesce(company_name, '')) from symbols";
    assert_eq!(known.query_row(sql, [], |row| row.get::<_, String>(0)).expect("read"), "AAPL,ZZZ");
}

#[test]
fn wrong_usage_is_refused_before_anything_is_asked_for() {
    let place = Place::embedded();
    let submit = |arguments: &[&str]| place.run(&[&["jobs", "submit"], arguments].concat());
    submit(&[]).refused(2, &["--universe"]);
    submit(&["--symbols", "AAPL", "--universe", "top_10"]).refused(2, &["cannot be used with"]);
    submit(&["--symbols", "AAPL", "--years", "51"]).refused(2, &["51", "1..=50"]);
    submit(&["--symbols", "AAPL", "--timeframe", "5min"]).refused(2, &["1min, hour, day, week and month"]);
    submit(&["--symbols", "AAPL,A B"]).refused(2, &["A B"]);
    submit(&["--symbols", "AAPL", "--id", "two words"]).refused(2, &["ASCII without spaces"]);
    submit(&["--csv", "../other.csv"]).refused(2, &["without a directory"]);
    submit(&["--universe", "top_10 &"]).refused(2, &["column"]);
    submit(&["--universe", "nobody"]).refused(1, &["there is no universe nobody"]);
    submit(&["--symbols", "AAPL", "--run"]).refused(1, &["there is no key", "MASSIVE_API_KEY"]);
    let listed = place.run(&["jobs", "list", "--format", "json"]).done().json();
    assert_eq!(texts(&listed), [""; 0]);
}

#[test]
fn a_refused_key_fails_the_job() {
    let place = Place::embedded();
    let provider = provider(["AAPL"]);
    let mut variables = variables(&provider, 0);
    variables.push(("UNIVERSE__MASSIVE__API_KEY", "wrong-key".to_owned()));
    let output = place.run_in(&borrowed(&variables), &["jobs", "submit", "--symbols", "AAPL", "--run"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stdout.contains("refused the key"), "{output:?}");
    assert!(!output.stdout.contains("wrong-key") && !output.stderr.contains("wrong-key"), "{output:?}");
}
