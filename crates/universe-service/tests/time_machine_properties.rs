//! What always holds of the recorded past, whatever the market did: checked on markets made by chance.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use proptest::prelude::*;
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::RuleSet;
use universe_core::{SnapshotRow, Symbol, UniverseId, next_session};
use universe_service::{Ambient as _, SyncOutcome, SyncRequest, Writing, sync};
use universe_store::{LoadRecord, Store, open};
use universe_testkit::ManualAmbient;
use universe_testkit::builders::{ENVIRONMENT, snapshot, stock};

const SYMBOLS: [&str; 12] = ["AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI", "AJ", "AK", "AL"];
const SECTORS: [&str; 3] = ["Technology", "Finance", "Energy"];

/// A day of the market, or the same session once more with other figures.
#[derive(Clone, Debug)]
struct Day {
    rows: Vec<SnapshotRow>,
    is_same_session: bool,
    holds: Holds,
}

prop_compose! {
    fn any_row(symbol: &'static str)(
        // Around the breakpoints, so that crossings are common.
        millions in prop::sample::select(vec![40, 60, 290, 310, 1_900, 2_100, 9_000, 11_000, 190_000, 210_000]),
        sector in prop::sample::select(SECTORS.to_vec()),
        is_shown in prop::bool::weighted(0.9),
    ) -> Option<SnapshotRow> {
        let mut row = stock(symbol, 1.0, millions);
        row.listing.sector = Some(sector.to_owned());
        is_shown.then_some(row)
    }
}

prop_compose! {
    fn any_day()(
        rows in SYMBOLS.into_iter().map(any_row).collect::<Vec<_>>(),
        is_same_session in prop::bool::weighted(0.2),
        is_waiting in prop::bool::weighted(0.2),
    ) -> Day {
        let holds = if is_waiting { Holds::Wait } else { Holds::Release };
        Day { rows: rows.into_iter().flatten().collect(), is_same_session, holds }
    }
}

type Members = BTreeMap<UniverseId, BTreeSet<Symbol>>;
/// Who came and who went.
type Difference = (BTreeSet<Symbol>, BTreeSet<Symbol>);

async fn live(store: &dyn Store, rules: &RuleSet, session: Date, day: &Day, ambient: &ManualAmbient) -> SyncOutcome {
    let count = day.rows.len() as u64;
    let record = LoadRecord {
        kind: "test".to_owned(),
        file: "made up".to_owned(),
        session: Some(session),
        rows: count,
        loaded: count,
        issues: Vec::new(),
    };
    store.snapshot_load(&snapshot(session, day.rows.clone()), &record, ambient.now()).await.expect("loaded");
    let request = SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session: Some(session),
        request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds: day.holds.clone() },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    };
    sync(store, rules, &request, ambient, &|_, _| {}).await.expect("synchronized")
}

async fn members(store: &dyn Store, ids: &BTreeSet<UniverseId>, as_of: Date) -> Members {
    let mut all = BTreeMap::new();
    for id in ids {
        let found = store.member_list(ENVIRONMENT, id, Some(as_of), None).await.expect("read");
        let symbols = found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect();
        all.insert(id.clone(), symbols);
    }
    all
}

fn difference(from: &BTreeSet<Symbol>, to: &BTreeSet<Symbol>) -> Difference {
    (to - from, from - to)
}

/// One difference after another: who came and went again did neither.
fn composed(first: &Difference, second: &Difference) -> Difference {
    let added = &(&first.0 - &second.1) | &(&second.0 - &first.1);
    let removed = &(&first.1 - &second.0) | &(&second.1 - &first.0);
    (added, removed)
}

async fn check(days: &[Day]) -> Result<(), TestCaseError> {
    let store = open(&"sqlite::memory:".parse().expect("an address")).await.expect("opened");
    let store = &*store;
    let ambient = ManualAmbient::starting(date(2024, 6, 1));
    store.migrate(ambient.now()).await.expect("migrated");
    let rules = RuleSet::load("classic", &[], &[]).expect("the shipped rules are right");
    let mut session = date(2024, 3, 4);
    // By session: what was answered when the last run of it was over, and what its runs said that they changed.
    let mut answered: BTreeMap<Date, Members> = BTreeMap::new();
    let mut told: BTreeMap<Date, BTreeMap<UniverseId, Difference>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (at, day) in days.iter().enumerate() {
        if at > 0 && !day.is_same_session {
            session = next_session(session);
        }
        let outcome = live(store, &rules, session, day, &ambient).await;
        let known = store.universe_list(ENVIRONMENT).await.expect("listed");
        ids.extend(known.into_iter().map(|universe| universe.id));
        answered.insert(session, members(store, &ids, session).await);
        let told = told.entry(session).or_default();
        for universe in outcome.plan.changed_universes() {
            let named = |changes: &[universe_core::plan::Change]| {
                changes.iter().map(|change| outcome.plan.symbol(change.listing).clone()).collect::<BTreeSet<_>>()
            };
            let before = told.entry(universe.id.clone()).or_default();
            *before = composed(before, &(named(&universe.added), named(&universe.removed)));
        }
    }

    // Intervals do not overlap.
    let mut spans: BTreeMap<(UniverseId, Symbol), Vec<(Date, Date)>> = BTreeMap::new();
    for row in store.membership_list(ENVIRONMENT, None, None).await.expect("listed") {
        let until = row.valid_to.unwrap_or(Date::MAX);
        prop_assert!(row.valid_from <= until);
        if row.superseded_run.is_none() && row.valid_from < until {
            spans.entry((row.universe, row.symbol)).or_default().push((row.valid_from, until));
        }
    }
    for (of, mut spans) in spans {
        spans.sort();
        prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{:?}: {:?}", of, spans);
    }
    prop_assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);

    // What was answered once is the answer still.
    for (session, then) in &answered {
        let now = members(store, &ids, *session).await;
        for (id, symbols) in then {
            prop_assert_eq!(&now[id], symbols, "{} as of {}", id, session);
        }
    }

    // From A to B and on to C leads where A to C leads; and what runs said is what became different.
    let sessions: Vec<Date> = answered.keys().copied().collect();
    let nobody = BTreeSet::new();
    let on = |session: Date, id: &UniverseId| answered[&session].get(id).unwrap_or(&nobody).clone();
    for id in &ids {
        for pair in sessions.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let changed = told[&b].get(id).cloned().unwrap_or_default();
            prop_assert_eq!(difference(&on(a, id), &on(b, id)), changed, "{} in {}", id, b);
            for c in sessions.iter().copied().filter(|c| b < *c) {
                let first = difference(&on(a, id), &on(b, id));
                let second = difference(&on(b, id), &on(c, id));
                prop_assert_eq!(composed(&first, &second), difference(&on(a, id), &on(c, id)), "{}", id);
            }
        }
    }
    Ok(())
}

proptest! {
    // Each case is some runs on a database.
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_past_is_whole_and_stays_as_it_was_told(days in prop::collection::vec(any_day(), 2..7)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(&days))?;
    }
}
