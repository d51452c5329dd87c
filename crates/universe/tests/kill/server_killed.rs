//! `SIGKILL` at any moment of a run and of its publication.

use std::time::Duration;

use universe_store::RunRecord;
use universe_testkit::builders::ENVIRONMENT;
use universe_testkit::test_redis;
use uuid::Uuid;

use crate::listener::Listener;
use crate::random::{Random, or_long};
use crate::server::Server;
use crate::verdict;
use crate::world::{World, eventually};

/// Where the kills found the server.
#[derive(Debug, Default)]
struct Moments {
    before_the_run: u32,
    during_the_run: u32,
    before_publication: u32,
    during_publication: u32,
    after_publication: u32,
}

impl Moments {
    fn count(&mut self, world: &World, listener: &Listener, run_id: Uuid) {
        let run = world.run(run_id).expect("it was ordered");
        let span = world.ask(async |store| store.outbox_span(ENVIRONMENT).await).expect("there are events");
        match run.status.as_str() {
            "pending" => self.before_the_run += 1,
            "running" => self.during_the_run += 1,
            _ if span.unpublished == 0 => self.after_publication += 1,
            _ if listener.has_heard_of(run_id) => self.during_publication += 1,
            _ => self.before_publication += 1,
        }
    }
}

/// Returns how long it took from the order of a run to its end.
fn duration(run: &RunRecord) -> Duration {
    run.recorded_at().duration_since(run.created_at).unsigned_abs()
}

#[test]
fn a_server_that_is_killed_leaves_nothing_half_done() {
    let (Some(world), Some(redis)) = (World::make(), test_redis()) else { return };
    let mut random = Random::seeded("a_server_that_is_killed");
    let listener = Listener::default();
    listener.listen(&redis.uri());
    let mut moments = Moments::default();
    // How long the last run took that was not killed: the moments of the next kill lie within that.
    let mut usual = Duration::from_millis(300);
    for kill in 0..or_long(40, 400) {
        let server = Server::start(&world, "server", &redis.uri());
        // What the last one left is ended first: this is how the next one begins, every time.
        world.idle();
        world.load_session();
        let run_id = server.trigger_soon();
        match kill % 4 {
            0 => random.moment(usual),
            1 => {
                eventually("the run", || world.run(run_id).filter(|run| run.status != "pending"));
                random.moment(usual / 2);
            }
            2 => {
                usual = duration(&world.ended(run_id));
                random.moment(Duration::from_millis(3));
            }
            _ => {
                eventually("publication", || listener.has_heard_of(run_id).then_some(()));
                random.moment(Duration::from_millis(1));
            }
        }
        server.kill();
        moments.count(&world, &listener, run_id);
        world.expire_leases();
        assert_eq!(world.ask(async |store| store.inconsistency_list(ENVIRONMENT).await), [], "after kill {kill}");
    }
    eprintln!("{moments:?}");

    let server = Server::start(&world, "server", &redis.uri());
    world.idle();
    world.load_session();
    world.completed(server.trigger_soon());
    verdict::check(&world, &listener);
    assert!(moments.during_the_run > 0, "{moments:?}");
    assert!(moments.before_publication + moments.during_publication > 0, "{moments:?}");
}
