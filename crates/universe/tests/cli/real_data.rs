//! Real days, where the market data lies beside the repository: both stores come to the same.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::dump;
use crate::harness::Place;

/// Days in May 2022; on the last one the source changed the sectors of thousands of listings.
const DAYS: [&str; 3] = ["2022-05-17", "2022-05-18", "2022-05-19"];

fn data() -> Option<PathBuf> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if data.join("us-daily-raw").exists() {
        return Some(data);
    }
    eprintln!("skipped: no market data at {}", data.display());
    None
}

#[test]
fn real_days_come_to_the_same_on_both_stores() {
    let Some(data) = data() else { return };
    let mut results: Vec<Vec<Value>> = Vec::new();
    let mut entries = Vec::new();
    for place in Place::on_both_stores() {
        let file = |name: String| data.join(name).to_string_lossy().into_owned();
        let quarter = file("us-daily/us-daily-2022q2.parquet".to_owned());
        let loaded = place.run(&["load", "snapshots", &quarter, "--as-of", "2022-05-16", "--format", "json"]).done();
        assert!(loaded.json()["loaded"].as_u64().is_some_and(|rows| rows > 6_000), "{}", loaded.stdout);
        let raw = DAYS.map(|day| file(format!("us-daily-raw/{day}.csv.gz")));
        place.run(&[&["load", "screener"], &raw.each_ref().map(String::as_str)[..]].concat()).done();
        let mut runs = Vec::new();
        for day in ["2022-05-16"].iter().chain(&DAYS) {
            let output = place.run(&["sync", "--session", day, "--format", "json"]);
            assert!([0, 3].contains(&output.code), "{output:#?}");
            let mut run = output.json();
            for of_this_run in ["job_id", "duration_seconds", "task_results"] {
                run.as_object_mut().expect("an object").remove(of_this_run);
            }
            runs.push(run);
        }
        assert_eq!(runs[0]["held"], json!([]), "what is new is not held");
        assert_eq!(place.members("top_10")[..2], ["AAPL", "MSFT"]);
        place.run(&["validate"]).done();
        results.push(runs);
        entries.push(dump::entries(&place));
    }
    assert!(entries[0].len() > 150, "{} universes", entries[0].len());
    assert!(results.windows(2).all(|two| two[0] == two[1]), "the runs differ: {results:#?}");
    assert!(entries.windows(2).all(|two| two[0] == two[1]), "the universes differ");
}

#[test]
fn days_and_files_that_do_not_fit_are_refused() {
    let Some(data) = data() else { return };
    let place = Place::embedded();
    let quarter = data.join("us-daily/us-daily-2022q2.parquet").to_string_lossy().into_owned();
    place
        .run(&["load", "snapshots", &quarter, "--as-of", "2021-01-05"])
        .refused(1, &["holds no snapshot of 2021-01-05"]);
    place.run(&["load", "snapshots", &quarter, "--as-of", "2022-05-30"]).refused(2, &["Memorial Day"]);
    place.run(&["load", "prices", &quarter]).refused(1, &["has the wrong columns: missing close"]);
}
