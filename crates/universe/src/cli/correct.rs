//! `universe correct`.

use serde_json::{Value, json};
use universe_core::expect_session;
use universe_core::plan::PastChange;
use universe_service::{Correction, Writing, correct};

use super::arguments::{Correct, Global};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Correct) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let universe = session::universe_of(&*store, &rules, environment, &command.universe).await?;
    let symbol = session::symbol_of(&command.symbol)?;
    let from = expect_session(command.from)?;
    let until = command.until.map(expect_session).transpose()?;
    if let Some(until) = until.filter(|until| *until <= from) {
        return Err(Usage(format!("the correction would end on {until}, not after it begins on {from}")).into());
    }
    let mut request = session::sync_request(config);
    if command.dry_run {
        request.writing = Writing::DryRun;
    }
    let correction = Correction {
        universe: &universe,
        symbol: &symbol,
        was_member: command.was_in,
        from,
        until,
        reason: &command.reason,
    };
    let outcome = correct(&*store, &rules, &request, correction, &Surroundings).await?;
    let past = &outcome.plan.past;
    let data = json!({
        "job_id": outcome.was_written.then_some(outcome.run.run_id),
        "universe": universe,
        "symbol": symbol,
        "dry_run": command.dry_run,
        "written": outcome.was_written,
        "superseded": intervals(past).iter().filter(|(what, ..)| *what == SUPERSEDED).map(told).collect::<Vec<_>>(),
        "added": intervals(past).iter().filter(|(what, ..)| *what == ADDED).map(told).collect::<Vec<_>>(),
    });
    output::print(global, &data, || {
        let row = |(what, from, until): &(&str, String, String)| vec![(*what).to_owned(), from.clone(), until.clone()];
        Rows { columns: vec!["interval", "from", "until"], rows: intervals(past).iter().map(row).collect() }
    })?;
    let ending = match (past.is_empty(), outcome.was_written) {
        (true, _) => "nothing to do: it is recorded so already".to_owned(),
        (false, true) => format!("corrected, run {}; --known-at still finds what was known before", outcome.run.run_id),
        (false, false) => "dry run: nothing was written".to_owned(),
    };
    output::remark(global, &ending);
    Ok(EXIT_DONE)
}

const SUPERSEDED: &str = "superseded";
const ADDED: &str = "added";

/// Every interval that goes or comes: which of both, its first session, and the first no longer.
fn intervals(past: &[PastChange]) -> Vec<(&'static str, String, String)> {
    let end = |until: Option<jiff::civil::Date>| until.map(|until| until.to_string()).unwrap_or_default();
    let of_change = |change: &PastChange| {
        let superseded = change.superseded.iter().map(|i| (SUPERSEDED, i.valid_from.to_string(), end(i.valid_to)));
        let added = change.intervals.iter().map(|i| (ADDED, i.valid_from.to_string(), end(i.valid_to)));
        superseded.chain(added).collect::<Vec<_>>()
    };
    past.iter().flat_map(of_change).collect()
}

fn told((_, from, until): &(&str, String, String)) -> Value {
    json!({"from": from, "until": if until.is_empty() { Value::Null } else { json!(until) }})
}
