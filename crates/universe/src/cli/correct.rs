//! `universe correct`.

use universe_core::expect_session;
use universe_service::{Correction, CorrectionTold, IntervalTold, Writing, correct};

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
    let told = CorrectionTold::of(&outcome, &universe, &symbol, command.dry_run);
    output::print(global, &told, || {
        let row = |what: &str, interval: &IntervalTold| {
            let until = interval.until.map(|until| until.to_string()).unwrap_or_default();
            vec![what.to_owned(), interval.from.to_string(), until]
        };
        let superseded = told.superseded.iter().map(|interval| row("superseded", interval));
        let added = told.added.iter().map(|interval| row("added", interval));
        Rows { columns: vec!["interval", "from", "until"], rows: superseded.chain(added).collect() }
    })?;
    for remark in &outcome.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    let ending = match (outcome.plan.past.is_empty(), outcome.was_written) {
        (true, _) => "nothing to do: it is recorded so already".to_owned(),
        (false, true) => format!("corrected, run {}; --known-at still finds what was known before", outcome.run.run_id),
        (false, false) => "dry run: nothing was written".to_owned(),
    };
    output::remark(global, &ending);
    Ok(EXIT_DONE)
}
