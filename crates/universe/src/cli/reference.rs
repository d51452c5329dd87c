//! `universe load reference`: shares, first days, delistings and offerings from the Massive API.

use std::collections::BTreeSet;

use universe_core::Symbol;
use universe_service::{
    Details, Question, ReferenceReport, ReferenceScope, ReferenceWish, SymbolChanges, load_reference, look_up,
};
use universe_store::Store;

use super::arguments::{Global, LoadReference};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, massive, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many issues and changes are shown to a person before the rest is summed up.
const SHOWN_MAX: usize = 20;

pub(crate) async fn run(
    global: &Global,
    config: &Config,
    store: &dyn Store,
    command: &LoadReference,
) -> anyhow::Result<u8> {
    let client = massive::client(config)?;
    let scope = scope(config, store, command).await?;
    let total = match &scope {
        ReferenceScope::Symbols(symbols) => symbols.len() as u64,
        ReferenceScope::Everything(_) => 0,
    };
    let wish = ReferenceWish {
        scope,
        symbol_changes: if command.symbol_changes { SymbolChanges::Asked } else { SymbolChanges::Unasked },
        concurrency: massive::concurrency(config),
        source: config.get("massive.base_url").unwrap_or_default().to_owned(),
    };
    let requests = total * if command.symbol_changes { 2 } else { 1 };
    if let Some(minutes) = requests.checked_div(massive::requests_per_minute(config)).filter(|minutes| *minutes > 1) {
        let words = "massive.requests_per_minute says how many your plan allows";
        output::remark(global, &format!("note: {requests} requests take about {minutes} minutes; {words}"));
    }
    let bar = output::progress(global, total, "done");
    let report = load_reference(store, &client, &wish, &Surroundings, &|progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        bar.set_message(progress.last.to_owned());
    })
    .await?;
    bar.finish_and_clear();
    print(global, &report)?;
    if report.failed > 0 {
        let of = if report.failed == 1 { "1 symbol was".to_owned() } else { format!("{} symbols were", report.failed) };
        output::words(&format!("error: {of} not answered; load them again later"));
        return Ok(EXIT_FAILED);
    }
    Ok(EXIT_DONE)
}

async fn scope(config: &Config, store: &dyn Store, command: &LoadReference) -> anyhow::Result<ReferenceScope> {
    if command.all {
        let details = if command.details { Details::Overviews } else { Details::ListsOnly };
        return Ok(ReferenceScope::Everything(details));
    }
    let symbols: BTreeSet<Symbol> = match &command.universe {
        Some(universe) => {
            let rules = session::rules(store, config).await?;
            let question = Question { environment: session::environment(config), as_of: None, known_at: None };
            let answer = look_up(store, &rules, universe, question).await?;
            answer.members.into_iter().map(|member| member.symbol).collect()
        }
        None => {
            let named = command.symbols.iter().filter(|text| !text.trim().is_empty());
            let parsed: Result<_, _> = named.map(|text| Symbol::parse(text)).collect();
            parsed.map_err(|error| Usage(format!("--symbols: {error}")))?
        }
    };
    if symbols.is_empty() {
        return Err(Usage("there is no symbol to ask for".to_owned()).into());
    }
    Ok(ReferenceScope::Symbols(symbols.into_iter().collect()))
}

fn print(global: &Global, report: &ReferenceReport) -> anyhow::Result<()> {
    let load = &report.load;
    output::print(global, report, || Rows {
        columns: vec!["rows", "loaded", "changed", "issues"],
        rows: vec![vec![
            load.rows.to_string(),
            load.loaded.to_string(),
            load.written.to_string(),
            load.issues.len().to_string(),
        ]],
    })?;
    for change in report.symbol_changes.iter().flatten().take(SHOWN_MAX) {
        output::remark(global, &format!("{} became {} on {}", change.from, change.to, change.date));
    }
    for issue in load.issues.iter().take(SHOWN_MAX) {
        let symbol = issue.symbol.as_deref().map(|symbol| format!(" {symbol}:")).unwrap_or_default();
        output::remark(global, &format!("issue:{symbol} {}", issue.reason));
    }
    if load.issues.len() > SHOWN_MAX {
        let more = load.issues.len() - SHOWN_MAX;
        output::remark(global, &format!("… and {more} more issues; --format json has them all"));
    }
    Ok(())
}
