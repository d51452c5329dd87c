//! How soon a server answers a trigger, and how soon it answers with what another process committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use universe_store::Store;

use super::place::{KEY, Place, Server};
use super::{PATH, now};

const TRIGGERS: usize = 20;
const COMMITS: usize = 10;

/// How often the database is asked for its version: what the measured time is exact to.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// How long anything may take; only a failure takes that long.
const SOON: Duration = Duration::from_secs(30);

const ROUTES: &str = "/api/processing/cache-sync";

pub(crate) fn measure(name: &str, place: &mut Place, runtime: &tokio::runtime::Runtime) {
    let server = Server::start(place);
    let mut triggers: Vec<Duration> = (0..TRIGGERS).map(|_| trigger(&server)).collect();
    let mut commits: Vec<Duration> = (0..COMMITS).map(|_| commit(place, &server, runtime)).collect();
    let shown = |durations: &mut Vec<Duration>| {
        durations.sort();
        let ms = |at: usize| durations[at].as_secs_f64() * 1_000.0;
        format!("{:.1} ({:.1}..{:.1})", ms(durations.len() / 2), ms(0), ms(durations.len() - 1))
    };
    println!("| {name} | {} | {} |", shown(&mut triggers), shown(&mut commits));
}

/// Asks for a run and waits for its end; returns how long the answer took.
fn trigger(server: &Server) -> Duration {
    let began = now();
    let request = ureq::post(server.url(&format!("{ROUTES}/trigger"))).header("x-api-key", KEY);
    let mut answer = request.content_type("application/json").send("{}").expect("an answer");
    let took = began.elapsed();
    let run: Value = answer.body_mut().read_json().expect("JSON");
    let status = server.url(&format!("{ROUTES}/status/{}", run["job_id"].as_str().expect("an id")));
    loop {
        let mut answer = ureq::get(&status).header("x-api-key", KEY).call().expect("an answer");
        let run: Value = answer.body_mut().read_json().expect("JSON");
        if !matches!(run["status"].as_str(), Some("pending" | "running")) {
            return took;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets another process decide the next session; returns how long after its commit the server answers with it.
fn commit(place: &mut Place, server: &Server, runtime: &tokio::runtime::Runtime) -> Duration {
    let (session, store) = runtime.block_on(async { (place.load_next().await, place.store().await) });
    let version = runtime.block_on(store.head_version("DEFAULT")).expect("a version");
    let before = answer(server);
    let committed = runtime.spawn(newer_than(version, store));
    let mut sync = place.sync(session).spawn().expect("the program runs");
    let began = now();
    while answer(server) == before {
        assert!(began.elapsed() < SOON, "the answer is still the same after {session}");
        std::thread::sleep(LOOK_EVERY);
    }
    let seen = now();
    assert!(sync.wait().expect("an end").success());
    let committed = runtime.block_on(committed).expect("no panic");
    seen.saturating_duration_since(committed)
}

/// Waits for another version, and returns when it was there.
async fn newer_than(version: u64, store: Arc<dyn Store>) -> Instant {
    while store.head_version("DEFAULT").await.expect("a version") == version {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    now()
}

fn answer(server: &Server) -> String {
    let answer = ureq::get(server.url(PATH)).header("x-api-key", KEY).call().expect("an answer");
    answer.headers()["etag"].to_str().expect("text").to_owned()
}
