//! Looking ahead, on real listings: sessions loaded first and synchronized later end as if nothing had been known.
//!
//! Reads `../shared/data/us-daily`; where that is absent the test says so and passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::{Date, date};
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, sessions};
use universe_service::{Ambient, SyncRequest, Writing, load_snapshots, sync};
use universe_store::{MembershipRecord, Store, open};
use universe_testkit::ManualAmbient;

const ENVIRONMENT: &str = "DEFAULT";
const FIRST: Date = date(2022, 4, 1);
/// Twelve sessions: there is none on Good Friday.
const LAST: Date = date(2022, 4, 19);

/// What is known and what was decided.
#[derive(Debug, PartialEq)]
struct Outcome {
    universes: BTreeMap<UniverseId, Vec<Symbol>>,
    /// With reasons, figures and the numbers of runs.
    intervals: Vec<MembershipRecord>,
    changes: Vec<String>,
}

fn quarter() -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily/us-daily-2022q2.parquet");
    if !file.exists() {
        eprintln!("skipped: ../shared/data is not there");
        return None;
    }
    Some(file)
}

fn request(session: Date) -> SyncRequest {
    SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session: Some(session),
        request: universe_core::planner::Request {
            mode: universe_core::plan::Mode::Full,
            undefined: universe_core::planner::Undefined::Retire,
            holds: universe_core::planner::Holds::Wait,
        },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    }
}

async fn load(store: &dyn Store, file: &PathBuf, from: Date, to: Date, ambient: &dyn Ambient) {
    let files = std::slice::from_ref(file);
    let loaded = load_snapshots(store, files, Some(from), Some(to), ambient, &|_| {}).await.expect("loaded");
    assert!(!loaded.sessions.is_empty());
}

/// Synchronizes every session in order, with all of them loaded before the first, or each before its own.
async fn live_through(store: &dyn Store, file: &PathBuf, rules: &RuleSet, is_loaded_ahead: bool) -> Outcome {
    let ambient = ManualAmbient::starting(date(2024, 1, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    if is_loaded_ahead {
        load(store, file, FIRST, LAST, &ambient).await;
    }
    let mut changes = Vec::new();
    for session in sessions(FIRST, LAST) {
        if !is_loaded_ahead {
            load(store, file, session, session, &ambient).await;
        }
        let outcome = sync(store, rules, &request(session), &ambient, &|_, _| {}).await.expect("synchronized");
        changes.push(format!("{session} {}: {} changes", outcome.run.status, outcome.run.total_changes));
        let again = sync(store, rules, &request(session), &ambient, &|_, _| {}).await.expect("synchronized");
        assert!(!again.was_written, "{session} again writes nothing: {:?}", again.run.task_results);
    }
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);
    let mut universes = BTreeMap::new();
    for universe in store.universe_list(ENVIRONMENT).await.expect("listed") {
        let members = store.member_list(ENVIRONMENT, &universe.id, None, None).await.expect("read").expect("there");
        universes.insert(universe.id, members.members.into_iter().map(|member| member.symbol).collect());
    }
    let intervals = store.membership_list(ENVIRONMENT, None, None).await.expect("listed");
    Outcome { universes, intervals, changes }
}

fn expect_equal(ahead: &Outcome, in_step: &Outcome) {
    assert_eq!(ahead.changes, in_step.changes);
    assert_eq!(ahead.universes, in_step.universes);
    let differing = ahead.intervals.iter().zip(&in_step.intervals).find(|(ahead, in_step)| ahead != in_step);
    assert_eq!((differing, ahead.intervals.len()), (None, in_step.intervals.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_ahead_changes_no_decision() {
    let Some(file) = quarter() else { return };
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = async |name: &str| -> Arc<dyn Store> {
        let uri = format!("sqlite:{}", folder.path().join(name).display());
        open(&uri.parse().expect("an address")).await.expect("opened")
    };
    let in_step = live_through(&*sqlite("step.db").await, &file, &rules, false).await;
    assert!(10_000 < in_step.intervals.len() && in_step.changes.len() == 12, "{:?}", in_step.changes);
    expect_equal(&live_through(&*sqlite("ahead.db").await, &file, &rules, true).await, &in_step);

    let Some(database) = universe_testkit::test_database() else { return };
    let postgres = open(&database.uri().parse().expect("an address")).await.expect("opened");
    expect_equal(&live_through(&*postgres, &file, &rules, true).await, &in_step);
}
