//! Checks of the tree itself: what holds for every file, and what no compiler looks at.
//!
//! Each failure says what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The floor of every crate that ships; imports go downward only.
const FLOORS: [(&str, u8); 5] =
    [("universe-core", 0), ("universe-store", 1), ("universe-feeds", 1), ("universe-service", 2), ("universe", 3)];

/// The crate that only tests may use.
const TESTKIT: &str = "universe-testkit";

/// More than this is more than one thing; the house rule is 500, and this the point where it breaks.
const LINES_MAX: usize = 600;

/// What core never does, and what to do instead.
const FORBIDDEN_IN_CORE: [(&str, &str); 19] = [
    ("std::fs", "read files in universe-feeds or universe-store and pass the data in"),
    ("std::net", "talk to the network in universe-feeds and pass the data in"),
    ("std::io", "read and write in the floors above and pass the data in"),
    ("std::env", "read the environment in the binary and pass the value in"),
    ("std::process", "start processes in the binary"),
    ("std::thread", "run things at once in universe-service"),
    ("tokio", "keep async in the floors above"),
    ("async fn", "keep async in the floors above"),
    (".await", "keep async in the floors above"),
    ("SystemTime", "take the instant as an argument"),
    ("Instant::now", "take the instant as an argument"),
    ("Timestamp::now", "take the instant as an argument"),
    ("Zoned::now", "take the instant as an argument"),
    ("rand::", "take random numbers as an argument"),
    ("new_v4", "take the id as an argument"),
    ("now_v7", "take the id as an argument"),
    ("collections::HashMap", "its order is random: use BTreeMap, or FxHashMap where order reaches no output"),
    ("collections::HashSet", "its order is random: use BTreeSet, or FxHashSet where order reaches no output"),
    ("println!", "return the text; the binary prints"),
];

/// What no shipped line has. The words are split so that this file does not accuse itself.
const FORBIDDEN_IN_SHIPPED: [(&str, &str); 6] = [
    (concat!("todo", "!("), "finish it, or return an error that says what is missing"),
    (concat!("unimpl", "emented!("), "finish it, or return an error that says what is missing"),
    (concat!("FIX", "ME"), "fix it, or open an issue and say in the comment what holds until then"),
    (concat!("TO", "DO"), "do it, or open an issue and say in the comment what holds until then"),
    (concat!(".unw", "rap()"), "return the error, or write .expect(\"why it cannot happen\")"),
    (concat!("#[al", "low("), "use #[expect(lint, reason = \"...\")]: it complains when it is not needed any more"),
];

#[test]
fn crates_depend_downward_only() {
    let floors: BTreeMap<&str, u8> = FLOORS.into();
    let mut seen = BTreeSet::new();
    for manifest in children(&root().join("crates")).into_iter().map(|folder| folder.join("Cargo.toml")) {
        let parsed: toml::Table = text(&manifest).parse().expect("cargo reads it too");
        let name = parsed["package"]["name"].as_str().expect("a package has a name").to_owned();
        if name == TESTKIT {
            continue;
        }
        let Some(floor) = floors.get(name.as_str()) else {
            panic!("{name} has no floor: give it one in FLOORS in {}, or merge it into a crate that has", file!());
        };
        for table in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = parsed.get(table).and_then(toml::Value::as_table) else { continue };
            for dependency in dependencies.keys() {
                assert!(
                    dependency != TESTKIT,
                    "{name} ships and depends on {TESTKIT}: move it to [dev-dependencies] of {}",
                    shown(&manifest)
                );
                if let Some(below) = floors.get(dependency.as_str()) {
                    assert!(
                        below < floor,
                        "{name} (floor {floor}) depends on {dependency} (floor {below}): imports go downward only. \
                         Move what both need to a lower floor, or let the floor above pass it in"
                    );
                }
            }
        }
        seen.insert(name);
    }
    let expected: BTreeSet<String> = FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        seen,
        expected,
        "the crates of the workspace are not the ones in FLOORS in {}: bring them together",
        file!()
    );
}

#[test]
fn core_does_no_io_and_reads_no_clock() {
    let mut faults = Vec::new();
    for file in sources("universe-core") {
        faults.extend(forbidden(&file, &FORBIDDEN_IN_CORE));
    }
    assert_none(&faults, "universe-core decides and does nothing else");
}

#[test]
fn shipped_code_is_finished() {
    let mut faults = Vec::new();
    for (name, _) in FLOORS {
        for file in sources(name) {
            faults.extend(forbidden(&file, &FORBIDDEN_IN_SHIPPED));
        }
    }
    assert_none(&faults, "what ships is finished, and says why where it may panic");
}

#[test]
fn no_test_is_switched_off() {
    let ignored = concat!("#[ig", "nore");
    let mut faults = Vec::new();
    for file in rust_files(&root().join("crates")) {
        let found = text(&file).lines().position(|line| line.trim_start().starts_with(ignored));
        faults.extend(found.map(|at| format!("{}:{}: {ignored}", shown(&file), at + 1)));
    }
    assert_none(&faults, "repair the test, or delete it; where it needs a server, skip it visibly as the others do");
}

