//! Lookups in the past on two years of history: as of a day, as known then, and one symbol over all time.
//!
//! `cargo bench -p universe --bench time_machine` measures SQLite, and PostgreSQL where with-servers gives one; `-- sqlite`
//! and `-- postgres` measure one of them. `BENCH_SESSIONS=50` makes a shorter history. See docs/benchmarks.md.

mod floor;
#[path = "../maintenance/history.rs"]
#[expect(dead_code, reason = "maintenance measures more than this")]
mod history;
mod samples;
mod server;
mod size;

use std::path::Path;
use std::process::{Command, Stdio};

use floor::Floor;
use history::{Database, ENVIRONMENT};
use jiff::Timestamp;
use jiff::civil::Date;
use samples::{Draw, Line, Samples};
use server::Server;
use universe_core::{Symbol, UniverseId};
use universe_store::{MembershipRecord, Store};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often a lookup is measured: five of them are beyond the 99th percentile.
const TIMES: usize = 500;

/// How often a cold command is measured.
const TIMES_COLD: usize = 100;

/// What any lookup of one universe may take, and a lookup of one symbol over all time.
const LOOKUP_MS: f64 = 1.0;

/// What a cold command may take.
const COLD_MS: f64 = 20.0;

/// A universe in order of rank, a wide one, and one of a sector.
const KEYS: [&str; 3] = ["top_500", "master_all_stocks", "sector_technology"];

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads start");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    runtime.block_on(run(&arguments));
}

async fn run(arguments: &[String]) {
    let wants = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let folder = tempfile::tempdir().expect("a folder");
    if wants("sqlite") {
        let file = folder.path().join("simulated.db");
        let database = Database::sqlite(&file);
        let made = history::simulated(&*database.store().await).await;
        measure(&format!("SQLite, {made}"), &database, Floor::sqlite(&file), folder.path()).await;
    }
    if wants("postgres")
        && let Some(postgres) = universe_testkit::test_database()
    {
        let database = Database::postgres(postgres.uri());
        let made = history::simulated(&*database.store().await).await;
        let floor = Floor::postgres(&postgres.uri()).await;
        measure(&format!("PostgreSQL, {made}"), &database, floor, folder.path()).await;
    }
}

/// What there is to ask about.
struct Past {
    rows: Vec<MembershipRecord>,
    sessions: Vec<Date>,
    instants: Vec<Timestamp>,
    universes: Vec<UniverseId>,
    symbols: Vec<Symbol>,
}

async fn past(store: &dyn Store) -> Past {
    let rows = store.membership_list(ENVIRONMENT, None, None).await.expect("read");
    let versions = store.version_list(ENVIRONMENT).await.expect("listed");
    let mut sessions: Vec<Date> = versions.iter().filter_map(|version| version.session).collect();
    sessions.dedup();
    let mut symbols: Vec<Symbol> = rows.iter().map(|row| row.symbol.clone()).collect();
    symbols.sort();
    symbols.dedup();
    let mut universes: Vec<UniverseId> = rows.iter().map(|row| row.universe.clone()).collect();
    universes.sort();
    universes.dedup();
    let instants = versions.iter().map(|version| version.recorded_at).collect();
    Past { rows, sessions, instants, universes, symbols }
}

