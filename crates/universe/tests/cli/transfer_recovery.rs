//! Disaster recovery, rehearsed: the database is destroyed, and what comes back goes on where it was.

use std::process::Command;

use serde_json::Value;
use universe_core::next_session;

use crate::harness::Place;
use crate::market::{FIRST, load, stocks, with_price};
use crate::transfer::{exported, members_of, run_days};

/// Runs the next day, and checks that its events are numbered on from those that there were.
fn goes_on(place: &Place, sequence_before: i64) {
    let checked = place.run(&["validate", "--format", "json"]).json();
    let findings = checked["findings"].as_array().expect("a list");
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{checked}");
    let mut later = stocks();
    with_price(&mut later, &["LARH"], 40);
    load(place, next_session(FIRST), &later);
    place.run(&["sync", "--force"]).done();
    assert!(place.members("mega_cap").contains(&"LARH".to_owned()));
    assert_eq!(last_sequence(place), sequence_before + 1, "the followers of mega_cap see no gap");
    let checked = place.run(&["validate", "--format", "json"]).json();
    let findings = checked["findings"].as_array().expect("a list");
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{checked}");
}

/// Returns the number of the last change of `mega_cap`, as its events have it.
fn last_sequence(place: &Place) -> i64 {
    const SQL: &str = "select max(sequence) from {outbox} where universe = 'stock_universe:mega_cap'";
    match place.postgres_uri() {
        Some(uri) => {
            let sql = SQL.replace("{outbox}", "universe.outbox");
            let text = shell(&format!("psql --no-psqlrc -At -c \"{sql}\" '{uri}'"), place);
            text.trim().parse().expect("a number")
        }
        None => {
            let database = rusqlite::Connection::open(place.path("universe.db")).expect("opened");
            database.query_row(&SQL.replace("{outbox}", "universe_outbox"), [], |row| row.get(0)).expect("a number")
        }
    }
}

/// Runs a line of a shell, as the page of the documentation has it.
fn shell(line: &str, place: &Place) -> String {
    let output = Command::new("sh").args(["-ec", line]).current_dir(place.path(".")).output().expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_copy_of_the_embedded_database_goes_on() {
    let place = Place::embedded();
    run_days(&place, &[stocks()]);
    let (export, sequence) = (exported(&place), last_sequence(&place));
    place.run(&["db", "backup", "saved.db"]).done();
    place.run(&["db", "backup", "saved.db"]).refused(1, &["exists already"]);
    // A run after the copy is not in it.
    place.write("mine.txt", "MEGA\n");
    place.run(&["load", "universe", "mine.txt", "--universe", "stock_universe:mine"]).done();
    for name in ["universe.db", "universe.db-wal", "universe.db-shm"] {
        let _ = std::fs::remove_file(place.path(name));
    }
    std::fs::rename(place.path("saved.db"), place.path("universe.db")).expect("moved");
    assert_eq!(exported(&place), export);
    goes_on(&place, sequence);
    let left = std::fs::read_dir(place.path(".")).expect("a directory").flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().ends_with(".part")));
}

#[test]
fn a_dump_of_postgres_goes_on() {
    let places = Place::on_both_stores();
    let (Some(place), Some(empty)) =
        (places.into_iter().find(Place::is_postgres), Place::on_both_stores().into_iter().find(Place::is_postgres))
    else {
        return;
    };
    place.run(&["db", "backup", "saved.db"]).refused(2, &["pg_dump"]);
    run_days(&place, &[stocks()]);
    let (export, sequence) = (exported(&place), last_sequence(&place));
    let (from, to) = (place.postgres_uri().expect("an address"), empty.postgres_uri().expect("an address"));
    shell(&format!("pg_dump --format=custom --file=saved.dump '{from}'"), &place);
    shell(
        &format!(
            "pg_restore --clean --if-exists --exit-on-error --dbname='{to}' '{}'",
            place.path("saved.dump").display()
        ),
        &empty,
    );
    drop(place);
    assert_eq!(exported(&empty), export);
    goes_on(&empty, sequence);
}

#[test]
fn an_export_begins_a_new_history_in_another_kind_of_database() {
    for from in Place::on_both_stores() {
        run_days(&from, &[stocks()]);
        from.run(&["export", "--output", "universes.json"]).done();
        let export = std::fs::read_to_string(from.path("universes.json")).expect("read");
        drop(from);
        for to in Place::on_both_stores() {
            to.write("universes.json", &export);
            to.run(&["import", "universes.json"]).done();
            load(&to, FIRST, &stocks());
            let document: Value = serde_json::from_str(&exported(&to)).expect("JSON");
            assert_eq!(document["as_of"], FIRST.to_string());
            assert_eq!(members_of(&exported(&to)), members_of(&export));
            let sequence = last_sequence(&to);
            assert_eq!(sequence, 1, "followers are told of every universe");
            goes_on(&to, sequence);
        }
    }
}
