//! `SIGKILL` at any moment of a job: nothing is missing afterwards, nothing is there twice, and no task that was
//! done is asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use universe_core::{Symbol, Timeframe};
use universe_store::{
    DataLoadOrder, DataLoadRecord, DataLoadRequest, DataLoadStatus, DataLoadTaskStatus, DatabaseUri, Store, open,
};
use universe_testkit::MassiveStandIn;

use crate::harness::Place;
use crate::provider::{borrowed, provider, variables};
use crate::server::soon;
use crate::stored::{expected, query, stored};

const KILLS: u64 = 20;

/// A life ends so many requests after its first one at most, and so much later.
const REQUESTS_OF_A_LIFE_MAX: u64 = 15;
const REST_OF_A_LIFE_MAX: Duration = Duration::from_millis(300);

/// More than all killed lives ask for together.
const SYMBOLS: u64 = KILLS * (REQUESTS_OF_A_LIFE_MAX + 16) + 20;

/// A plan that leaves time for the kill to come while requests are under way: ten at once, and twenty a second.
const REQUESTS_PER_MINUTE: u32 = 1_200;

const JOB: &str = "killed";

/// Draws numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let given = std::env::var("UNIVERSE_KILL_SEED").ok();
        let seed = given.map_or_else(|| RandomState::new().hash_one(JOB), |seed| seed.parse().expect("a number"));
        eprintln!("UNIVERSE_KILL_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What outlives the servers.
struct World {
    place: Place,
    store: Arc<dyn Store>,
    runtime: Runtime,
    uri: String,
}

/// A server process; killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    fn new(place: Place) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let uri = place.postgres_uri().unwrap_or_else(|| format!("sqlite:{}", place.path("universe.db").display()));
        let address: DatabaseUri = uri.parse().expect("an address");
        let store = runtime.block_on(open(&address)).expect("opens");
        let now = jiff::Timestamp::UNIX_EPOCH;
        runtime.block_on(store.migrate(now)).expect("migrates");
        Self { place, store, runtime, uri }
    }

    fn start(&self, provider: &MassiveStandIn, requests_per_minute: u32) -> Server {
        let log = self.place.path("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(["serve", "--port", "0"]).current_dir(self.place.path("")).env_clear();
        command.env("UNIVERSE__SCHEDULER__ENABLED", "false").env("DATABASE_URI", &self.uri);
        command.envs(borrowed(&variables(provider, requests_per_minute)));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("listening on "), "{line:?}: {}", self.log());
        Server(child)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("server.log")).unwrap_or_default()
    }

    fn job(&self) -> DataLoadRecord {
        self.runtime.block_on(self.store.data_load_find(JOB)).expect("read").expect("there")
    }

    /// Returns the symbols whose tasks have ended.
    fn done(&self) -> BTreeSet<String> {
        let tasks = self.runtime.block_on(self.store.data_load_task_list(JOB)).expect("listed").into_iter();
        let done = tasks.filter(|task| task.status != DataLoadTaskStatus::Pending);
        done.map(|task| task.symbol.to_string()).collect()
    }

    /// Makes every lease expire, as if the time since its last renewal had passed already.
    fn expire_leases(&self) {
        match self.uri.strip_prefix("sqlite:") {
            Some(path) => {
                let file = rusqlite::Connection::open(path).expect("opens");
                file.busy_timeout(Duration::from_secs(10)).expect("set");
                file.execute("update universe_lease set expires_at = '2000-01-01T00:00:00.000000Z'", [])
                    .expect("written");
            }
            None => drop(query(&self.uri, "update universe.lease set expires_at = '2000-01-01' returning name")),
        }
    }
}

#[test]
fn a_job_survives_twenty_kills() {
    let mut random = Random::seeded();
    let symbols: Vec<String> = (0..SYMBOLS).map(|number| format!("S{number}")).collect();
    for place in Place::on_both_stores() {
        let provider = provider(symbols.clone());
        let world = World::new(place);
        let order = DataLoadOrder {
            job_id: JOB.to_owned(),
            environment: "DEFAULT".to_owned(),
            request: DataLoadRequest {
                universe_key: None,
                csv_file: None,
                symbols: symbols.iter().map(|text| Symbol::parse(text).expect("a symbol")).collect(),
                years: 1,
                timeframes: vec![Timeframe::Day],
                include_ohlcv: true,
            },
            requested_by: "a test".to_owned(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
        };
        world.runtime.block_on(world.store.data_load_order(&order)).expect("ordered");

        // What was done at each kill, and how often it had been asked for by then.
        let mut done_at_kills: Vec<(BTreeSet<String>, BTreeMap<String, u64>)> = Vec::new();
        for kill in 0..KILLS {
            let before = provider.requests();
            let server = world.start(&provider, REQUESTS_PER_MINUTE);
            let life = 1 + random.below(REQUESTS_OF_A_LIFE_MAX);
            soon("requests of a server", || (provider.requests() >= before + life).then_some(()));
            // Not to wait for anything, but to kill at any moment of what follows an answer.
            let rest = u64::try_from(REST_OF_A_LIFE_MAX.as_micros()).expect("short");
            std::thread::sleep(Duration::from_micros(random.below(rest)));
            drop(server);
            let (job, done) = (world.job(), world.done());
            assert_eq!(job.status, DataLoadStatus::Running, "kill {kill}: {}\n{}", job.message, world.log());
            done_at_kills.push((done, asked(&provider)));
            world.expire_leases();
        }
        let unfinished = done_at_kills.last().map_or(0, |(done, _)| done.len());
        let server = world.start(&provider, 0);
        let job = soon("the end of the job", || Some(world.job()).filter(|job| job.status.is_over()));
        drop(server);
        assert_eq!((job.status, job.error_count), (DataLoadStatus::Completed, 0), "{}\n{}", job.message, world.log());
        assert_eq!(job.symbols_done, u32::try_from(SYMBOLS).expect("few"));

        let asked = asked(&provider);
        for (kill, (done, then)) in done_at_kills.iter().enumerate() {
            for symbol in done {
                assert_eq!(
                    asked.get(symbol),
                    then.get(symbol),
                    "{symbol} was done at kill {kill}, and asked for again"
                );
            }
        }
        // Every bar is there, and none twice.
        let dates = (job.first_date.expect("known"), job.last_date.expect("known"));
        let expected = expected(&provider, &symbols, dates);
        assert!(expected.values().all(|(bars, _)| *bars > 200));
        assert_eq!(stored(&world.place), expected);
        let total: u64 = asked.values().sum();
        eprintln!("{unfinished} of {SYMBOLS} tasks done at the last kill, {total} requests in all, {} bars", job.bars);
        assert!(unfinished > 20, "the kills came too soon to prove anything");
    }
}

/// Returns how often each symbol was asked for and answered in full.
fn asked(provider: &MassiveStandIn) -> BTreeMap<String, u64> {
    let mut asked = BTreeMap::new();
    for (request, times) in provider.answered() {
        *asked.entry(request.symbol).or_default() += times;
    }
    asked
}
