//! Real listings whose symbols changed: Facebook became Meta on 2022-06-09, Fiserv's FISV became FI on 2023-06-07.
//!
//! Reads `../shared/data/us-daily`; where that is absent the test says so and passes.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::{Date, date};
use universe_core::identity::SymbolChange;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, sessions};
use universe_service::{Ambient, SyncRequest, Writing, listing_history, load_snapshots, sync};
use universe_store::{Store, open};
use universe_testkit::ManualAmbient;

const ENVIRONMENT: &str = "DEFAULT";

fn quarter(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily");
    let file = folder.join(format!("us-daily-{name}.parquet"));
    if !file.exists() {
        eprintln!("skipped: ../shared/data is not there");
        return None;
    }
    Some(file)
}

/// Loads and synchronizes the sessions of a range, one after the other.
async fn live_through(store: &dyn Store, file: PathBuf, from: Date, to: Date) {
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
    load_snapshots(store, &[file], Some(from), Some(to), &ambient, &|_| {}).await.expect("loaded");
    for session in sessions(from, to) {
        let request = SyncRequest {
            environment: ENVIRONMENT.to_owned(),
            session: Some(session),
            request: universe_core::planner::Request {
                mode: universe_core::plan::Mode::Full,
                undefined: universe_core::planner::Undefined::Retire,
                holds: universe_core::planner::Holds::Wait,
            },
            triggered_by: "cli".to_owned(),
            writing: Writing::Apply,
        };
        let outcome = sync(store, &rules, &request, &ambient, &|_, _| {}).await.expect("synchronized");
        let offered: Vec<&str> =
            outcome.plan.offerings.iter().map(|o| outcome.plan.symbol(o.listing).as_str()).collect();
        assert!(!offered.contains(&"META") && !offered.contains(&"FI"), "{session}: {offered:?}");
    }
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);
}

/// The spans of a listing in a universe: symbol, first session, first session no longer, and why.
async fn spans(store: &dyn Store, symbol: &str, universe: &str) -> Vec<String> {
    let id: UniverseId = universe.parse().expect("an address");
    let history = listing_history(store, ENVIRONMENT, &Symbol::from_stored(symbol), None, None).await.expect("read");
    let rows = history.memberships.into_iter().filter(|row| row.universe == id);
    let end = |day: Option<Date>| day.map_or("..".to_owned(), |day| day.to_string());
    rows.map(|row| {
        let why = row.closed_reason.unwrap_or_default();
        format!("{} {} {} {} {why}", row.symbol, row.valid_from, end(row.valid_to), row.opened_reason)
    })
    .collect()
}

async fn embedded(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let uri = format!("sqlite:{}", folder.path().join("days.db").display());
    open(&uri.parse().expect("an address")).await.expect("opened")
}

async fn changes(store: &dyn Store) -> Vec<SymbolChange> {
    store.symbol_change_list().await.expect("read").into_iter().map(|record| record.change).collect()
}

