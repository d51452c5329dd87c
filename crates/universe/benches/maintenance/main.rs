//! Maintenance on two years of history, each figure beside its target.
//!
//! `cargo bench -p universe --bench maintenance` measures SQLite, and PostgreSQL where with-servers gives one; `-- sqlite`,
//! `-- postgres` and `-- real` (the days of `../shared/data`, in SQLite) measure one of them. `BENCH_SESSIONS=50` makes a
//! shorter history. See docs/benchmarks.md.

mod history;
mod measure;

use std::path::Path;
use std::process::{Command, Stdio};

use history::{Database, ENVIRONMENT, Surroundings, request, rules};
use measure::{Samples, Target};
use universe_core::UniverseId;
use universe_service::Ambient as _;
use universe_service::{STALE_SESSIONS, check_integrity, organize, repair, statistics};
use universe_store::Store;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often something short is measured.
const TIMES: usize = 51;

/// How often something long is measured.
const TIMES_LONG: usize = 11;

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
        let database = Database::sqlite(&folder.path().join("simulated.db"));
        let history = history::simulated(&*database.store().await).await;
        measure(&format!("SQLite, {history}"), &database, folder.path()).await;
    }
    if wants("postgres")
        && let Some(server) = universe_testkit::test_database()
    {
        let database = Database::postgres(server.uri());
        let history = history::simulated(&*database.store().await).await;
        measure(&format!("PostgreSQL, {history}"), &database, folder.path()).await;
    }
    if wants("real") {
        let database = Database::sqlite(&folder.path().join("real.db"));
        let Some(history) = history::real(&*database.store().await).await else {
            println!("\nskipped: ../shared/data is not there");
            return;
        };
        measure(&format!("SQLite, {history}"), &database, folder.path()).await;
    }
}

async fn measure(title: &str, database: &Database, folder: &Path) {
    let store = database.store().await;
    let store = &*store;
    let rules = rules(store).await;
    println!("\n{title}\n");
    Target::print_heading();

    let members = lookups(store, folder).await;
    let mut cold = Samples::default();
    for _ in 0..TIMES {
        cold.time(|| universe(database, &["show", "top_500", "--format", "json"]));
    }
    Target { name: "`universe show top_500`, cold", seed_ms: None, ours_ms: 20.0 }.print(&cold);

    let mut idle = Samples::default();
    for _ in 0..TIMES_LONG {
        idle.time_async(async {
            organize(store, &rules, &request(), &Surroundings, &|_, _| {}, &|_| true).await.expect("organized");
        })
        .await;
    }
    Target { name: "organize, nothing to do", seed_ms: Some(60_000.0), ours_ms: 1_000.0 }.print(&idle);

    let mut rebuilt = Samples::default();
    for _ in 0..TIMES_LONG {
        database.execute("delete from cache_entries where type in ('stock_universe', 'etf_universe')").await;
        rebuilt
            .time_async(async {
                organize(store, &rules, &request(), &Surroundings, &|_, _| {}, &|_| true).await.expect("organized");
            })
            .await;
    }
    Target { name: "organize, every entry rebuilt", seed_ms: Some(60_000.0), ours_ms: 1_000.0 }.print(&rebuilt);

    let (mut checked, mut findings) = (Samples::default(), 0);
    for _ in 0..TIMES_LONG {
        checked
            .time_async(async {
                let facts = store.integrity_read(ENVIRONMENT).await.expect("read");
                let report = check_integrity(&facts, &rules, STALE_SESSIONS);
                assert!(!report.has_errors(), "{report:?}");
                findings = report.checked;
            })
            .await;
    }
    let name = format!("validate, {findings} universes");
    Target { name: &name, seed_ms: Some(30_000.0), ours_ms: 1_000.0 }.print(&checked);

    let mut mended = Samples::default();
    for _ in 0..TIMES_LONG {
        database.execute("update cache_entries set value = '[]' where key like 'top_%'").await;
        mended
            .time_async(async {
                repair(store, &rules, &request(), &Surroundings).await.expect("mended").expect("something was wrong");
            })
            .await;
    }
    Target { name: "validate --fix, every ranking emptied", seed_ms: Some(30_000.0), ours_ms: 1_000.0 }.print(&mended);

    let mut figures = Samples::default();
    for _ in 0..TIMES_LONG {
        figures
            .time_async(async {
                statistics(store, ENVIRONMENT, None, Surroundings.now()).await.expect("read");
            })
            .await;
    }
    Target { name: "stats of all universes", seed_ms: None, ours_ms: 1_000.0 }.print(&figures);
    println!("\nA list from the database beside the same list from a CSV file:\n");
    println!("| list | database, ms | CSV, ms | ratio |");
    println!("|---|---:|---:|---:|");
    for line in members {
        println!("{line}");
    }
}

/// Measures one universe from the database, and beside it the same list parsed from CSV; returns the lines of the latter.
async fn lookups(store: &dyn Store, folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for key in ["top_100", "top_500", "master_all_stocks"] {
        let id: UniverseId = format!("stock_universe:{key}").parse().expect("an address");
        let symbols = store.entry_find(ENVIRONMENT, &id).await.expect("read").expect("there").symbols;
        let file = folder.join(format!("{key}.csv"));
        let text: String = symbols.iter().map(|symbol| format!("{symbol}\n")).collect();
        std::fs::write(&file, format!("symbol\n{text}")).expect("written");
        let (mut from_database, mut from_file) = (Samples::default(), Samples::default());
        for _ in 0..TIMES {
            let listed = from_database.time_async(store.entry_find(ENVIRONMENT, &id)).await;
            let parsed = from_file.time(|| universe_feeds::read_universe(&file).expect("parsed").value);
            assert_eq!(listed.expect("read").map(|entry| entry.symbols).as_ref(), Some(&parsed));
        }
        let name = format!("{key}, {} symbols", symbols.len());
        Target { name: &name, seed_ms: Some(10.0), ours_ms: 10.0 }.print(&from_database);
        let ratio = from_database.median_ms() / from_file.median_ms();
        lines.push(format!("| {name} | {} | {} | {ratio:.2} |", from_database.shown(), from_file.shown()));
    }
    lines
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
