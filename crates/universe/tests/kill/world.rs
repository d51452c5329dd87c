//! What outlives a server: its database, its directory, and the market that goes on meanwhile.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::civil::date;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use universe_service::market_simulator::{Market, MarketConfig};
use universe_store::{RunRecord, Store, StoreError, open};
use universe_testkit::builders::{ENVIRONMENT, instant, load_record};
use universe_testkit::{TestDatabase, test_database};
use uuid::Uuid;

/// How long anything may take that happens by itself; only a failure takes that long.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// Large enough for a run to take a while, with enough news for events in every session.
const LISTINGS: usize = 1_500;
const EVENT_RATE: f64 = 20.0;

/// A database with a market in it.
pub(crate) struct World {
    pub(crate) uri: String,
    pub(crate) store: Arc<dyn Store>,
    runtime: Runtime,
    directory: TempDir,
    market: Mutex<Market>,
    // Dropped last.
    _database: Option<TestDatabase>,
}

impl World {
    /// Makes one in a database of its own; `None` where there is no PostgreSQL.
    pub(crate) fn make() -> Option<Self> {
        let database = test_database()?;
        Some(Self::on(database.uri(), Some(database)))
    }

    /// Makes one in an empty database, with the first session loaded.
    pub(crate) fn on(uri: String, database: Option<TestDatabase>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let store = runtime.block_on(open(&uri.parse().expect("an address"))).expect("opens");
        runtime.block_on(store.migrate(instant(0))).expect("migrates");
        let config = MarketConfig { listings: LISTINGS, first_session: date(2024, 1, 2), event_rate: EVENT_RATE };
        let market = Mutex::new(Market::new(7, config));
        let directory = tempfile::tempdir().expect("a directory");
        let world = Self { uri, store, runtime, directory, market, _database: database };
        world.load_session();
        world
    }

    /// Loads the closes of the next session.
    pub(crate) fn load_session(&self) {
        let day = self.market.lock().expect("no panic").next_session();
        let record = load_record("screener", Some(day.session));
        self.ask(async |store| store.snapshot_load(&day.snapshot, &record, instant(0)).await);
    }

    /// Asks the store.
    pub(crate) fn ask<T>(&self, question: impl AsyncFnOnce(&dyn Store) -> Result<T, StoreError>) -> T {
        self.try_ask(question).expect("the database answers")
    }

    /// Asks the store, which may be away.
    pub(crate) fn try_ask<T>(
        &self,
        question: impl AsyncFnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(question(&*self.store))
    }

    /// Makes every lease expire, as if the time since its last renewal had passed already.
    ///
    /// A test that waited for it would wait half a minute for each dead process.
    pub(crate) fn expire_leases(&self) {
        self.runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&self.uri, tokio_postgres::NoTls).await.expect("connects");
            let driver = tokio::spawn(connection);
            let expire = "update universe.lease set expires_at = now() - interval '1 minute'";
            client.execute(expire, &[]).await.expect("written");
            drop(client);
            driver.await.expect("no panic").expect("closed");
        });
    }

    pub(crate) fn run(&self, run_id: Uuid) -> Option<RunRecord> {
        self.ask(async |store| store.run_find(run_id).await)
    }

    pub(crate) fn runs(&self) -> Vec<RunRecord> {
        self.ask(async |store| store.run_list(ENVIRONMENT, 1_000_000, 0).await)
    }

    /// Waits until no run waits or runs.
    pub(crate) fn idle(&self) {
        eventually("the end of all runs", || {
            let newest = self.ask(async |store| store.run_list(ENVIRONMENT, 1, 0).await);
            newest.iter().all(RunRecord::is_over).then_some(())
        });
    }

    /// Waits until a run is over, and returns it.
    pub(crate) fn ended(&self, run_id: Uuid) -> RunRecord {
        eventually("the end of a run", || self.run(run_id).filter(RunRecord::is_over))
    }

    /// Waits until a run is over that nothing stood in the way of.
    #[track_caller]
    pub(crate) fn completed(&self, run_id: Uuid) -> RunRecord {
        let run = self.ended(run_id);
        assert_eq!((run.status.as_str(), &run.error), ("completed", &None), "{run:?}");
        run
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the servers logged, for a person who looks at a failure.
    pub(crate) fn print_logs(&self) {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let _ = writeln!(text, "--- {}", entry.path().display());
            for line in &lines[lines.len().saturating_sub(60)..] {
                let _ = writeln!(text, "{line}");
            }
        }
        eprintln!("{text}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
    }
}

/// Asks until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, ask)
}

/// Asks until there is an answer, which must come in time.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a server that hangs must fail its test, whatever time it is")]
pub(crate) fn within<T>(time: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < time, "{what} did not come within {time:?}");
        // Between two questions the machine is for those who are asked about.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Does something again and again for a time.
#[expect(clippy::disallowed_methods, reason = "a storm lasts for a real time")]
pub(crate) fn for_a_while(time: Duration, mut act: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < time {
        act();
    }
}
