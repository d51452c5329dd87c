//! Data on standard output, words on standard error; quiet, unread, and without colours.

use crate::harness::Place;
use crate::market::{FIRST, first_day, load, sessions_later, stocks};

#[test]
fn quiet_says_nothing_beside_the_data() {
    let place = Place::embedded();
    place.write("screener_2024-01-02.csv", crate::market::screener(&stocks()));
    place.write("dow.txt", "MEGA\nNOBODY\n");
    for arguments in [
        &["db", "migrate"][..],
        &["load", "screener", "screener_2024-01-02.csv"],
        &["sync"],
        &["load", "universe", "dow.txt", "--universe", "index_dow30"],
        &["list"],
        &["show", "top_10", "--as-of", "2024-01-06"],
        &["validate"],
        &["rules", "check"],
    ] {
        let output = place.run(&[arguments, &["--quiet"]].concat()).done();
        assert_eq!(output.stderr, "", "{arguments:?}");
    }
    place.run(&["show", "nothing", "--quiet"]).refused(1, &["there is no universe nothing"]);
}

#[test]
fn data_and_words_keep_to_their_streams() {
    let place = Place::embedded();
    load(&place, FIRST, &stocks());
    load(&place, sessions_later(FIRST, 1), &stocks());
    for arguments in [
        &["sync", "--session", "2024-01-02"][..],
        &["sync", "--session", "2024-01-03", "--dry-run"],
        &["show", "top_10", "--as-of", "2024-01-06"],
        &["show", "top_10 + mega_cap"],
        &["list"],
        &["runs"],
        &["validate"],
        &["diff", "top_10", "2024-01-02", "2024-01-03"],
        &["rules", "show"],
        &["db", "status"],
        &["config", "show"],
    ] {
        let json = place.run(&[arguments, &["--format", "json"]].concat()).done();
        json.json();
        let csv = place.run(&[arguments, &["--format", "csv"]].concat()).done();
        let columns = csv.stdout.lines().next().map_or(0, |heading| heading.split(',').count());
        assert!(columns > 1, "{arguments:?}: {}", csv.stdout);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::embedded();
    first_day(&place);
    for arguments in [
        &["list"][..],
        &["show", "master_all_stocks", "--format", "json"],
        &["sync", "--dry-run", "-v"],
        &["rules", "show"],
        &["config", "sample"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (code, stderr) = place.run_unread(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    let place = Place::embedded();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(&["completions", shell]).done().stdout;
        assert!(script.contains("universe") && script.contains("validate"), "{shell}");
    }
    assert!(!place.exists("universe.db"));
}

#[test]
fn most_verbose_logs_say_nothing_of_libraries() {
    let place = Place::embedded();
    let output = place.run(&["list", "-vv"]).done();
    assert!(!output.stderr.contains("Parsing sql"), "{}", output.stderr);
}
