//! `universe diff`: between two days, two runs, or two universes.

use serde_json::{Value, json};
use universe_core::Symbol;
use universe_service::{CompareError, Compared, ComparedSide, Moment, Recorded, compare};

use super::arguments::{Diff, Global};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, read, session};
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Diff) -> anyhow::Result<u8> {
    let universe = command.universe.clone();
    let compared = match (&command.with, &command.from, &command.to) {
        (Some(with), None, None) => {
            Compared::Universes { universe, with: with.clone(), as_of: command.as_of, known_at: command.known_at }
        }
        (None, Some(from), Some(to)) if command.as_of.is_none() => {
            Compared::Moments { universe, from: moment(from)?, to: moment(to)?, known_at: command.known_at }
        }
        _ => {
            let what = "give two days or runs to compare, or --with UNIVERSE and perhaps --as-of DATE";
            return Err(Usage(what.to_owned()).into());
        }
    };
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let difference =
        match compare(Recorded { store: &*store, past: None }, &rules, session::environment(config), &compared).await {
            Ok(difference) => difference,
            // As the other commands that meet them: with their own exit codes and hints.
            Err(CompareError::Lookup(error)) => return Err(read::explained(error, &rules)),
            Err(CompareError::Run(error)) => return Err(error.into()),
            Err(error @ (CompareError::Backwards { .. } | CompareError::KnownTwice(_))) => {
                return Err(Usage(error.to_string()).into());
            }
        };
    for remark in &difference.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    let (added, removed) = (&difference.added, &difference.removed);
    let mut data = match &compared {
        Compared::Universes { universe, with, as_of, .. } => {
            json!({"universe": universe, "with": with, "as_of": as_of})
        }
        Compared::Moments { universe, from, to, .. } => {
            let (from, to) = (told(from, &difference.before), told(to, &difference.after));
            json!({"universe": universe, "from": from, "to": to})
        }
    };
    (data["added"], data["removed"], data["renamed"]) = (json!(added), json!(removed), json!(difference.renamed));
    (data["before"], data["after"]) = (json!(difference.before), json!(difference.after));
    data["remarks"] = json!(difference.remarks);
    output::print(global, &data, || {
        let row = |what: &str, symbol: &Symbol| vec![what.to_owned(), symbol.to_string()];
        let rows = added.iter().map(|s| row("added", s)).chain(removed.iter().map(|s| row("removed", s)));
        Rows { columns: vec!["change", "symbol"], rows: rows.collect() }
    })?;
    output::remark(global, &format!("{} added, {} removed", added.len(), removed.len()));
    Ok(EXIT_DONE)
}

fn moment(text: &str) -> anyhow::Result<Moment> {
    Moment::read(text).map_err(|error| Usage(error.to_string()).into())
}

/// A moment as programs read it: the day that was given, or the whole id of the run.
fn told(moment: &Moment, side: &ComparedSide) -> Value {
    side.run_id.map_or_else(|| json!(moment), |run_id| json!(run_id))
}
