//! Redis killed and restarted in mid-stream.

use std::time::Duration;

use universe_testkit::test_redis;

use crate::listener::Listener;
use crate::random::{Random, or_long};
use crate::server::Server;
use crate::verdict;
use crate::world::{World, eventually};

#[test]
fn redis_that_is_killed_delays_events_and_loses_none() {
    let (Some(world), Some(mut redis)) = (World::make(), test_redis()) else { return };
    let mut random = Random::seeded("redis_that_is_killed");
    let listener = Listener::default();
    listener.listen(&redis.uri());
    let server = Server::start(&world, "server", &redis.uri());
    for kill in 0..or_long(20, 200) {
        world.load_session();
        let run_id = server.trigger_soon();
        if kill % 2 == 0 {
            eventually("publication", || listener.has_heard_of(run_id).then_some(()));
            random.moment(Duration::from_millis(5));
        } else {
            random.moment(Duration::from_millis(300));
        }
        redis.kill();
        // No run waits for Redis: one goes on, and another one begins and ends.
        world.completed(run_id);
        world.load_session();
        world.completed(server.trigger_soon());
        // Redis keeps nothing for those who are not there: the server stands still until somebody listens.
        server.signal("STOP");
        redis.restart().expect("starts again");
        listener.listen(&redis.uri());
        server.signal("CONT");
    }
    verdict::check(&world, &listener);
}
