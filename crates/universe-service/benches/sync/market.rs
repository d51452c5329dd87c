//! The market that is synchronized, and the run itself.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use universe_core::market::MarketSession;
use universe_core::rule::RuleSet;
use universe_core::{Snapshot, SnapshotRow, previous_session};
use universe_service::market_simulator::{Market, MarketConfig, SimulatedDay};
use universe_service::{Ambient, SyncOutcome, SyncRequest, Writing, keep_figures, sync};
use universe_store::{LoadRecord, Store};
use uuid::Uuid;

pub(crate) const LISTINGS: usize = 7_000;
pub(crate) const ENVIRONMENT: &str = "DEFAULT";

/// The session of the first population.
pub(crate) const FIRST_SESSION: Date = date(2024, 3, 4);

/// Sessions with prices before the first one: with it, and 7,000 listings, four million bars.
const SESSIONS_BEFORE: usize = 571;

/// Sessions of which the figures of the market are kept.
const FIGURES_BEFORE: usize = 300;

/// Two sessions of a market, and what is known of its listings.
pub(crate) struct TwoDays {
    pub(crate) market: Market,
    pub(crate) first: SimulatedDay,
    pub(crate) second: SimulatedDay,
}

pub(crate) fn two_days(listings: usize) -> TwoDays {
    let config = MarketConfig { listings, first_session: FIRST_SESSION, event_rate: 1.0 };
    let mut market = Market::new(42, config);
    let first = market.next_session();
    let second = market.next_session();
    TwoDays { market, first, second }
}

/// Returns the sessions whose bars come from plain SQL, oldest first.
pub(crate) fn sessions_before() -> Vec<Date> {
    let mut sessions = vec![FIRST_SESSION];
    for _ in 0..SESSIONS_BEFORE {
        sessions.push(previous_session(sessions[sessions.len() - 1]));
    }
    sessions.remove(0);
    sessions.reverse();
    sessions
}

/// Surroundings whose clock goes on a little with every look, and whose ids are never the same.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings;

static LOOKS: AtomicI64 = AtomicI64::new(0);

impl Ambient for Surroundings {
    fn now(&self) -> Timestamp {
        // The evening of the second session.
        let began = 1_709_686_800_000_000;
        Timestamp::from_microsecond(began + LOOKS.fetch_add(1, Ordering::Relaxed)).expect("within range")
    }

    fn new_run_id(&self) -> Uuid {
        let number = LOOKS.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(number.unsigned_abs()))
    }
}

/// Stores the first session, with reference data and the figures of a year.
pub(crate) async fn load_first(store: &dyn Store, days: &TwoDays) {
    store.migrate(Surroundings.now()).await.expect("migrated");
    load(store, &days.first).await;
    if std::env::var_os("BENCH_FUNDAMENTALS").is_some() {
        let fundamentals = days.market.fundamentals();
        let record = record(&days.first);
        store.listing_load(&fundamentals, FIRST_SESSION, &record, Surroundings.now()).await.expect("loaded");
    }
    let sessions = sessions_before();
    let figures: Vec<MarketSession> = sessions[SESSIONS_BEFORE - FIGURES_BEFORE..]
        .iter()
        .map(|session| MarketSession {
            session: *session,
            listings: 6_900,
            breadth: 0.52,
            median_return: 0.0005,
            volatility: Some(0.15),
        })
        .collect();
    store.market_session_put(&figures).await.expect("kept");
}

/// Keeps the figures of the first session, once the bars before it are there.
pub(crate) async fn keep_figures_of_first(store: &dyn Store) {
    keep_figures(store, FIRST_SESSION).await.expect("kept");
}

/// Stores a day as a feed does.
pub(crate) async fn load(store: &dyn Store, day: &SimulatedDay) {
    let (seen, gone): (Vec<SnapshotRow>, Vec<SnapshotRow>) =
        day.snapshot.rows.iter().cloned().partition(|row| row.listing.is_active != Some(false));
    let snapshot = Snapshot { session: day.session, source: day.snapshot.source.clone(), rows: seen };
    store.snapshot_load(&snapshot, &record(day), Surroundings.now()).await.expect("loaded");
    let gone: Vec<_> = gone.into_iter().map(|row| row.listing).collect();
    if !gone.is_empty() {
        store.listing_load(&gone, day.session, &record(day), Surroundings.now()).await.expect("loaded");
    }
    keep_figures(store, day.session).await.expect("kept");
}

fn record(day: &SimulatedDay) -> LoadRecord {
    let rows = day.snapshot.rows.len() as u64;
    let issues = Vec::new();
    LoadRecord { kind: "bench".into(), file: "made up".into(), session: Some(day.session), rows, loaded: rows, issues }
}

/// The shipped rules, all of them.
pub(crate) async fn rules(store: &dyn Store) -> RuleSet {
    let facts = store.fact_list().await.expect("listed");
    RuleSet::load("classic", &[], &facts).expect("the shipped rules are right")
}

pub(crate) async fn run(store: &dyn Store, rules: &RuleSet, session: Date) -> SyncOutcome {
    run_as(store, rules, session, Writing::Apply).await
}

/// Reads and plans and writes nothing: what was needed once is then in memory, statements are prepared.
pub(crate) async fn warm(store: &dyn Store, rules: &RuleSet, session: Date) {
    run_as(store, rules, session, Writing::DryRun).await;
}

async fn run_as(store: &dyn Store, rules: &RuleSet, session: Date, writing: Writing) -> SyncOutcome {
    let request = SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session: Some(session),
        request: universe_core::planner::Request {
            mode: universe_core::plan::Mode::Full,
            undefined: universe_core::planner::Undefined::Retire,
            holds: universe_core::planner::Holds::Wait,
        },
        triggered_by: "cli".to_owned(),
        writing,
    };
    sync(store, rules, &request, &Surroundings, &|_, _| {}).await.expect("synchronized")
}
