//! `universe override`: members put in or left out by hand, and changes announced ahead.

use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::state::Override;
use universe_core::{expect_session, session_on_or_before};
use universe_service::{Ambient as _, new_york_date};
use universe_store::OverrideRecord;
use uuid::Uuid;

use super::arguments::{Global, OverrideAdd, OverrideCommand, OverrideList};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &OverrideCommand) -> anyhow::Result<u8> {
    match command {
        OverrideCommand::Add(add) => put(global, config, add).await,
        OverrideCommand::List(list) => show(global, config, list).await,
        OverrideCommand::Withdraw { id, by } => withdraw(global, config, id, by.as_deref()).await,
    }
}

async fn put(global: &Global, config: &Config, command: &OverrideAdd) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let universe = session::universe_of(&*store, &rules, environment, &command.universe).await?;
    let symbol = session::symbol_of(&command.symbol)?;
    let now = Surroundings.now();
    let from = match command.from {
        Some(from) => expect_session(from)?,
        None => session_on_or_before(new_york_date(now)),
    };
    if let Some(until) = command.until.filter(|until| *until <= from) {
        return Err(Usage(format!("it would end on {until}, not after it begins on {from}")).into());
    }
    let replaces = command.replaces.as_deref().map(id_of).transpose()?;
    let entry = OverrideRecord {
        override_id: Surroundings.new_run_id(),
        content: Override {
            universe,
            symbol,
            is_member: command.is_in,
            from,
            until: command.until,
            reason: command.reason.clone(),
            actor: actor(command.by.as_deref()),
        },
        recorded_at: now,
        withdrawn: None,
    };
    store.override_put(environment, &entry, replaces).await?;
    output::print(global, &told(&entry), || rows(std::slice::from_ref(&entry)))?;
    let last = store.state_read(environment, from).await?.last_session;
    let when = match last.filter(|last| from <= *last) {
        Some(_) => "the next `universe sync` makes it",
        None => "the `universe sync` of that session makes it",
    };
    output::remark(global, &format!("it holds from {from}; {when}"));
    Ok(EXIT_DONE)
}

async fn show(global: &Global, config: &Config, command: &OverrideList) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let environment = session::environment(config);
    let mut entries = store.override_list(environment).await?;
    let today = session_on_or_before(new_york_date(Surroundings.now()));
    let last = store.state_read(environment, today).await?.last_session.unwrap_or(today);
    if command.pending {
        entries.retain(|entry| entry.withdrawn.is_none() && last < entry.content.from);
    } else if !command.all {
        let is_over = |until: Date| until <= last;
        entries.retain(|entry| entry.withdrawn.is_none() && !entry.content.until.is_some_and(is_over));
    }
    let data: Vec<Value> = entries.iter().map(told).collect();
    output::print(global, &data, || rows(&entries))?;
    Ok(EXIT_DONE)
}

async fn withdraw(global: &Global, config: &Config, id: &str, by: Option<&str>) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let id = id_of(id)?;
    let environment = session::environment(config);
    if !store.override_withdraw(environment, id, &actor(by), Surroundings.now()).await? {
        anyhow::bail!("there is no override {id} that could be withdrawn; `universe override list --all` shows them");
    }
    output::remark(global, "withdrawn; from the next `universe sync` on the rule decides again");
    Ok(EXIT_DONE)
}

fn id_of(text: &str) -> anyhow::Result<Uuid> {
    text.parse()
        .map_err(|_| Usage(format!("{text:?} is no id of an override; `universe override list` has them")).into())
}

/// Who says so: the name given, else that of the user.
fn actor(by: Option<&str>) -> String {
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    by.map(ToOwned::to_owned).or_else(user).unwrap_or_else(|| "cli".to_owned())
}

fn told(entry: &OverrideRecord) -> Value {
    let Override { universe, symbol, is_member, from, until, reason, actor } = &entry.content;
    json!({
        "id": entry.override_id, "universe": universe, "symbol": symbol, "is_member": is_member, "from": from,
        "until": until, "reason": reason, "by": actor, "recorded_at": entry.recorded_at, "withdrawn": entry.withdrawn,
    })
}

fn rows(entries: &[OverrideRecord]) -> Rows {
    let row = |entry: &OverrideRecord| {
        let content = &entry.content;
        vec![
            content.universe.to_string(),
            content.symbol.to_string(),
            if content.is_member { "in" } else { "out" }.to_owned(),
            content.from.to_string(),
            content.until.map(|until| until.to_string()).unwrap_or_default(),
            content.reason.clone(),
            content.actor.clone(),
            entry.withdrawn.as_ref().map(|withdrawn| output::instant(&withdrawn.at)).unwrap_or_default(),
            entry.override_id.to_string(),
        ]
    };
    Rows {
        columns: vec!["universe", "symbol", "change", "from", "until", "reason", "by", "withdrawn", "id"],
        rows: entries.iter().map(row).collect(),
    }
}
