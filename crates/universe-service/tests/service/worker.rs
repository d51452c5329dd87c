//! The queue: one end for every run, whoever carries it out and whatever dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use universe_core::plan::Mode;
use universe_core::rule::RuleSet;
use universe_service::{Ambient, Approval, Daemon, Placed, RuleSource, Wish, WorkerSettings, work, work_once};
use universe_store::{Backend, Store};
use universe_testkit::builders::{ENVIRONMENT, MONDAY, RULES, TUESDAY, rules, six_listings, stock};
use uuid::Uuid;

use crate::harness::{Place, WORKER, die_after, eventually, in_time};

async fn order(daemon: &Daemon, wish: &Wish) -> Uuid {
    match daemon.order(wish).await.expect("ordered") {
        Placed::Queued { run_id } => run_id,
        Placed::Busy { run_id } => panic!("{run_id} stands before it"),
    }
}

async fn status(daemon: &Daemon, run_id: Uuid) -> String {
    daemon.store.run_find(run_id).await.expect("read").expect("there").status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_run_is_carried_out_and_says_so_once() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        assert_eq!(work_once(&daemon, WORKER).await.expect("looked"), None, "nothing waits");
        let run_id = order(&daemon, &Wish::full("api")).await;
        assert_eq!(status(&daemon, run_id).await, "pending");
        let second = daemon.order(&Wish::full("api")).await.expect("asked");
        assert_eq!(second, Placed::Busy { run_id }, "one waits already");

        assert_eq!(work_once(&daemon, WORKER).await.expect("worked"), Some(run_id));
        let run = daemon.store.run_find(run_id).await.expect("read").expect("there");
        assert_eq!((run.status.as_str(), run.session, run.error), ("completed", Some(MONDAY), None));
        assert!(run.total_changes > 0);
        let named = |name: &str, all: &[(i64, String)]| all.iter().filter(|(_, event)| event == name).count();
        let outbox = place.outbox().await;
        for once in ["cache_sync_triggered", "phase_started", "phase_completed", "cache_sync_completed"] {
            assert_eq!(named(once, &outbox), 1, "{once} in {outbox:?}");
        }
        let in_order: Vec<&str> = outbox.iter().map(|(_, event)| event.as_str()).collect();
        assert_eq!(in_order[..2], ["cache_sync_triggered", "phase_started"], "the order comes first");
        assert_eq!(in_order[2..7], ["job_progress_update"; 5]);
        assert_eq!(in_order[in_order.len() - 2..], ["cache_sync_completed", "phase_completed"]);
        assert!(in_order[7..in_order.len() - 2].iter().all(|event| *event == "universe_updated"), "{in_order:?}");

        let again = order(&daemon, &Wish::full("api")).await;
        work_once(&daemon, WORKER).await.expect("worked");
        let run = daemon.store.run_find(again).await.expect("read").expect("there");
        assert_eq!((run.status.as_str(), run.total_changes), ("completed", 0), "it found nothing to do");
        let news: Vec<String> = place.outbox().await.into_iter().skip(outbox.len()).map(|(_, event)| event).collect();
        let steps = ["job_progress_update"; 5];
        let around = [["cache_sync_triggered", "phase_started"], ["cache_sync_completed", "phase_completed"]];
        assert_eq!(news, [&around[0], &steps[..], &around[1]].concat(), "it tells of itself, and of no universe");
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_its_caller_and_nobody_else() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let run_id = order(&daemon, &Wish { dry_run: true, ..Wish::full("api") }).await;
        work_once(&daemon, WORKER).await.expect("worked");
        let run = daemon.store.run_find(run_id).await.expect("read").expect("there");
        assert_eq!(run.status, "completed");
        assert!(run.total_changes > 0, "it says what would change");
        assert_eq!(place.outbox().await, []);
        assert_eq!(daemon.store.universe_list(ENVIRONMENT).await.expect("listed"), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_says_why() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let session = Some(jiff::civil::date(2024, 3, 9));
        let run_id = order(&daemon, &Wish { session, ..Wish::full("api") }).await;
        work_once(&daemon, WORKER).await.expect("worked");
        let run = daemon.store.run_find(run_id).await.expect("read").expect("there");
        assert_eq!(run.status, "failed");
        assert!(run.error.as_deref().is_some_and(|error| error.contains("Saturday")), "{:?}", run.error);
        let events: Vec<String> = place.outbox().await.into_iter().map(|(_, event)| event).collect();
        let all = ["cache_sync_triggered", "phase_started", "error", "cache_sync_completed", "phase_failed"];
        assert_eq!(events, all);

        order(&daemon, &Wish::full("api")).await;
        work_once(&daemon, WORKER).await.expect("worked");
        assert_eq!(place.runs().await[0].status, "completed", "the next one is none the worse");
    }
}

