//! `universe diff`: between two days, two runs, or two universes.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::Symbol;
use universe_core::rule::RuleSet;
use universe_service::{Question, find_version};
use universe_store::Store;

use super::arguments::{Diff, Global};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, read, session};
use crate::config::Config;

/// A moment as it was given: a day, or what a run left.
enum Moment {
    Day(Date),
    Run(String),
}

pub(crate) async fn run(global: &Global, config: &Config, command: &Diff) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let sides = Sides { global, store: &*store, rules: &rules, environment };
    let (before, after, mut data) = match (&command.with, &command.from, &command.to) {
        (Some(other), None, None) => {
            let question = Question { environment, as_of: command.as_of, known_at: None };
            let before = sides.members(&command.universe, question).await?;
            let after = sides.members(other, question).await?;
            (before, after, json!({"universe": command.universe, "with": other, "as_of": command.as_of}))
        }
        (None, Some(from), Some(to)) if command.as_of.is_none() => {
            let (from, to) = (moment(from), moment(to));
            if let (Moment::Day(from), Moment::Day(to)) = (&from, &to)
                && to < from
            {
                return Err(Usage(format!("{from} is after {to}: give the earlier day first")).into());
            }
            let (before, from) = sides.members_at(&command.universe, from).await?;
            let (after, to) = sides.members_at(&command.universe, to).await?;
            (before, after, json!({"universe": command.universe, "from": from, "to": to}))
        }
        _ => {
            let what = "give two days or runs to compare, or --with UNIVERSE and perhaps --as-of DATE";
            return Err(Usage(what.to_owned()).into());
        }
    };
    let added: Vec<&Symbol> = after.difference(&before).collect();
    let removed: Vec<&Symbol> = before.difference(&after).collect();
    (data["added"], data["removed"]) = (json!(added), json!(removed));
    output::print(global, &data, || {
        let row = |what: &str, symbol: &&Symbol| vec![what.to_owned(), symbol.to_string()];
        let rows = added.iter().map(|s| row("added", s)).chain(removed.iter().map(|s| row("removed", s)));
        Rows { columns: vec!["change", "symbol"], rows: rows.collect() }
    })?;
    output::remark(global, &format!("{} added, {} removed", added.len(), removed.len()));
    Ok(EXIT_DONE)
}

/// A day where it reads as one, else a run.
fn moment(text: &str) -> Moment {
    text.parse().map_or_else(|_| Moment::Run(text.to_owned()), Moment::Day)
}

/// Where both sides of a comparison are looked up.
struct Sides<'a> {
    global: &'a Global,
    store: &'a dyn Store,
    rules: &'a RuleSet,
    environment: &'a str,
}

impl Sides<'_> {
    async fn members(&self, asked: &str, question: Question<'_>) -> anyhow::Result<BTreeSet<Symbol>> {
        let answer = read::answer_to(self.store, self.rules, asked, question).await?;
        read::say_remarks(self.global, &answer);
        Ok(answer.members.into_iter().map(|member| member.symbol).collect())
    }

    /// Returns the members of a moment, and the moment as programs read it.
    async fn members_at(&self, asked: &str, moment: Moment) -> anyhow::Result<(BTreeSet<Symbol>, Value)> {
        let environment = self.environment;
        match moment {
            Moment::Day(day) => {
                let question = Question { environment, as_of: Some(day), known_at: None };
                Ok((self.members(asked, question).await?, json!(day)))
            }
            Moment::Run(text) => {
                let version = find_version(self.store, environment, &text).await?;
                let question = Question { environment, as_of: version.session, known_at: Some(version.recorded_at) };
                Ok((self.members(asked, question).await?, json!(version.run_id)))
            }
        }
    }
}
