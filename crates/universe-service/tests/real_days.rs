//! The 48 raw days of real listings, in order: loaded and synchronized on both databases.
//!
//! Reads `../shared/data/us-daily-raw`; where that is absent the test says so and passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::date;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_service::{Ambient, LoadError, SyncOutcome, SyncRequest, Writing, load_screener, sync};
use universe_store::{Store, open};
use universe_testkit::ManualAmbient;

const ENVIRONMENT: &str = "DEFAULT";

fn raw_days() -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily-raw");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: ../shared/data is not there");
        return None;
    };
    let mut days: Vec<PathBuf> = entries.map(|entry| entry.expect("a listing").path()).collect();
    days.sort();
    Some(days)
}

fn request() -> SyncRequest {
    SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session: None,
        request: universe_core::planner::Request {
            mode: universe_core::plan::Mode::Full,
            undefined: universe_core::planner::Undefined::Retire,
            holds: universe_core::planner::Holds::Wait,
        },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    }
}

/// Everything that a follower can see, by universe.
async fn universes(store: &dyn Store) -> BTreeMap<UniverseId, Vec<Symbol>> {
    let mut all = BTreeMap::new();
    for universe in store.universe_list(ENVIRONMENT).await.expect("listed") {
        let members = store.member_list(ENVIRONMENT, &universe.id, None, None).await.expect("read").expect("there");
        all.insert(universe.id, members.members.into_iter().map(|member| member.symbol).collect());
    }
    all
}

/// The number of the last run, audit entry and event: none of them moves when nothing is written.
async fn counters(store: &dyn Store) -> (usize, usize, usize) {
    let runs = store.run_list(ENVIRONMENT, 1_000, 0).await.expect("runs").len();
    let audit = store.audit_list(ENVIRONMENT, 0, 1_000_000).await.expect("audit").len();
    let outbox = store.outbox_list(ENVIRONMENT, 0, 1_000_000).await.expect("outbox").len();
    (runs, audit, outbox)
}

async fn run(store: &dyn Store, rules: &RuleSet, ambient: &dyn Ambient) -> SyncOutcome {
    sync(store, rules, &request(), ambient, &|_, _| {}).await.expect("synchronized")
}

/// Loads and synchronizes every day, and returns what each run did.
async fn live_through(store: &dyn Store, days: &[PathBuf], rules: &RuleSet) -> Vec<(String, i64, Vec<String>)> {
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    let mut story = Vec::new();
    for day in days {
        match load_screener(store, day, None, &ambient).await {
            Err(LoadError::Feed(refusal)) => {
                assert!(day.ends_with("2022-05-30.csv.gz"), "{}: {refusal}", day.display());
                continue;
            }
            loaded => assert!(loaded.expect("loaded").loaded > 7_000, "{}", day.display()),
        }
        let outcome = run(store, rules, &ambient).await;
        let before = counters(store).await;
        let again = run(store, rules, &ambient).await;
        assert!(!again.was_written, "a session again writes nothing: {:?}", again.run.task_results);
        assert_eq!(counters(store).await, before, "and adds no event");
        let held = outcome.plan.held_universes().map(|(universe, _)| universe.id.to_string()).collect();
        story.push((format!("{} {}", outcome.plan.session, outcome.run.status), outcome.run.total_changes, held));
    }
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("compared"), [], "entries equal open intervals");
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_hold_the_same_after_every_raw_day() {
    let Some(days) = raw_days() else { return };
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
    let folder = tempfile::tempdir().expect("a folder");
    let uri = format!("sqlite:{}", folder.path().join("days.db").display());
    let sqlite: Arc<dyn Store> = open(&uri.parse().expect("an address")).await.expect("opened");
    let story = live_through(&*sqlite, &days, &rules).await;
    for (session, changes, held) in &story {
        eprintln!("{session}: {changes} changes, {} held", held.len());
    }

    // The vendor's change of taxonomy on 2022-05-19 moves 3,301 listings: it must wait for a person.
    let taxonomy = story.iter().find(|(session, ..)| session.starts_with("2022-05-19")).expect("a session");
    assert_eq!(taxonomy.0, "2022-05-19 held");
    assert!(taxonomy.2.iter().any(|id| id == "stock_universe:sector_capital_goods"), "{:?}", taxonomy.2);

    let Some(database) = universe_testkit::test_database() else { return };
    let postgres = open(&database.uri().parse().expect("an address")).await.expect("opened");
    assert_eq!(live_through(&*postgres, &days, &rules).await, story, "every run did the same");
    assert_eq!(universes(&*postgres).await, universes(&*sqlite).await);
}
