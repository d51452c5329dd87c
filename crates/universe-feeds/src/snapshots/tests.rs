use super::*;
use crate::testing::{Folder, TestColumn, chain, day, lines_of, parquet_bytes};

const NAMES: [&str; 10] =
    ["as_of", "symbol", "name", "last_sale", "volume", "market_cap", "country", "ipo_year", "industry", "sector"];

/// Returns a row group of rows of a day and a symbol.
fn group(rows: &[(&str, &'static str)]) -> Vec<TestColumn> {
    let texts = |text: &'static str| TestColumn::Texts(vec![Some(text); rows.len()]);
    vec![
        TestColumn::Days(rows.iter().map(|(date, _)| day(date)).collect()),
        TestColumn::Texts(rows.iter().map(|(_, symbol)| Some(*symbol)).collect()),
        texts("Acme Inc. Common Stock"),
        TestColumn::Numbers(vec![Some(2.0); rows.len()]),
        TestColumn::Wholes(vec![Some(5); rows.len()]),
        TestColumn::Wholes((1..).map(|n| Some(n * 100)).take(rows.len()).collect()),
        texts(""),
        TestColumn::Wholes(vec![None; rows.len()]),
        texts("Steel"),
        texts("Materials"),
    ]
}

fn file(folder: &Folder, name: &str, groups: &[&[(&str, &'static str)]]) -> PathBuf {
    let groups: Vec<_> = groups.iter().map(|rows| group(rows)).collect();
    folder.file(name, parquet_bytes(&NAMES, &groups))
}

fn date(text: &str) -> Option<Date> {
    Some(text.parse().expect("a date"))
}

/// Returns each session with its symbols, then the issues that concern no session.
fn sessions(paths: &[PathBuf], from: Option<Date>, to: Option<Date>) -> Result<(Vec<String>, Vec<String>), String> {
    let mut snapshots = read_snapshots(paths, from, to).map_err(|error| chain(&error))?;
    let mut shown = Vec::new();
    for read in snapshots.by_ref() {
        let read = read.map_err(|error| chain(&error))?;
        let symbols: Vec<&str> = read.value.rows.iter().map(|row| row.listing.symbol.as_str()).collect();
        shown.push(format!("{} {} {}", read.value.session, symbols.join(" "), read.issues.len()));
    }
    Ok((shown, lines_of(&snapshots.take_issues())))
}

fn two_files(folder: &Folder) -> Vec<PathBuf> {
    let later = file(folder, "b.parquet", &[&[("2022-05-20", "A")], &[("2022-05-23", "A"), ("2022-05-23", "C")]]);
    let groups: [&[(&str, &'static str)]; 3] = [
        &[("2022-05-16", "B"), ("2022-05-16", "A"), ("2022-05-17", "A")],
        &[("2022-05-17", "BRK/B")],
        &[("2022-05-17", "C"), ("2022-05-17", "A"), ("2022-05-18", "A")],
    ];
    vec![later, file(folder, "a.parquet", &groups)]
}

#[test]
fn yields_each_session_once_though_it_straddles_row_groups() {
    let folder = Folder::new();
    let (shown, issues) = sessions(&two_files(&folder), None, None).expect("readable");
    assert_eq!(
        shown,
        ["2022-05-16 A B 0", "2022-05-17 A BRK.B C 1", "2022-05-18 A 0", "2022-05-20 A 0", "2022-05-23 A C 0"]
    );
    assert_eq!(issues, [""; 0]);
}

#[test]
fn reads_only_the_days_asked_for() {
    let folder = Folder::new();
    let paths = two_files(&folder);
    let days = |from: &str, to: &str| sessions(&paths, date(from), date(to)).map(|(shown, _)| shown);
    assert_eq!(days("2022-05-17", "2022-05-17").expect("readable"), ["2022-05-17 A BRK.B C 1"]);
    assert_eq!(days("2022-05-18", "2022-05-22").expect("readable"), ["2022-05-18 A 0", "2022-05-20 A 0"]);
    assert_eq!(
        days("2022-05-19", "2022-05-19").expect_err("nothing there"),
        "a.parquet holds no snapshot of 2022-05-19; it covers 2022-05-16 to 2022-05-23"
    );
    assert!(days("2022-06-01", "2022-06-30").expect_err("nothing there").contains("from 2022-06-01 to 2022-06-30"));
    assert!(days("2022-05-23", "2022-05-16").is_err());
}

#[test]
fn rows_have_what_the_screener_rules_make_of_them() {
    let folder = Folder::new();
    let path = file(&folder, "a.parquet", &[&[("2022-05-16", "B"), ("2022-05-17", "A"), ("2022-05-17", "B")]]);
    let mut snapshots = read_snapshots(&[path], date("2022-05-17"), None).expect("readable");
    let read = snapshots.next().expect("a session").expect("readable");
    assert_eq!((read.rows, read.value.source.as_str()), (2, "snapshots"));
    let listing = &read.value.rows[1].listing;
    assert_eq!((listing.symbol.as_str(), listing.market_cap.map(|cap| cap.0)), ("B", Some(300)));
    assert_eq!(listing.weighted_shares_outstanding, Some(150));
    assert_eq!((&listing.country, &listing.exchange, listing.sector.as_deref()), (&None, &None, Some("Materials")));
}

#[test]
fn days_that_are_no_session_are_passed_over_with_an_issue() {
    let folder = Folder::new();
    let groups: [&[(&str, &'static str)]; 2] =
        [&[("2022-05-27", "A"), ("2022-05-30", "A")], &[("2022-05-30", "B"), ("2022-05-31", "A")]];
    let paths = [file(&folder, "a.parquet", &groups)];
    let (shown, issues) = sessions(&paths, None, None).expect("readable");
    assert_eq!(shown, ["2022-05-27 A 0", "2022-05-31 A 0"]);
    assert_eq!(issues.len(), 1);
    assert!(issues[0].contains("2022-05-30 is not a session (Memorial Day)"), "{}", issues[0]);
    let message = sessions(&paths, date("2022-05-30"), date("2022-05-30")).expect_err("no session");
    assert!(message.contains("Memorial Day"), "{message}");
}

#[test]
fn refuses_rows_out_of_order() {
    let folder = Folder::new();
    let inside = file(&folder, "a.parquet", &[&[("2022-05-17", "A"), ("2022-05-16", "A"), ("2022-05-18", "A")]]);
    let message = "a.parquet is not sorted by as_of: row 2 goes back to 2022-05-16; sort it and try again";
    assert_eq!(sessions(&[inside], None, None).expect_err("unsorted"), message);
    let across = file(&folder, "a.parquet", &[&[("2022-05-17", "A")], &[("2022-05-16", "A")]]);
    assert_eq!(sessions(&[across], None, None).expect_err("unsorted"), message);
}

#[test]
fn refuses_files_that_overlap() {
    let folder = Folder::new();
    let first = file(&folder, "a.parquet", &[&[("2022-05-16", "A"), ("2022-05-18", "A")]]);
    let second = file(&folder, "b.parquet", &[&[("2022-05-17", "A")]]);
    assert_eq!(
        sessions(&[second, first.clone()], None, None).expect_err("overlap"),
        "a.parquet and b.parquet both hold 2022-05-17; load one of them"
    );
    assert!(sessions(&[first.clone(), first], None, None).is_err());
}

#[test]
fn refuses_other_files() {
    let folder = Folder::new();
    let csv = folder.file("2022-05-17.csv", "symbol\nA\n");
    assert!(sessions(&[csv], None, None).expect_err("CSV").contains("`load screener`"));
    let bare = folder.file("a.parquet", parquet_bytes(&["symbol"], &[vec![TestColumn::Texts(vec![Some("A")])]]));
    assert!(sessions(&[bare], None, None).expect_err("columns").contains("missing as_of, name, last_sale"));
    let dateless = {
        let mut columns = group(&[("2022-05-17", "A")]);
        columns[0] = TestColumn::Days(vec![None]);
        folder.file("b.parquet", parquet_bytes(&NAMES, &[columns]))
    };
    assert!(sessions(&[dateless], None, None).expect_err("no day").contains("as_of in row 1 is no date"));
}
