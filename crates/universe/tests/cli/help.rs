//! `--help` of every command is the reference page `docs/cli.md`; `UPDATE_EXPECT=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use crate::harness::Place;

const INTRODUCTION: &str = "\
# Command line

What `--help` says of every command. A test keeps this page as the program is; to write it anew:
`UPDATE_EXPECT=1 cargo test -p universe --test cli help`.

Data goes to standard output, words to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held for
approval or findings.
";

#[test]
fn the_reference_page_is_what_help_says() {
    let place = Place::embedded();
    let mut page = INTRODUCTION.to_owned();
    add(&place, &[], &mut page);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &page).expect("written");
    }
    let written = std::fs::read_to_string(&file).expect("docs/cli.md can be read");
    assert!(page == written, "docs/cli.md is not what --help says; UPDATE_EXPECT=1 writes it anew:\n{page}");
    assert!(!place.exists("universe.db"), "help makes nothing");
}

#[test]
fn help_is_the_same_on_every_terminal() {
    let place = Place::embedded();
    let usual = place.run(&["sync", "--help"]).done().stdout;
    for columns in ["30", "200", "many"] {
        assert_eq!(place.run_in(&[("COLUMNS", columns)], &["sync", "--help"]).done().stdout, usual, "{columns}");
    }
    assert_eq!(place.run(&["sync", "-h"]).done().stdout, usual);
    assert_eq!(place.run(&["help", "sync"]).done().stdout, usual);
}

#[test]
fn without_a_command_help_is_an_error() {
    let output = Place::embedded().run(&[]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("Usage: universe"), "{}", output.stderr);
}

/// Adds a command and, in the order of its help, those below it.
fn add(place: &Place, command: &[String], page: &mut String) {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = place.run(&arguments).done().stdout;
    assert!(help.lines().all(|line| line.chars().count() <= 90), "{command:?}: a line is too long\n{help}");
    let title = [&["universe".to_owned()], command].concat().join(" ");
    writeln!(page, "\n## `{title}`\n\n```text\n{}\n```", help.trim_end()).expect("a string");
    for name in commands_in(&help) {
        add(place, &[command, &[name]].concat(), page);
    }
}

fn commands_in(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}
