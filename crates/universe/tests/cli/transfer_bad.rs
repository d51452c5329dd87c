//! Exports that are no exports, and places that cannot be written: nothing is ever half done.

use std::process::Command;

use crate::harness::Place;
use crate::market::first_day;
use crate::transfer::exported;

#[test]
fn a_file_at_fault_changes_nothing() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let export = exported(&place);
        let before = place.dump();
        let cut = &export[..export.len() / 2];
        let other = export.replacen("\"MEGA\"", "\"MEGAX\"", 1).replacen("\"count\":", "\"count\":1", 1);
        let files: [(&str, &[u8], &str); 16] = [
            ("empty.json", b"", "is empty"),
            ("blank.csv", b"\n\n", "is empty"),
            ("latin.csv", b"type,key,symbol\nstock_universe,a,\xe9\n", "not UTF-8"),
            ("utf16.json", b"\xff\xfe{\x00}\x00", "UTF-16"),
            ("cut.json", cut.as_bytes(), "truncated"),
            ("other.json", other.as_bytes(), "says that it has"),
            ("page.json", b"<html><body>503</body></html>", "web page"),
            ("list.json", b"[\"AAPL\"]", "universe load universe"),
            ("columns.csv", b"a,b,c\n1,2,3\n", "missing type, key, symbol"),
            ("formula.csv", b"type,key,symbol\nstock_universe,a,=1+1\n", "'='"),
            ("type.csv", b"type,key,symbol\nbond_universe,a,AAPL\n", "no type of universe"),
            ("key.csv", b"type,key,symbol\nstock_universe,../a,AAPL\n", "no universe key"),
            ("twice.csv", b"type,key,symbol\nstock_universe,a,AAPL\nstock_universe,a,AAPL\n", "twice"),
            ("ranks.csv", b"type,key,rank,symbol\nstock_universe,a,1,AAPL\nstock_universe,a,3,MSFT\n", "rows are missing"),
            ("cut.parquet", b"PAR1", "truncated"),
            (
                "later.json",
                b"{\"version\":1,\"as_of\":\"2999-01-04\",\"universes\":[{\"type\":\"stock_universe\",\"key\":\"a\",\"symbols\":[]}]}",
                "2999-01-04",
            ),
        ];
        for (name, content, words) in files {
            place.write(name, content);
            place.run(&["import", name, "--yes"]).refused(1, &[words]);
        }
        place.write("one.csv", "type,key,symbol\nstock_universe,a,AAPL\n");
        place.write("two.csv", "type,key,symbol\nstock_universe,a,MSFT\n");
        place.run(&["import", "one.csv", "two.csv", "--yes"]).refused(1, &["stock_universe:a also stands in one.csv"]);
        place.run(&["import", "missing.json"]).refused(1, &["missing.json"]);
        place.run(&["import", "."]).refused(1, &["."]);
        assert!(place.dump() == before, "nothing was written");
    }
}

#[test]
fn marks_and_line_ends_of_other_systems_are_no_fault() {
    for place in Place::on_both_stores() {
        place.write(
            "windows.csv",
            "\u{feff}type,key,name,symbol\r\nstock_universe,a,'=Mine,AAPL\r\nstock_universe,a,'=Mine,MSFT\r\n",
        );
        let answer = place.run(&["import", "windows.csv"]).done();
        assert_eq!(place.members("a"), ["AAPL", "MSFT"], "{answer:#?}");
        let csv = place.run(&["export", "a", "--as", "csv"]).done().stdout;
        assert!(csv.contains(",'=Mine,"), "{csv}");
        let json = place.run(&["export", "a"]).done().stdout;
        assert!(json.contains("\"name\":\"=Mine\""), "{json}");
    }
}

#[test]
fn a_long_file_is_read_to_its_end() {
    let place = Place::embedded();
    let mut csv = "type,key,symbol\n".to_owned();
    for universe in 0..20 {
        for number in 0..10_000 {
            csv.push_str(&format!("stock_universe,key_{universe},X{number}\n"));
        }
    }
    place.write("long.csv", &csv);
    let answer = place.run(&["import", "long.csv", "--format", "json"]).done().json();
    assert_eq!((&answer["rows"], &answer["universes_read"]), (&200_000.into(), &20.into()));
    assert_eq!(place.members("key_7").len(), 10_000);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let place = Place::embedded();
    first_day(&place);
    place.write("panel.csv", "before");
    // The limit stands for the disk: writing past it fails, as on a full one.
    let limited = |arguments: &str| {
        let program = env!("CARGO_BIN_EXE_universe");
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {program} {arguments}");
        let output = Command::new("sh").args(["-c", &script]).current_dir(place.path(".")).env_clear().output();
        let output = output.expect("a shell");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (what, file) in [("panel", "panel.csv"), ("intervals", "panel.parquet"), ("members", "panel.json")] {
        let (code, words) = limited(&format!("export --what {what} --output {file}"));
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains("error: "), "{words}");
    }
    assert_eq!(std::fs::read_to_string(place.path("panel.csv")).expect("read"), "before");
    let names: Vec<String> = std::fs::read_dir(place.path("."))
        .expect("a directory")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| !name.ends_with(".part") && name != "panel.parquet"), "{names:?}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let place = Place::embedded();
    first_day(&place);
    place.run(&["export", "--output", "no/such/place.json"]).refused(1, &["cannot write no/such/place.json"]);
    place.run(&["export", "--output", ".", "--as", "json"]).refused(1, &["cannot write"]);
    place.run(&["export", "--output", "/dev/full", "--as", "json"]).refused(1, &["No space left"]);
    place.run(&["export", "--output", "/dev/null", "--as", "json"]).done();
    place.write("file", "x");
    place.run(&["export", "--what", "intervals", "--as", "qlib", "--output", "file"]).refused(1, &["file"]);
    let (code, words) = place.run_unread(&["export", "--what", "panel", "--as", "csv"]);
    assert_eq!((code, words.as_str()), (Some(0), ""), "a reader that goes away is no failure");
}

#[test]
fn a_killed_export_leaves_a_whole_file() {
    let place = Place::embedded();
    let mut csv = "type,key,symbol\n".to_owned();
    for number in 0..50_000 {
        csv.push_str(&format!("stock_universe,mine,X{number}\n"));
    }
    place.write("long.csv", &csv);
    place.run(&["import", "long.csv"]).done();
    place.run(&["export", "--output", "whole.csv"]).done();
    let whole = std::fs::read(place.path("whole.csv")).expect("read");
    for signal in ["KILL", "TERM", "INT"] {
        place.write("out.csv", "before");
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(["export", "--output", "out.csv"]).current_dir(place.path(".")).env_clear();
        let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("it runs");
        let part = place.path(&format!(".out.csv.{}.part", child.id()));
        // As soon as something is being written; or it was faster, and the file is there.
        while !part.exists() && child.try_wait().expect("asks").is_none() {
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        let _ = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        let ended = child.wait().expect("it ends");
        let found = std::fs::read(place.path("out.csv")).expect("read");
        assert!(found == b"before" || found == whole, "{signal}: {} bytes are left", found.len());
        if signal != "KILL" {
            assert!(!part.exists(), "{signal}: {ended:?}");
        }
    }
}