async fn measure(title: &str, database: &Database, mut floor: Floor, folder: &Path) {
    let store = database.store().await;
    let store = &*store;
    let past = past(store).await;
    println!("\n{title}, {} universes\n", past.universes.len());
    Line::print_heading();
    let mut draw = Draw::new(42);

    for key in KEYS {
        let id: UniverseId = format!("stock_universe:{key}").parse().expect("an address");
        let (mut ours, mut barest) = (Samples::default(), Samples::default());
        for _ in 0..TIMES {
            let session = *draw.one_of(&past.sessions);
            let found = ours.time_async(store.member_list(ENVIRONMENT, &id, Some(session), None)).await;
            let found = found.expect("read").expect("there").members;
            let rows = floor.stab(&id, session, &mut barest).await;
            assert_eq!(found.len(), rows, "{key} as of {session}");
        }
        let name = format!("{key} as of a day, with figures, from the store");
        Line { name: &name, aim_ms: LOOKUP_MS, floor: Some(&barest) }.print(&ours);
    }
    let mut ours = Samples::default();
    for _ in 0..TIMES {
        let (id, session) = (draw.one_of(&past.universes), *draw.one_of(&past.sessions));
        ours.time_async(store.member_list(ENVIRONMENT, id, Some(session), None)).await.expect("read");
    }
    Line { name: "any universe as of a day, from the store", aim_ms: LOOKUP_MS, floor: None }.print(&ours);
    let mut ours = Samples::default();
    for _ in 0..TIMES {
        let (id, session) = (draw.one_of(&past.universes), *draw.one_of(&past.sessions));
        let known_at = *draw.one_of(&past.instants);
        ours.time_async(store.member_list(ENVIRONMENT, id, Some(session), Some(known_at))).await.expect("read");
    }
    Line { name: "any universe as of a day, as known at an instant", aim_ms: LOOKUP_MS, floor: None }.print(&ours);
    let (mut ours, mut barest) = (Samples::default(), Samples::default());
    for _ in 0..TIMES {
        let symbol = draw.one_of(&past.symbols);
        let found = ours.time_async(store.membership_list(ENVIRONMENT, None, Some(symbol))).await.expect("read");
        let rows = floor.of_symbol(symbol, &mut barest).await;
        assert_eq!(found.len(), rows, "{symbol}");
    }
    Line { name: "one symbol over all time, from the store", aim_ms: LOOKUP_MS, floor: Some(&barest) }.print(&ours);

    from_server(database, folder, &past, &mut draw);
    let (mut cold, mut opened) = (Samples::default(), Samples::default());
    for _ in 0..TIMES_COLD {
        floor.open(&mut opened).await;
        let session = draw.one_of(&past.sessions).to_string();
        cold.time(|| universe(database, &["show", "top_500", "--as-of", &session, "--format", "json"]));
    }
    Line { name: "`universe show top_500 --as-of D`, a cold command", aim_ms: COLD_MS, floor: Some(&opened) }
        .print(&cold);
    size::print(floor.bytes().await, &past.rows);
}

fn from_server(database: &Database, folder: &Path, past: &Past, draw: &mut Draw) {
    let mut server = Server::start(database.uri(), folder);
    // It compresses what it has ready when it starts; that is over before anything is measured.
    for _ in 0..TIMES {
        let (id, session) = (draw.one_of(&past.universes), draw.one_of(&past.sessions));
        server.time(&format!("/api/v1/universes/{id}/symbols?as_of={session}"), &mut Samples::default());
    }
    for key in KEYS {
        let mut ours = Samples::default();
        for _ in 0..TIMES {
            let session = draw.one_of(&past.sessions);
            server.time(&format!("/api/v1/universes/{key}/symbols?as_of={session}"), &mut ours);
        }
        let name = format!("{key} as of a day, symbols, from a server");
        Line { name: &name, aim_ms: LOOKUP_MS, floor: None }.print(&ours);
    }
    let mut ours = Samples::default();
    for _ in 0..TIMES {
        let (id, session) = (draw.one_of(&past.universes), draw.one_of(&past.sessions));
        server.time(&format!("/api/v1/universes/{id}/symbols?as_of={session}"), &mut ours);
    }
    Line { name: "any universe as of a day, symbols, from a server", aim_ms: LOOKUP_MS, floor: None }.print(&ours);
    let mut ours = Samples::default();
    for _ in 0..TIMES {
        let symbol = draw.one_of(&past.symbols);
        server.time(&format!("/api/v1/symbols/{symbol}/history"), &mut ours);
    }
    Line { name: "one symbol over all time, from a server", aim_ms: LOOKUP_MS, floor: None }.print(&ours);
    let mut floor = Samples::default();
    for _ in 0..TIMES {
        server.time("/health", &mut floor);
    }
    Line { name: "`/health`, which asks nothing of a database", aim_ms: LOOKUP_MS, floor: None }.print(&floor);
}

/// Runs the command as a process of its own.
fn universe(database: &Database, arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_universe"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URI", database.uri())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the program runs").success());
}
