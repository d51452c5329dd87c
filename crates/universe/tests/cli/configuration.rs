//! Where settings come from, what goes before what, and what is wrong with them.

use serde_json::Value;

use crate::harness::{Output, Place};

#[track_caller]
fn database(output: Output) -> (String, String) {
    let shown = output.done().json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&shown["database.uri"]["value"]), text(&shown["database.uri"]["set_by"]))
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let place = Place::embedded();
    let show = ["config", "show", "--format", "json"];
    let found = |uri: &str, origin: &str| (format!("sqlite:{uri}.db"), origin.to_owned());
    assert_eq!(database(place.run(&show)), found("universe", "the defaults"));
    place.write("universe.toml", "[database]\nuri = \"sqlite:file.db\"\n");
    assert_eq!(database(place.run(&show)), found("file", "universe.toml"));
    place.write("other.toml", "[database]\nuri = \"sqlite:other.db\"\n");
    assert_eq!(database(place.run(&[&show[..], &["--config", "other.toml"]].concat())), found("other", "other.toml"));
    place.write(".env", "DATABASE_URI=sqlite:dotenv.db\n");
    assert_eq!(database(place.run(&show)), found("dotenv", "the environment variable DATABASE_URI"));
    let variable = ("DATABASE_URI", "sqlite:variable.db");
    let by_variable = found("variable", "the environment variable DATABASE_URI");
    assert_eq!(database(place.run_in(&[variable], &show)), by_variable, "before .env");
    let own = ("UNIVERSE__DATABASE__URI", "sqlite:own.db");
    let by_own = found("own", "the environment variable UNIVERSE__DATABASE__URI");
    assert_eq!(database(place.run_in(&[variable, own], &show)), by_own, "the own name before the older one");
    let flag = [&show[..], &["--database", "sqlite:flag.db"]].concat();
    assert_eq!(database(place.run_in(&[variable, own], &flag)), found("flag", "the command line"));
}

#[test]
fn the_database_that_is_named_is_the_one_that_is_used() {
    let place = Place::embedded();
    let created = place.run_in(&[("DATABASE_URI", "sqlite:named.db")], &["list"]).done();
    assert_eq!(created.stderr, "created sqlite:named.db\n");
    assert!(place.exists("named.db") && !place.exists("universe.db"));
    place.run(&["list", "--database", "sqlite:flagged.db"]).done();
    assert!(place.exists("flagged.db") && !place.exists("universe.db"));
}

#[test]
fn environments_are_kept_apart() {
    for place in Place::on_both_stores() {
        crate::market::first_day(&place);
        let staging = [("UNIVERSE__DATABASE__ENVIRONMENT", "STAGING")];
        assert_eq!(place.run_in(&staging, &["list", "--format", "json"]).done().json(), serde_json::json!([]));
        place.run_in(&staging, &["sync"]).done();
        assert_eq!(place.run(&["runs", "--format", "json"]).done().json().as_array().map(Vec::len), Some(1));
        assert_eq!(place.members("top_10"), crate::market::TOP_10);
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let place = Place::embedded();
    place.run(&["list", "--config", "nowhere.toml"]).refused(2, &["nowhere.toml cannot be read", "No such file"]);
    for (content, fragments) in [
        ("[databse]\nuri = \"x\"\n", &["unknown setting databse.uri in universe.toml; did you mean database.uri?"][..]),
        ("[rules]\nprofile = \"wild\"\n", &["rules.profile = \"wild\" in universe.toml", "steady"]),
        ("[database]\nuri = \"secret-password\n", &["universe.toml is not right: line 2, column"]),
        ("[database]\nuri = [\"a\"]\n", &["database.uri"]),
    ] {
        place.write("universe.toml", content);
        let refused = place.run(&["list"]).refused(2, fragments);
        assert!(!refused.stderr.contains("secret-password"), "{}", refused.stderr);
    }
    std::fs::remove_file(place.path("universe.toml")).expect("removed");
    for (variable, value, fragments) in [
        ("UNIVERSE__RULES__PROFIL", "steady", &["UNIVERSE__RULES__PROFIL", "did you mean rules.profile?"][..]),
        ("UNIVERSE__LOG__LEVEL", "loud", &["log.level = \"loud\"", "UNIVERSE__LOG__LEVEL", "debug"]),
        ("DATABASE_URI", "mysql://u:secret-password@h/d", &["environment variable DATABASE_URI", "postgresql://"]),
    ] {
        let refused = place.run_in(&[(variable, value)], &["list"]).refused(2, fragments);
        assert!(!refused.stderr.contains("secret-password"), "{}", refused.stderr);
    }
    assert!(!place.exists("universe.db"), "nothing was made on the way");
}

#[test]
fn a_broken_dotenv_is_told_without_its_secrets() {
    let place = Place::embedded();
    place.write(".env", "FINE=1\nDATABASE_PASSWORD=\"secret-password\n");
    let refused = place.run(&["list"]).refused(2, &["the file .env is not right", "DATABASE_PASSWORD"]);
    assert!(!refused.stderr.contains("secret-password"), "{}", refused.stderr);
    place.write(".env", "just some secret-password\n");
    let refused = place.run(&["list"]).refused(2, &["the file .env is not right", "NAME=value"]);
    assert!(!refused.stderr.contains("secret-password"), "{}", refused.stderr);
}

#[test]
fn passwords_are_not_shown() {
    let place = Place::embedded();
    let uri = "postgresql://app:secret-password@127.0.0.1:1/tickstock";
    for arguments in [&["config", "show"][..], &["config", "show", "--format", "json"], &["list"], &["db", "status"]] {
        let output = place.run_in(&[("DATABASE_URI", uri)], arguments);
        let said = output.stdout + &output.stderr;
        assert!(said.contains("127.0.0.1") && !said.contains("secret-password"), "{said}");
    }
}

#[test]
fn the_sample_is_a_configuration() {
    let place = Place::embedded();
    let sample = place.run(&["config", "sample"]).done().stdout;
    place.write("universe.toml", &sample);
    assert_eq!(database(place.run(&["config", "show", "--format", "json"])).1, "universe.toml");
}

#[test]
fn a_log_directory_gets_a_file_a_day() {
    let place = Place::embedded();
    place.run_in(&[("UNIVERSE__LOG__DIRECTORY", "logs")], &["list"]).done();
    let names: Vec<_> =
        std::fs::read_dir(place.path("logs")).expect("made").map(|e| e.expect("an entry").file_name()).collect();
    let [name] = &names[..] else { panic!("{names:?}") };
    let name = name.to_string_lossy();
    assert!(name.starts_with("cache_sync_20") && name.ends_with(".log"), "{name}");
}
