//! `universe override`: members put in or left out by hand, and changes announced ahead.

use universe_service::{Ambient as _, OverrideError, OverrideTold, OverrideWish, OverridesOf, overrides, put_override};
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
    let wish = OverrideWish {
        universe,
        symbol,
        is_member: command.is_in,
        from: command.from,
        until: command.until,
        reason: command.reason.clone(),
        actor: actor(command.by.as_deref()),
        replaces: command.replaces.as_deref().map(id_of).transpose()?,
    };
    let entry = match put_override(&*store, environment, wish, &Surroundings).await {
        Ok(entry) => OverrideTold::from(entry),
        Err(error @ (OverrideError::EndsBeforeItBegins { .. } | OverrideError::Reason)) => {
            return Err(Usage(error.to_string()).into());
        }
        Err(OverrideError::NotASession(error)) => return Err(error.into()),
        Err(error) => return Err(error.into()),
    };
    let from = entry.from;
    output::print(global, &entry, || rows(std::slice::from_ref(&entry)))?;
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
    let which = match (command.pending, command.all) {
        (true, _) => OverridesOf::Pending,
        (false, true) => OverridesOf::All,
        (false, false) => OverridesOf::Present,
    };
    let universe = match &command.universe {
        Some(asked) => {
            let rules = session::rules(&*store, config).await?;
            Some(session::universe_of(&*store, &rules, environment, asked).await?)
        }
        None => None,
    };
    let entries = overrides(&*store, environment, which, universe.as_ref(), &Surroundings).await?;
    let entries: Vec<OverrideTold> = entries.into_iter().map(OverrideTold::from).collect();
    output::print(global, &entries, || rows(&entries))?;
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

fn rows(entries: &[OverrideTold]) -> Rows {
    let row = |entry: &OverrideTold| {
        vec![
            entry.universe.to_string(),
            entry.symbol.to_string(),
            if entry.is_member { "in" } else { "out" }.to_owned(),
            entry.from.to_string(),
            entry.until.map(|until| until.to_string()).unwrap_or_default(),
            entry.reason.clone(),
            entry.by.clone(),
            entry.withdrawn.as_ref().map(|withdrawn| output::instant(&withdrawn.at)).unwrap_or_default(),
            entry.id.to_string(),
        ]
    };
    Rows {
        columns: vec!["universe", "symbol", "change", "from", "until", "reason", "by", "withdrawn", "id"],
        rows: entries.iter().map(row).collect(),
    }
}
