//! The feeds against two years of real data; passed over with a message where it is not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use universe_core::{Snapshot, Usd, is_session};
use universe_feeds::{FeedError, read_screener, read_snapshots, read_universe};

fn shared_data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/data is not there");
        return None;
    }
    Some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the shared data");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn caps(snapshot: &Snapshot) -> BTreeMap<&str, Option<Usd>> {
    snapshot.rows.iter().map(|row| (row.listing.symbol.as_str(), row.listing.market_cap)).collect()
}

#[test]
fn every_raw_day_is_read_or_is_no_session() {
    let Some(data) = shared_data() else { return };
    let mut refused = Vec::new();
    let raw = files(&data.join("us-daily-raw"));
    assert_eq!(raw.len(), 48);
    for path in raw {
        match read_screener(&path, None) {
            Ok(read) => {
                let listings = read.value.rows.len() as u64;
                assert!((7_000..9_000).contains(&listings), "{}: {listings} listings", path.display());
                assert_eq!(read.rows, listings + read.issues.len() as u64, "{:?}", read.issues.first());
                assert!(read.value.rows.is_sorted_by(|a, b| a.listing.symbol < b.listing.symbol));
                assert!(read.issues.is_empty(), "{:?}", read.issues);
                let known =
                    |of: fn(&universe_core::SnapshotRow) -> bool| read.value.rows.iter().filter(|row| of(row)).count();
                assert!(known(|row| row.close.is_some()) * 100 > read.value.rows.len() * 99);
                assert!(
                    known(|row| row.listing.weighted_shares_outstanding.is_some()) * 100 > read.value.rows.len() * 60
                );
            }
            Err(FeedError::NotASession { source, .. }) => refused.push(source.date),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    assert_eq!(refused, [date("2022-05-30")]);
}

#[test]
fn raw_files_and_parquet_say_the_same_of_a_day() {
    let Some(data) = shared_data() else { return };
    let parquet = files(&data.join("us-daily"));
    for day in ["2022-05-17", "2022-06-08", "2023-12-15"] {
        let raw = read_screener(&data.join(format!("us-daily-raw/{day}.csv.gz")), None).expect("readable");
        let mut snapshots = read_snapshots(&parquet, Some(date(day)), Some(date(day))).expect("readable");
        let columns = snapshots.next().expect("one session").expect("readable");
        assert!(snapshots.next().is_none() && snapshots.take_issues().is_empty());
        assert_eq!(raw.value.session, columns.value.session);
        assert_eq!(caps(&raw.value), caps(&columns.value), "{day}");
        assert_eq!(raw.value.rows, columns.value.rows, "{day}");
    }
}

#[test]
fn a_quarter_of_snapshots_comes_session_by_session() {
    let Some(data) = shared_data() else { return };
    let quarter = [data.join("us-daily/us-daily-2022q2.parquet")];
    let mut snapshots = read_snapshots(&quarter, None, Some(date("2022-06-10"))).expect("readable");
    let mut days = Vec::new();
    for read in snapshots.by_ref() {
        let read = read.expect("readable");
        assert!((8_000..9_000).contains(&read.rows), "{}: {} rows", read.value.session, read.rows);
        days.push(read.value.session);
    }
    assert!(days.is_sorted_by(|a, b| a < b) && days.iter().all(|day| is_session(*day)));
    assert_eq!((days.first(), days.last(), days.len()), (Some(&date("2022-04-01")), Some(&date("2022-06-10")), 49));
    let issues = snapshots.take_issues();
    assert_eq!(issues.len(), 1);
    assert!(issues[0].reason.contains("Memorial Day"), "{issues:?}");
}

#[test]
fn the_published_sp_500_list_is_read() {
    let Some(data) = shared_data() else { return };
    let read = read_universe(&data.join("indexes/sp500/constituents_latest.csv")).expect("readable");
    assert!((495..510).contains(&read.value.len()) && read.issues.is_empty());
    assert!(read.value.iter().any(|symbol| symbol.as_str() == "BRK.B"));
}