#[test]
fn every_migration_has_its_twin() {
    let folder = root().join("crates/universe-store/migrations");
    let names = |of: &str| -> BTreeSet<String> {
        children(&folder.join(of)).iter().map(|path| file_name(path)).filter(|name| name.ends_with(".sql")).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "no migrations in {}", shown(&folder));
    let lonely: Vec<&String> = sqlite.symmetric_difference(&postgres).collect();
    assert!(
        lonely.is_empty(),
        "{lonely:?} is there for one database only: write the migration of the same name for the other one, \
         even if it is a comment that says why there is nothing to do"
    );
    let list = text(&root().join("crates/universe-store/src/migrations.rs"));
    for name in &sqlite {
        for of in ["sqlite", "postgres"] {
            assert!(
                list.contains(&format!("{of}/{name}")),
                "{of}/{name} is never applied: add it to MIGRATIONS in crates/universe-store/src/migrations.rs"
            );
        }
    }
}

#[test]
fn every_rule_file_is_compiled_in() {
    let list = text(&root().join("crates/universe-core/src/rule/defaults.rs"));
    for name in children(&root().join("universes")).iter().map(|path| file_name(path)) {
        assert!(
            list.contains(&format!("(\"{name}\", include_str!(\"../../../../universes/{name}\"))")),
            "universes/{name} is not compiled in: add it to DEFAULT_FILES in crates/universe-core/src/rule/defaults.rs"
        );
    }
}

#[test]
fn every_term_of_the_glossary_is_used() {
    let glossary = text(&root().join("docs/glossary.md"));
    let mut used = String::new();
    for file in rust_files(&root().join("crates")).iter().filter(|file| !file.ends_with("tests/tidy.rs")) {
        used.push_str(&text(file));
    }
    for file in documents().iter().filter(|file| !file.ends_with("docs/glossary.md")) {
        used.push_str(&text(file));
    }
    let used = spaced(&used);
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| **")).filter_map(|row| row.split_once("** |"));
    let mut terms = 0;
    for (term, _) in rows {
        terms += 1;
        assert!(
            used.contains(&format!(" {}", spaced(term).trim())),
            "docs/glossary.md explains {term:?}, which neither the code nor another document uses: \
             use the term where the idea occurs, or take it out"
        );
    }
    assert!(terms >= 30, "only {terms} terms found in docs/glossary.md; a row starts with | **term** |");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in documents() {
        let page = text(&document);
        let folder = document.parent().expect("a file is in a folder");
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            assert!(
                folder.join(path).exists(),
                "{} links to {target}, which is not there: correct the link, or write the page",
                shown(&document)
            );
        }
    }
}

#[test]
fn files_are_not_too_long() {
    let mut faults = Vec::new();
    for folder in children(&root().join("crates")) {
        for file in rust_files(&folder.join("src")) {
            let lines = text(&file).lines().count();
            if lines > LINES_MAX {
                faults.push(format!("{}: {lines} lines, at most {LINES_MAX}", shown(&file)));
            }
        }
    }
    assert_none(
        &faults,
        "move a part that has a name into a file of its own: foo.rs gets foo/part.rs, tests foo/tests.rs",
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// The files and folders in a folder, sorted.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot read {}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

/// All Rust files below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in children(folder) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// The sources of a crate without its tests.
fn sources(name: &str) -> Vec<PathBuf> {
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let source = root().join("crates").join(name).join("src");
    let files = rust_files(&source).into_iter().filter(|file| !is_test(file.strip_prefix(&source).expect("below")));
    files.filter(|file| !is_test_module(file)).collect()
}

/// Whether a file is declared as a module for tests only.
fn is_test_module(file: &Path) -> bool {
    let name = file.file_stem().expect("a file has a name").to_string_lossy();
    let folder = file.parent().expect("a file is in a folder");
    let parents = [folder.join("lib.rs"), folder.join("main.rs"), folder.with_extension("rs")];
    let declaration = format!("#[cfg(test)]\nmod {name};");
    parents.iter().filter(|parent| parent.exists()).any(|parent| text(parent).contains(&declaration))
}

/// The lines of a file, before its tests and without comments, that have a word that they should not have.
fn forbidden(file: &Path, words: &[(&str, &str)]) -> Vec<String> {
    let source = text(file);
    let shipped = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut faults = Vec::new();
    for (at, line) in shipped.lines().enumerate() {
        // A comment may say what is not done; but a note of unfinished work is always one in a comment.
        let is_comment = line.trim_start().starts_with("//");
        for (word, instead) in words {
            let is_note = word.chars().all(|c| c.is_ascii_uppercase());
            if has_word(line, word) && (is_note || !is_comment) {
                faults.push(format!("{}:{}: {word}; {instead}", shown(file), at + 1));
            }
        }
    }
    faults
}

/// Whether a line has a word that is not the end of a longer one: `Operand::` is no `rand::`.
fn has_word(line: &str, word: &str) -> bool {
    let starts_inside = |at: usize| {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        word.starts_with(is_letter) && line[..at].ends_with(is_letter)
    };
    line.match_indices(word).any(|(at, _)| !starts_inside(at))
}

fn assert_none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

/// The documents: Markdown in the root and in `docs`.
fn documents() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs"), root().join("docs/decisions")];
    let files = folders.iter().flat_map(|folder| children(folder));
    files.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

/// Lower case with single spaces between words, however they were joined: `rule_set`, `rule-set`, `RuleSet`.
fn spaced(text: &str) -> String {
    let mut words = String::with_capacity(text.len() * 2);
    let mut before = ' ';
    for c in text.chars() {
        let is_between = !c.is_alphanumeric();
        if (is_between || (before.is_lowercase() && c.is_uppercase())) && !words.ends_with(' ') {
            words.push(' ');
        }
        if !is_between {
            words.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
