//! Whole runs against their floor: the same rows, read and written by the barest SQL.
//!
//! `cargo bench --bench sync` compares on SQLite and PostgreSQL; `-- sqlite` or `-- postgres` on one of
//! them; `BENCH_SCALE=1000000` goes up to so many listings instead, in SQLite. See docs/benchmarks.md.

mod child;
mod market;
mod measure;
mod postgres;
mod scale;
mod sqlite;
mod written;

use measure::Comparison;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads start");
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    runtime.block_on(run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
}

async fn run(arguments: &[&str]) {
    if let ["child", uri, session, again] = arguments {
        return child::run(uri, session, again).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    if let Ok(listings) = std::env::var("BENCH_SCALE") {
        let listings = listings.parse().expect("BENCH_SCALE is a number of listings");
        return scale::measure(folder.path(), listings).await;
    }
    let days = market::two_days(market::LISTINGS);
    let wants = |store: &str| arguments.is_empty() || arguments.contains(&store);
    Comparison::print_heading();
    let mut peaks = Vec::new();
    if wants("sqlite") {
        peaks.push(("SQLite", sqlite::compare(folder.path(), &days).await));
    }
    if wants("postgres") {
        peaks.extend(postgres::compare(&days).await.map(|peak| ("PostgreSQL", peak)));
    }
    println!();
    for (store, peak) in peaks {
        println!("Peak memory of a process that populates {store} once: {peak:.0} MB");
    }
}