fn renamed(day: Date, from: &str, to: &str) -> SymbolChange {
    SymbolChange { date: day, from: Symbol::from_stored(from), to: Some(Symbol::from_stored(to)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn facebook_stays_in_its_universes_as_meta() {
    let Some(file) = quarter("2022q2") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = embedded(&folder).await;
    live_through(&*store, file, date(2022, 6, 7), date(2022, 6, 17)).await;
    let day = date(2022, 6, 9);
    // RLGY became HOUS with another name on the same day; nothing else in these days is taken for a change.
    let found = changes(&*store).await;
    assert!(found.contains(&renamed(day, "FB", "META")) && found.contains(&renamed(day, "RLGY", "HOUS")), "{found:?}");
    for universe in ["stock_universe:top_10", "stock_universe:mega_cap", "stock_universe:sector_technology"] {
        let spans = spans(&*store, "META", universe).await;
        let [before, after] = spans.as_slice() else { panic!("{universe}: {spans:?}") };
        assert!(before.starts_with("FB 2022-06-07 2022-06-09 ") && before.ends_with(" renamed"), "{before}");
        // Absent on three of the next days, and no less a member.
        assert_eq!(after, "META 2022-06-09 .. renamed ", "{universe}");
    }
    assert_eq!(spans(&*store, "META", "stock_universe:recent_ipos").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fiserv_stays_in_its_universes_as_fi() {
    let Some(file) = quarter("2023q2") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = embedded(&folder).await;
    live_through(&*store, file, date(2023, 6, 5), date(2023, 6, 8)).await;
    let found = changes(&*store).await;
    assert!(found.contains(&renamed(date(2023, 6, 7), "FISV", "FI")), "{found:?}");
    let spans = spans(&*store, "FI", "stock_universe:large_cap").await;
    assert_eq!(spans[1], "FI 2023-06-07 .. renamed ");
    assert!(spans[0].starts_with("FISV 2023-06-05 2023-06-07 ") && spans[0].ends_with(" renamed"), "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brookfield_goes_on_as_bn_and_its_manager_is_bam() {
    let Some(file) = quarter("2022q4") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = embedded(&folder).await;
    live_through(&*store, file, date(2022, 12, 8), date(2022, 12, 16)).await;
    let day = date(2022, 12, 12);
    let found = changes(&*store).await;
    assert!(found.contains(&renamed(day, "BAM", "BN")), "{found:?}");
    let universe = "stock_universe:large_cap";
    let [bn, bam] = [spans(&*store, "BN", universe).await, spans(&*store, "BAM", universe).await];
    assert!(bn[0].starts_with("BAM 2022-12-08 2022-12-12 ") && bn[0].ends_with(" renamed"), "{bn:?}");
    // The source has no cap of BN for two sessions, and then one.
    assert!(bn[1].starts_with("BN 2022-12-1"), "{bn:?}");
    // The manager was no member before.
    assert!(!bam.is_empty() && bam.iter().all(|span| span.starts_with("BAM 2022-12-1")), "{bam:?}");
}

/// Symbol changes of two years that everybody knows, as far as the files show them: the first session, the old and the
/// new symbol; nothing where the symbol was given to somebody else.
const KNOWN: &[(&str, &str, &str)] = &[
    ("2022-01-10", "WLTW", "WTW"),
    ("2022-02-17", "VIAC", "PARA"),
    ("2022-02-17", "VIACA", "PARAA"),
    ("2022-02-17", "VIACP", "PARAP"),
    ("2022-02-23", "ALTM", "KNTK"),
    ("2022-03-15", "HFC", "DINO"),
    ("2022-04-01", "JW.A", "WLY"),
    ("2022-04-01", "JW.B", "WLYB"),
    ("2022-05-10", "BLL", "BALL"),
    ("2022-06-09", "FB", "META"),
    ("2022-06-28", "ANTM", "ELV"),
    ("2022-09-02", "CDEV", "PR"),
    ("2022-09-07", "ELY", "MODG"),
    ("2022-09-08", "IIVI", "COHR"),
    ("2022-09-26", "ROLL", "RBC"),
    ("2022-10-04", "BHVN", ""),
    ("2022-11-08", "NLOK", "GEN"),
    ("2022-12-12", "BAM", "BN"),
    ("2022-12-15", "FBHS", "FBIN"),
    ("2023-04-04", "CR", "CXT"),
    ("2023-04-21", "MSGE", "SPHR"),
    ("2023-05-16", "PKI", "RVTY"),
    ("2023-06-07", "FISV", "FI"),
    ("2023-07-06", "ORCC", "OBDC"),
    ("2023-07-10", "RE", "EG"),
    ("2023-08-14", "HHC", "HHH"),
    ("2023-08-30", "ABC", "COR"),
    ("2023-09-01", "SCHN", "RDUS"),
    ("2023-09-12", "WWE", "TKO"),
    ("2023-10-25", "MNR", ""),
    ("2023-11-06", "OSTK", "BYON"),
];

/// Companies that were bought or failed, and shells that became what they were merged with: none of them goes on.
const ENDED: &[&str] = &[
    "TWTR", "CTXS", "CERN", "XLNX", "INFO", "NLSN", "ABMD", "SIVB", "SBNY", "FRC", "BBBY", "VMW", "SGEN", "HZNP",
    "LGTO", "IVAN", "CENQ", "APSG", "PONO", "DNAC",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_symbol_changes_of_two_years_are_found() {
    // The quarter with most of the hard ones is always looked at; all of them take minutes.
    let is_long = std::env::var_os("UNIVERSE_LONG_TESTS").is_some_and(|value| value == "1");
    let (from, to) =
        if is_long { (date(2022, 1, 1), date(2023, 12, 31)) } else { (date(2022, 9, 1), date(2022, 9, 27)) };
    let folder = tempfile::tempdir().expect("a folder");
    let store = embedded(&folder).await;
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    for name in ["2022q1", "2022q2", "2022q3", "2022q4", "2023q1", "2023q2", "2023q3", "2023q4"] {
        let Some(file) = quarter(name) else { return };
        if is_long || name == "2022q3" {
            load_snapshots(&*store, &[file], Some(from), Some(to), &ambient, &|_| {}).await.expect("loaded");
        }
    }
    let found = changes(&*store).await;
    let symbol = |text: &str| Symbol::from_stored(text);
    for (day, old, new) in KNOWN {
        let date: Date = day.parse().expect("a date");
        let change = SymbolChange { date, from: symbol(old), to: Some(symbol(new)).filter(|_| !new.is_empty()) };
        assert!(!(from < date && date <= to) || found.contains(&change), "{day} {old} {new}");
    }
    for old in ENDED {
        assert!(found.iter().all(|change| change.from != symbol(old)), "{old}: {found:?}");
    }
    eprintln!("{} changes from {from} to {to}", found.len());
}
