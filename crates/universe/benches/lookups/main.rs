//! Lookups of a real server beside Redis: the same bytes, in the same run, on the same machine.
//!
//! `cargo bench -p universe --bench lookups` says how many answers a second there are, how long one takes at half
//! of that, how soon a trigger is answered, and how soon a commit of another process is seen. It needs
//! `redis-server` and `redis-benchmark`; with-servers adds PostgreSQL. `-- redis` and `-- commits` measure one half. See
//! docs/benchmarks.md.

mod followed;
mod load;
mod place;
mod redis;

use std::time::{Duration, Instant};

use load::{Protocol, Target};
use place::{Place, Server};

const CONNECTIONS: usize = 32;

/// How often each side is measured, in turns.
const ROUNDS: usize = 5;

/// Answers in a round: some seconds.
const ANSWERS: usize = 300_000;

/// For how long latency is measured.
const LATENCY_FOR: Duration = Duration::from_secs(5);

const PATH: &str = "/api/v1/universes/top_500/symbols";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let mut place = Place::sqlite(folder.path());
    runtime.block_on(place.prepare());
    if wants("redis") {
        beside_redis(&Server::start(&place));
    }
    if !wants("commits") {
        return;
    }
    println!("\n| database | trigger answered, ms | commit seen after, ms |");
    println!("|---|---:|---:|");
    followed::measure("SQLite", &mut place, &runtime);
    if let Some(database) = universe_testkit::test_database() {
        let mut place = Place::postgres(&database.uri(), folder.path());
        runtime.block_on(place.prepare());
        followed::measure("PostgreSQL", &mut place, &runtime);
    }
}

/// Compares throughput with Redis, and measures latency at half of it.
fn beside_redis(server: &Server) {
    let body = server.body_of(PATH);
    let ours = Target {
        address: server.address(),
        request: server.request_of(PATH).into_bytes(),
        protocol: Protocol::Http { body: body.clone() },
    };
    let redis = redis::Redis::with(&body);
    println!("{} bytes, {CONNECTIONS} connections, {ROUNDS} rounds of {ANSWERS} answers in turns\n", body.len());
    println!("| requests sent at once | ours, a second | redis-benchmark GET | ratio | Redis by our client | ratio |");
    println!("|---:|---:|---:|---:|---:|---:|");
    let mut saturated = 0.0;
    for at_once in [1, 16] {
        let (mut own, mut theirs, mut same_client) = (Vec::new(), Vec::new(), Vec::new());
        let answers = ANSWERS * if at_once == 1 { 1 } else { 3 };
        for _ in 0..ROUNDS {
            own.push(load::saturate(&ours, CONNECTIONS, answers, at_once));
            if let Some(redis) = &redis {
                theirs.extend(redis.benchmark(CONNECTIONS, answers, at_once));
                same_client.push(load::saturate(&redis.target(&body), CONNECTIONS, answers, at_once));
            }
        }
        let (own, theirs, same_client) = (median(own), median(theirs), median(same_client));
        let (ratio, other) = (own / theirs, own / same_client);
        println!("| {at_once} | {own:.0} | {theirs:.0} | {ratio:.2} | {same_client:.0} | {other:.2} |");
        if at_once == 1 {
            saturated = own;
        }
    }
    println!("\n| at half of that, a second | p50, ms | p99, ms | p99.9, ms | longest, ms |");
    println!("|---:|---:|---:|---:|---:|");
    for target in [Some(&ours), redis.as_ref().map(|redis| redis.target(&body)).as_ref()].into_iter().flatten() {
        let latencies = load::at_rate(target, CONNECTIONS, saturated / 2.0, LATENCY_FOR);
        let ms = |share: f64| {
            let at = ((latencies.len() - 1) as f64 * share) as usize;
            latencies[at].as_secs_f64() * 1_000.0
        };
        let who = if matches!(target.protocol, Protocol::Http { .. }) { "ours" } else { "Redis" };
        let rate = saturated / 2.0;
        println!("| {who}, {rate:.0} | {:.3} | {:.3} | {:.3} | {:.3} |", ms(0.5), ms(0.99), ms(0.999), ms(1.0));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
