//! A command beside a run that a server is at work on.

use std::process::Command;

use jiff::Timestamp;
use universe_core::plan::Mode;
use universe_store::{Ordered, RunOrder};
use universe_testkit::builders::ENVIRONMENT;
use uuid::Uuid;

use crate::world::World;

#[test]
fn a_command_beside_a_run_at_work_is_refused_and_not_recorded() {
    let Some(world) = World::make() else { return };
    // As a server would: a run is claimed, and its lease is good for a while.
    let now = Timestamp::from_second(4_000_000_000).expect("far away");
    let run_id = Uuid::from_u128(1);
    let order = RunOrder {
        run_id,
        environment: ENVIRONMENT.to_owned(),
        mode: Mode::Full,
        session: None,
        force: false,
        preserve: false,
        dry_run: false,
        approves: Vec::new(),
        triggered_by: "api".to_owned(),
        created_at: now,
    };
    assert_eq!(world.ask(async |store| store.run_order(&order, &[]).await), Ordered::Queued);
    assert!(world.ask(async |store| store.run_claim(ENVIRONMENT, "a server", now, 60, |_| Vec::new()).await).is_some());

    let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
    command.arg("sync").env_clear().env("DATABASE_URI", &world.uri).current_dir(world.path(""));
    let output = command.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("run {run_id} is at work; wait for its end or cancel it")), "{said}");
    assert!(output.stdout.is_empty());

    let runs = world.runs();
    assert_eq!(runs.len(), 1, "the refusal is no failed run: {runs:?}");
    assert_eq!((runs[0].run_id, runs[0].status.as_str()), (run_id, "running"));
    assert_eq!(world.ask(async |store| store.outbox_list(ENVIRONMENT, 0, 10).await), []);
}
