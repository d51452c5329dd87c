//! PostgreSQL restarted, and killed, while runs are asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use universe_testkit::{PostgresServer, ServerError, servers_required, test_redis};
use uuid::Uuid;

use crate::listener::Listener;
use crate::random::{Random, or_long};
use crate::server::Server;
use crate::verdict;
use crate::world::{World, eventually};

#[test]
fn a_server_outlives_restarts_of_its_database() {
    let mut postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(error @ ServerError::Missing { .. }) if !servers_required() => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let Some(redis) = test_redis() else { return };
    let world = World::on(postgres.database().expect("a database"), None);
    let mut random = Random::seeded("a_server_outlives_restarts");
    let listener = Listener::default();
    listener.listen(&redis.uri());
    let server = Server::start(&world, "server", &redis.uri());
    for restart in 0..or_long(12, 120) {
        eventually("a load", || world.try_ask(async |store| store.head_version("DEFAULT").await).ok());
        world.load_session();
        let accepted = while_triggering(&server, || {
            random.moment(Duration::from_millis(600));
            match restart % 2 {
                0 => postgres.stop(),
                _ => postgres.kill(),
            }
            postgres.restart().expect("starts again");
            // The server comes back by itself.
            eventually("readiness", || server.get("/ready"));
        });
        eventually("the database", || world.try_ask(async |store| store.head_version("DEFAULT").await).ok());
        world.idle();
        for run_id in accepted {
            let run = world.run(run_id).expect("what was accepted is not forgotten");
            assert!(run.is_over(), "{run:?}");
        }
        world.completed(server.trigger_soon());
    }
    verdict::check(&world, &listener);
}

/// Asks for runs all the time while something else happens; returns those that were accepted.
fn while_triggering(server: &Server, act: impl FnOnce()) -> Vec<Uuid> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let triggering = scope.spawn(|| {
            let mut accepted = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                accepted.extend(server.trigger(&json!({"force": true})));
                std::thread::sleep(Duration::from_millis(2));
            }
            accepted
        });
        // Also when it panics, so that the scope can end.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let over = Over(&is_over);
        act();
        drop(over);
        triggering.join().expect("no panic")
    })
}
