//! Two years of sessions, loaded and synchronized one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::RuleSet;
use universe_core::{Snapshot, SnapshotRow};
use universe_service::market_simulator::{Market, MarketConfig, SimulatedDay};
use universe_service::{Ambient, SyncRequest, Writing, keep_figures, load_snapshots, sync};
use universe_store::{LoadRecord, Store, open};
use uuid::Uuid;

pub(crate) const ENVIRONMENT: &str = "DEFAULT";

const LISTINGS: usize = 7_000;

/// Two years of sessions.
const SESSIONS: usize = 500;

/// A database under measurement.
pub(crate) struct Database {
    uri: String,
    file: Option<PathBuf>,
}

impl Database {
    pub(crate) fn sqlite(file: &Path) -> Self {
        Self { uri: format!("sqlite:{}", file.display()), file: Some(file.to_owned()) }
    }

    pub(crate) fn postgres(uri: String) -> Self {
        Self { uri, file: None }
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let store = open(&self.uri.parse().expect("an address")).await.expect("opened");
        store.migrate(Surroundings.now()).await.expect("migrated");
        store
    }

    /// Executes a statement as another program would.
    pub(crate) async fn execute(&self, sql: &str) {
        match &self.file {
            Some(file) => {
                rusqlite::Connection::open(file).and_then(|database| database.execute_batch(sql)).expect("executed");
            }
            None => {
                let (client, connection) =
                    tokio_postgres::connect(&self.uri, tokio_postgres::NoTls).await.expect("connected");
                tokio::spawn(connection);
                client.batch_execute(sql).await.expect("executed");
            }
        }
    }
}

/// Surroundings whose clock goes on a little with every look, and whose ids are never the same.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings;

static LOOKS: AtomicI64 = AtomicI64::new(0);

impl Ambient for Surroundings {
    fn now(&self) -> Timestamp {
        // The evening of 31 December 2025, behind every session.
        let began = 1_767_214_800_000_000;
        Timestamp::from_microsecond(began + LOOKS.fetch_add(1, Ordering::Relaxed)).expect("within range")
    }

    fn new_run_id(&self) -> Uuid {
        let number = LOOKS.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(number.unsigned_abs()))
    }
}

pub(crate) fn request() -> SyncRequest {
    SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session: None,
        request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    }
}

pub(crate) async fn rules(store: &dyn Store) -> RuleSet {
    let facts = store.fact_list().await.expect("listed");
    RuleSet::load("classic", &[], &facts).expect("the shipped rules are right")
}

/// Lets a made-up market happen; says what was made.
pub(crate) async fn simulated(store: &dyn Store) -> String {
    let sessions = std::env::var("BENCH_SESSIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(SESSIONS);
    let config = MarketConfig { listings: LISTINGS, first_session: date(2023, 1, 3), event_rate: 1.0 };
    let mut market = Market::new(42, config);
    let rules = rules(store).await;
    for _ in 0..sessions {
        let day = market.next_session();
        load(store, &day).await;
        run(store, &rules, day.session).await;
    }
    described(store, sessions, "made-up").await
}

/// Lives through the real days beside the repository; `None` where they are not there.
pub(crate) async fn real(store: &dyn Store) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/us-daily");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "parquet"));
    files.sort();
    let rules = rules(store).await;
    let mut sessions = 0;
    for file in files {
        let report = load_snapshots(store, &[file], None, None, &Surroundings, &|_| {}).await.expect("loaded");
        for session in report.sessions {
            run(store, &rules, session).await;
            sessions += 1;
        }
    }
    Some(described(store, sessions, "real").await)
}

async fn described(store: &dyn Store, sessions: usize, kind: &str) -> String {
    let memberships = store.membership_list(ENVIRONMENT, None, None).await.expect("read").len();
    format!("{sessions} {kind} sessions, {memberships} memberships")
}

async fn run(store: &dyn Store, rules: &RuleSet, session: Date) {
    let request = SyncRequest { session: Some(session), ..request() };
    sync(store, rules, &request, &Surroundings, &|_, _| {}).await.expect("synchronized");
}

async fn load(store: &dyn Store, day: &SimulatedDay) {
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
    let (kind, file) = ("bench".to_owned(), "made up".to_owned());
    LoadRecord { kind, file, session: Some(day.session), rows, loaded: rows, issues: Vec::new() }
}