/// Rules that are there only when a test says so: a run stands still until then.
struct Gate {
    entered: Notify,
    open: Notify,
    rules: Arc<RuleSet>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self { entered: Notify::new(), open: Notify::new(), rules: Arc::new(rules(RULES)) })
    }

    fn daemon(self: &Arc<Self>, place: &Place, holder: &str) -> Daemon {
        let ambient: Arc<dyn Ambient> = place.ambient.clone();
        let rules = Arc::new(Gated(Arc::clone(self)));
        Daemon::new(Arc::clone(&place.store), rules, ambient, ENVIRONMENT.to_owned(), holder.to_owned())
    }
}

struct Gated(Arc<Gate>);

#[async_trait]
impl RuleSource for Gated {
    async fn rules(&self, _store: &dyn Store) -> Result<Arc<RuleSet>, String> {
        self.0.entered.notify_one();
        self.0.open.notified().await;
        Ok(Arc::clone(&self.0.rules))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_changes_nothing() {
    for place in Place::all().await {
        let gate = Gate::new();
        let daemon = gate.daemon(&place, "a");
        let waiting = order(&daemon, &Wish::full("api")).await;
        assert_eq!(daemon.cancel(waiting).await.expect("cancelled").as_deref(), Some("cancelled"));
        assert_eq!(work_once(&daemon, WORKER).await.expect("looked"), None, "it is not carried out any more");

        let run_id = order(&daemon, &Wish::full("api")).await;
        let working = work_once(&daemon, WORKER);
        let cancelling = async {
            gate.entered.notified().await;
            assert_eq!(status(&daemon, run_id).await, "running");
            assert_eq!(daemon.cancel(run_id).await.expect("asked").as_deref(), Some("running"));
            gate.open.notify_one();
        };
        let (worked, ()) = in_time("the end of the run", async { tokio::join!(working, cancelling) }).await;
        assert_eq!(worked.expect("worked"), Some(run_id));
        assert_eq!(status(&daemon, run_id).await, "cancelled");
        assert_eq!(daemon.store.universe_list(ENVIRONMENT).await.expect("listed"), []);
        assert_eq!(daemon.store.head_version(ENVIRONMENT).await.expect("read"), 0);
        let events: Vec<String> = place.outbox().await.into_iter().map(|(_, event)| event).collect();
        let before_it_began = ["cache_sync_triggered", "cache_sync_completed"];
        let after = ["cache_sync_triggered", "phase_started", "cache_sync_completed", "phase_failed"];
        assert_eq!(events, [&before_it_began[..], &after[..]].concat());
        for entry in place.store.outbox_newest(ENVIRONMENT, "cache_sync_completed", 9).await.expect("listed") {
            assert_eq!(entry.message["payload"]["sync_status"], "cancelled");
        }

        assert_eq!(daemon.cancel(run_id).await.expect("asked").as_deref(), Some("cancelled"), "it is over");
        assert_eq!(daemon.cancel(Uuid::nil()).await.expect("asked"), None);
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_process_died_is_found_and_the_next_one_starts_clean() {
    for place in Place::all().await {
        let gate = Gate::new();
        let dying = gate.daemon(&place, "dying");
        let dead = order(&dying, &Wish::full("api")).await;
        // The process dies in the middle: its future is dropped between two steps of the run.
        tokio::select! {
            _ = work_once(&dying, WORKER) => panic!("the gate is closed"),
            () = gate.entered.notified() => {}
        }
        let alive = place.daemon("alive");
        assert_eq!(work_once(&alive, WORKER).await.expect("looked"), None, "it may still be alive");
        assert_eq!(status(&alive, dead).await, "running");
        let events = async || place.outbox().await.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
        assert_eq!(events().await, ["cache_sync_triggered", "phase_started"], "its start is told while it runs");

        place.ambient.advance(WORKER.lease_seconds + 1);
        assert_eq!(work_once(&alive, WORKER).await.expect("looked"), None);
        assert_eq!(status(&alive, dead).await, "failed");
        let told = ["cache_sync_triggered", "phase_started", "error", "cache_sync_completed", "phase_failed"];
        assert_eq!(events().await, told, "its start is not told again");
        let next = order(&alive, &Wish::full("api")).await;
        assert_eq!(work_once(&alive, WORKER).await.expect("worked"), Some(next));
        assert_eq!(status(&alive, next).await, "completed");
        let failed = place.outbox().await.iter().filter(|(_, event)| event == "phase_failed").count();
        assert_eq!(failed, 1, "its end is told once");
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_lost_its_lease_writes_nothing() {
    for place in Place::all().await {
        let gate = Gate::new();
        let slow = gate.daemon(&place, "slow");
        let slept = order(&slow, &Wish::full("api")).await;
        let other = place.daemon("other");
        let working = work_once(&slow, WORKER);
        let overtaking = async {
            gate.entered.notified().await;
            place.ambient.advance(WORKER.lease_seconds + 1);
            assert_eq!(work_once(&other, WORKER).await.expect("looked"), None);
            assert_eq!(status(&other, slept).await, "failed", "it gave no sign of life");
            gate.open.notify_one();
        };
        let (worked, ()) = in_time("the end of the run", async { tokio::join!(working, overtaking) }).await;
        assert_eq!(worked.expect("worked"), Some(slept));
        assert_eq!(status(&slow, slept).await, "failed", "it stays at its end");
        assert_eq!(slow.store.head_version(ENVIRONMENT).await.expect("read"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_makes_what_was_held_and_what_somebody_looked_at() {
    let limited = "category = \"market_leader\"\n\
        ranking = [{ key = \"top_2\", name = \"Top 2\", count = 2 }]\n\
        change_limit = { share = 0.2, count_min = 1 }\n";
    for place in Place::all().await {
        let rules = Arc::new(rules(&[("top.toml", limited)]));
        let daemon = place.daemon_by("a", Arc::clone(&place.store), rules);
        let first = order(&daemon, &Wish::full("api")).await;
        work_once(&daemon, WORKER).await.expect("worked");
        assert_eq!(status(&daemon, first).await, "completed");
        place.ambient.advance(24 * 3_600);
        let mut rows = six_listings();
        rows.push(stock("LLY", 9_000.0, 950));
        place.load(TUESDAY, rows).await;

        let held = order(&daemon, &Wish::full("scheduler")).await;
        work_once(&daemon, WORKER).await.expect("worked");
        assert_eq!(status(&daemon, held).await, "held");
        let top = "stock_universe:top_2".parse().expect("an address");
        let members = async || {
            let members = place.store.member_list(ENVIRONMENT, &top, None, None).await.expect("read").expect("there");
            members.members.into_iter().map(|member| member.symbol.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(members().await, ["MSFT", "AAPL"], "as before");

        let nothing = daemon.approve(first, "api").await.expect("asked");
        assert_eq!(nothing, Approval::NothingHeld { status: "completed".to_owned() });
        assert_eq!(daemon.approve(Uuid::nil(), "api").await.expect("asked"), Approval::Unknown);
        let approval = daemon.approve(held, "api").await.expect("asked");
        let Approval::Placed(Placed::Queued { run_id }) = approval else { panic!("{approval:?}") };
        work_once(&daemon, WORKER).await.expect("worked");
        assert_eq!(status(&daemon, run_id).await, "completed");
        assert_eq!(members().await, ["LLY", "MSFT"]);
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_carry_out_every_run_once() {
    for place in Place::all().await {
        // Behind all sessions, and still from here on: a clock that jumps looks like a process that died.
        place.ambient.advance(30 * 24 * 3_600);
        let (stop, stopped) = watch::channel(false);
        let daemons = [place.other_daemon("a").await, place.other_daemon("b").await].map(Arc::new);
        let workers: Vec<_> = daemons
            .iter()
            .map(|daemon| {
                let (daemon, stopped) = (Arc::clone(daemon), stopped.clone());
                tokio::spawn(async move { work(&daemon, WORKER, stopped).await })
            })
            .collect();
        let mut ordered = BTreeSet::new();
        let mut session = MONDAY;
        let modes = [Mode::Full, Mode::MarketCap, Mode::Full, Mode::Ipos, Mode::Themes];
        for number in 0..20_usize {
            // A fixed scramble of who orders what, and which orders are cancelled at once.
            let scrambled = number * 7 + number / 3;
            if scrambled.is_multiple_of(4) {
                session = universe_core::next_session(session);
                place.load_other(session, number).await;
            }
            let daemon = &daemons[scrambled % 2];
            let wish = Wish { mode: modes[scrambled % 5], ..Wish::full("api") };
            let run_id = eventually("a place in the queue", async || match daemon.order(&wish).await.expect("asked") {
                Placed::Queued { run_id } => Some(run_id),
                Placed::Busy { .. } => None,
            })
            .await;
            assert!(ordered.insert(run_id), "ids are new");
            if scrambled.is_multiple_of(5) {
                daemons[(scrambled + 1) % 2].cancel(run_id).await.expect("asked");
            }
        }
        eventually("the end of the last run", async || {
            place.runs().await.iter().all(|run| run.is_over()).then_some(())
        })
        .await;
        stop.send_replace(true);
        for worker in workers {
            in_time("the end of a worker", worker).await.expect("no panic");
        }
        let runs = place.runs().await;
        let ended: BTreeSet<Uuid> = runs.iter().map(|run| run.run_id).collect();
        assert_eq!(runs.len(), 20);
        assert_eq!(ended, ordered, "every order has one end");
        for run in &runs {
            assert!(["completed", "cancelled"].contains(&run.status.as_str()), "{run:?}");
        }
        let outbox = place.store.outbox_list(ENVIRONMENT, 0, 10_000).await.expect("listed");
        let mut ends = BTreeSet::new();
        for entry in &outbox {
            if entry.event == "cache_sync_completed" {
                let run_id = entry.message["payload"]["job_id"].as_str().expect("a text").to_owned();
                assert!(ends.insert(run_id), "one end is told for every run");
            }
        }
        assert_eq!(ends.len(), 20);
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_process_dies_every_run_has_one_end() {
    for place in Place::all().await {
        let mut session = MONDAY;
        let mut ends = BTreeSet::new();
        for polls in 0..40 {
            session = universe_core::next_session(session);
            place.ambient.advance(4 * 24 * 3_600);
            place.load_other(session, polls).await;
            let (dying, next) = (place.daemon("dying"), place.daemon("next"));
            let run_id = order(&dying, &Wish::full("api")).await;
            in_time("a death", die_after(polls, work_once(&dying, WORKER))).await;
            place.ambient.advance(WORKER.lease_seconds + 1);
            // A statement that was sent before the death may still be at work on the server.
            let end = eventually("an end", async || {
                work_once(&next, WORKER).await.expect("looked");
                Some(status(&next, run_id).await).filter(|status| !["pending", "running"].contains(&status.as_str()))
            })
            .await;
            ends.insert(end);
            place.check().await;
        }
        assert!(ends.contains("completed"));
        // The embedded file answers at once, so that there is no point within a run at which to die.
        assert_eq!(ends.contains("failed"), place.store.backend() == Backend::Postgres, "{ends:?}");
        let outbox = place.store.outbox_list(ENVIRONMENT, 0, 100_000).await.expect("listed");
        let told = |entry: &&universe_store::OutboxEntry| entry.event == "cache_sync_completed";
        assert_eq!(outbox.iter().filter(told).count(), 40, "each end is told once");
        let mut sequences: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for (universe, sequence) in outbox.into_iter().filter_map(|entry| entry.universe) {
            sequences.entry(universe).or_default().push(sequence);
        }
        for (universe, numbers) in sequences {
            assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{universe}: without gaps");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_plans_again_tells_its_steps_once() {
    let place = Place::sqlite().await;
    let daemon = place.daemon("a");
    // Between the last step and the transaction the state becomes another one, once.
    place.execute("create table overtaken (version integer)");
    place.execute(
        "create trigger overtake after update of progress on universe_run
        when new.progress like '%:100%' and not exists (select 1 from overtaken)
        begin
            update universe_head set version = version + 1;
            insert into overtaken select version from universe_head;
        end",
    );
    let run_id = order(&daemon, &Wish::full("api")).await;
    work_once(&daemon, WORKER).await.expect("worked");
    assert_eq!(status(&daemon, run_id).await, "completed");
    assert_eq!(place.execute("delete from overtaken"), 1, "it had to plan again");
    let outbox = place.outbox().await;
    assert_eq!(outbox.iter().filter(|(_, event)| event == "job_progress_update").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_keeps_its_lease_while_a_run_takes_long() {
    let place = Place::sqlite().await;
    let gate = Gate::new();
    let slow = gate.daemon(&place, "slow");
    let run_id = order(&slow, &Wish::full("api")).await;
    let settings = WorkerSettings { lease_seconds: 1, ..WORKER };
    let working = work_once(&slow, settings);
    let watching = async {
        gate.entered.notified().await;
        // No step has begun: the progress that is read here was written by a beat.
        eventually("a sign of life", async || {
            let run = slow.store.run_find(run_id).await.expect("read").expect("there");
            (run.progress["percentage"] == 0).then_some(())
        })
        .await;
        gate.open.notify_one();
    };
    let (worked, ()) = in_time("the end of the run", async { tokio::join!(working, watching) }).await;
    assert_eq!(worked.expect("worked"), Some(run_id));
    assert_eq!(status(&slow, run_id).await, "completed");
}
