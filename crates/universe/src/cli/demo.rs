//! `universe demo`: a month of a made-up market, from nothing to universes.

use std::path::Path;

use jiff::civil::date;
use universe_core::plan::Action;
use universe_core::rule::RuleSet;
use universe_core::{Snapshot, SnapshotRow};
use universe_service::market_simulator::{Market, MarketConfig, SimulatedDay};
use universe_service::{Ambient as _, SyncOutcome, keep_figures, sync};
use universe_store::{LoadRecord, Store};

use super::arguments::{Demo, Global};
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// Where the demo keeps its database when none is named; made anew each time.
const DATABASE: &str = "universe-demo.db";

pub(crate) async fn run(global: &Global, config: &Config, command: &Demo) -> anyhow::Result<u8> {
    let named = global.database.is_some();
    let config = if named { config.clone() } else { fresh_database(config)? };
    let store = session::open_store(global, &config).await?;
    store.migrate(Surroundings.now()).await?;
    anyhow::ensure!(
        store.run_list(session::environment(&config), 1, 0).await?.is_empty(),
        "the database has runs already; the demo wants an empty one"
    );
    let first_session = date(2024, 1, 2);
    let mut market =
        Market::new(command.seed, MarketConfig { listings: command.listings as usize, first_session, event_rate: 1.0 });
    let mut rules = session::rules(&*store, &config).await?;
    let bar = output::progress(global, u64::from(command.sessions), "sessions");
    let mut last = None;
    for _ in 0..command.sessions {
        let day = market.next_session();
        bar.set_message(day.session.to_string());
        load(&*store, &day).await?;
        if last.is_none() {
            load_fundamentals(&*store, &market, &day).await?;
            rules = session::rules(&*store, &config).await?;
        }
        let mut request = session::sync_request(&config);
        request.session = Some(day.session);
        last = Some(sync(&*store, &rules, &request, &Surroundings, &|_, _| {}).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(outcome) = last {
        show(global, &config, &*store, &rules, &outcome, command, named).await?;
    }
    Ok(EXIT_DONE)
}

/// Stores a day as a feed would: the listings seen as a snapshot, those that left as reference data.
async fn load(store: &dyn Store, day: &SimulatedDay) -> anyhow::Result<()> {
    let (seen, gone): (Vec<SnapshotRow>, Vec<SnapshotRow>) =
        day.snapshot.rows.iter().cloned().partition(|row| row.listing.is_active != Some(false));
    let record = load_record(day);
    let now = Surroundings.now();
    let snapshot = Snapshot { session: day.session, source: day.snapshot.source.clone(), rows: seen };
    store.snapshot_load(&snapshot, &record, now).await?;
    let gone: Vec<_> = gone.into_iter().map(|row| row.listing).collect();
    if !gone.is_empty() {
        store.listing_load(&gone, day.session, &record, now).await?;
    }
    keep_figures(store, day.session).await?;
    Ok(())
}

/// Stores dividends, earnings and the like, so that the themes that ask for them are decided by their rules.
async fn load_fundamentals(store: &dyn Store, market: &Market, day: &SimulatedDay) -> anyhow::Result<()> {
    store.listing_load(&market.fundamentals(), day.session, &load_record(day), Surroundings.now()).await?;
    Ok(())
}

fn load_record(day: &SimulatedDay) -> LoadRecord {
    let rows = day.snapshot.rows.len() as u64;
    LoadRecord {
        kind: "demo".to_owned(),
        file: "made-up market".to_owned(),
        session: Some(day.session),
        rows,
        loaded: rows,
        issues: Vec::new(),
    }
}

async fn show(
    global: &Global,
    config: &Config,
    store: &dyn Store,
    rules: &RuleSet,
    outcome: &SyncOutcome,
    command: &Demo,
    named: bool,
) -> anyhow::Result<()> {
    let updated: Vec<_> =
        outcome.plan.universes.iter().filter(|u| matches!(u.action, Action::Updated | Action::Created)).collect();
    output::print(global, &outcome.run, || Rows {
        columns: vec!["universe", "members", "added", "removed"],
        rows: updated
            .iter()
            .map(|universe| {
                let names = |changes: &[universe_core::plan::Change]| {
                    let mut names: Vec<&str> =
                        changes.iter().take(4).map(|change| outcome.plan.symbol(change.listing).as_str()).collect();
                    if changes.len() > 4 {
                        names.push("…");
                    }
                    names.join(" ")
                };
                vec![
                    universe.id.key().to_owned(),
                    universe.members.len().to_string(),
                    names(&universe.added),
                    names(&universe.removed),
                ]
            })
            .collect(),
    })?;
    let run = &outcome.run;
    let universes = store.universe_list(session::environment(config)).await?.len();
    output::remark(
        global,
        &format!(
            "\n{} sessions of a made-up market of {} listings, up to {}; {universes} universes by {} rules.\n\
             The last run made {} changes in {} universes.",
            command.sessions,
            command.listings,
            outcome.plan.session,
            rules.rules.len(),
            run.total_changes,
            run.universes_updated.len(),
        ),
    );
    let program = std::env::args().next().unwrap_or_else(|| "universe".to_owned());
    // Shown without its password: what is printed ends up in logs and on screens.
    let database = if named { session::database_uri(config)?.to_string() } else { format!("sqlite:{DATABASE}") };
    let at = format!("{program} --database {database}");
    output::remark(
        global,
        &format!(
            "\nTry next:\n  {at} list\n  {at} show top_10\n  {at} show 'sector_technology & top_100'\n  \
             {at} diff top_500 2024-01-02 {}\n  {at} runs",
            outcome.plan.session
        ),
    );
    Ok(())
}

/// Puts the demo's own database into the configuration, without what an earlier demo left in it.
fn fresh_database(config: &Config) -> anyhow::Result<Config> {
    for ending in ["", "-wal", "-shm"] {
        let file = format!("{DATABASE}{ending}");
        if Path::new(&file).exists() {
            std::fs::remove_file(&file)?;
        }
    }
    Ok(config.with("database.uri", format!("sqlite:{DATABASE}"))?)
}
