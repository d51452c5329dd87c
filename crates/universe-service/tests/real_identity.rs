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
