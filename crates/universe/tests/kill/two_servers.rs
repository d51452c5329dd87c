//! Two servers on one database, asked for anything in any order.

use std::time::Duration;

use serde_json::json;
use universe_testkit::builders::ENVIRONMENT;
use universe_testkit::test_redis;

use crate::listener::Listener;
use crate::random::{Random, or_long};
use crate::server::Server;
use crate::verdict;
use crate::world::{World, within};

/// The market must not reach the present: there are no closes of the future.
const SESSIONS_MAX: u32 = 600;

/// How old an answer may be; ten times as much is promised of the program as it is shipped, but this one may
/// be built without optimization, and share two cores with a build.
const FRESH: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

#[test]
fn two_servers_share_a_database() {
    let (Some(world), Some(redis)) = (World::make(), test_redis()) else { return };
    let mut random = Random::seeded("two_servers");
    let listener = Listener::default();
    listener.listen(&redis.uri());
    let servers = ["one", "two"].map(|name| Server::start(&world, name, &redis.uri()));
    let (mut sessions, mut accepted) = (0, Vec::new());
    crate::world::for_a_while(or_long(Duration::from_secs(20), Duration::from_secs(240)), || {
        let server = &servers[random.below(2) as usize];
        match random.below(20) {
            0 if sessions < SESSIONS_MAX => {
                world.load_session();
                sessions += 1;
            }
            1 => {
                if let Some(run_id) = accepted.last() {
                    server.cancel(*run_id);
                }
            }
            _ => {
                let mode = ["full", "market_cap", "themes", "ipos"][random.below(4) as usize];
                let wish = json!({"mode": mode, "force": random.below(2) == 0, "dry_run": random.below(8) == 0});
                accepted.extend(server.trigger(&wish));
                random.moment(Duration::from_millis(40));
            }
        }
    });
    world.idle();
    let version = world.ask(async |store| store.head_version(ENVIRONMENT).await);
    within(FRESH, "the last version, on both servers", || {
        let current = |server: &Server| server.get("/ready").is_some_and(|ready| ready["version"] == version);
        servers.iter().all(current).then_some(())
    });
    let [one, two] = servers.each_ref().map(|server| server.get("/api/v1/universes").expect("a list"));
    assert_eq!(one, two);
    let universes = one["universes"].as_array().expect("universes");
    assert!(universes.len() > 20, "{one}");
    for universe in universes {
        let name = |field: &str| universe[field].as_str().expect("a text");
        let path = format!("/api/v1/universes/{}:{}", name("type"), name("key"));
        // Who is a member is there first, and the figures of members in a moment.
        within(FRESH, &format!("the same answer of both to {path}"), || {
            let [one, two] = servers.each_ref().map(|server| server.get(&path).expect("members"));
            (one == two).then_some(())
        });
    }
    for run_id in &accepted {
        assert!(world.run(*run_id).is_some(), "{run_id} was accepted");
    }
    assert!(accepted.len() > 5, "{accepted:?}");
    verdict::check(&world, &listener);
}
