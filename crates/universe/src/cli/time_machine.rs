//! Commands about the past, and about why: `explain`, `history`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::json;
use universe_core::identity::Tenure;
use universe_core::planner::explain::Question;
use universe_core::{Symbol, UniverseId, previous_session};
use universe_service::{
    ExplainQuestion, Explanation, HistoryLine, HistoryQuestion, ListingHistory, RecordedChange, as_known,
    explain_membership, listing_history, universe_history,
};
use universe_store::Store;

use super::arguments::{Explain, Format, Global, History};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::config::Config;

pub(crate) async fn explain(global: &Global, config: &Config, command: &Explain) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let universe = session::universe_of(&*store, &rules, environment, &command.universe).await?;
    let symbol = session::symbol_of(&command.symbol)?;
    let (as_of, known_at) = (command.as_of, command.known_at);
    let question = ExplainQuestion { environment, universe: &universe, symbol: &symbol, as_of, known_at };
    let explanation = explain_membership(&*store, &rules, question).await?;
    if global.format == Format::Table {
        output::write_out(&told(&explanation))?;
        return Ok(EXIT_DONE);
    }
    output::print(global, &explanation, || question_rows(&explanation))?;
    for remark in &explanation.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    Ok(EXIT_DONE)
}

/// Says an explanation as a person reads it.
fn told(explanation: &Explanation) -> String {
    let Explanation { universe, symbol, as_of, company_name, .. } = explanation;
    let name = company_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let is = if explanation.is_member { "is" } else { "is not" };
    let since = explanation.since.map(|since| format!(", since {since}")).unwrap_or_default();
    let mut lines = vec![format!("{symbol}{name} {is} in {universe} as of {as_of}{since}")];
    lines.push(match &explanation.recorded {
        Some(change) => format!("recorded: {}", recorded(change)),
        None => "recorded: never a member up to then".to_owned(),
    });
    if let Some(verdict) = &explanation.by_rule {
        let is_member = if verdict.is_member { "in" } else { "out" };
        let was_member = if verdict.was_member { "a member" } else { "no member" };
        let (rule, version, reason) = (&verdict.rule, &verdict.rule_version, verdict.reason);
        lines.push(format!("rule {rule} (version {version}): {is_member}, {reason}; {was_member} the session before"));
        let deciding = verdict.deciding();
        lines.extend(verdict.questions.iter().map(|question| {
            let decides = if Some(question) == deciding { "  <- decides" } else { "" };
            format!("  {} {}: {}{decides}", mark(question), question.asks, question.found)
        }));
    }
    lines.extend(explanation.remarks.iter().map(|remark| format!("note: {remark}")));
    lines.join("\n") + "\n"
}

fn recorded(change: &RecordedChange) -> String {
    let RecordedChange { session, action, reason, .. } = change;
    let cap = change.market_cap.map(|cap| format!(", at {cap}")).unwrap_or_default();
    let rank = change.rank.map(|rank| format!(", rank {rank}")).unwrap_or_default();
    let run = change.run_id.map(|run| format!(", by run {run}")).unwrap_or_default();
    format!("{action} on {session}, {reason}{rank}{cap}{run}")
}

const fn mark(question: &Question) -> &'static str {
    match question.holds {
        Some(true) => "yes    ",
        Some(false) => "no     ",
        None => "unknown",
    }
}

fn question_rows(explanation: &Explanation) -> Rows {
    let questions = explanation.by_rule.iter().flat_map(|verdict| &verdict.questions);
    let row =
        |question: &Question| vec![question.asks.clone(), question.found.clone(), mark(question).trim_end().to_owned()];
    Rows { columns: vec!["asks", "found", "holds"], rows: questions.map(row).collect() }
}

pub(crate) async fn history(global: &Global, config: &Config, command: &History) -> anyhow::Result<u8> {
    if let (Some(from), Some(to)) = (command.from, command.to)
        && to < from
    {
        return Err(Usage(format!("{from} is after {to}: give the earlier day first")).into());
    }
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    match session::universe_of(&*store, &rules, environment, &command.subject).await {
        Ok(universe) => of_universe(global, &*store, environment, &universe, command).await,
        Err(unknown) => {
            let Ok(symbol) = session::symbol_of(&command.subject) else { return Err(unknown) };
            of_symbol(global, &*store, environment, &symbol, command, unknown).await
        }
    }
}

async fn of_universe(
    global: &Global,
    store: &dyn Store,
    environment: &str,
    universe: &UniverseId,
    command: &History,
) -> anyhow::Result<u8> {
    let History { from, to, known_at, .. } = *command;
    let mut history = universe_history(store, HistoryQuestion { environment, universe, from, to, known_at }).await?;
    keep_newest(&mut history.changes, command);
    // Only what sources of an index say has windows.
    let has_windows = global.format != Format::Table
        || history.changes.iter().any(|line| !line.is_dated || line.not_before.is_some());
    output::print(global, &history, || {
        let mut columns = vec!["session", "change", "symbol", "reason", "rank", "market_cap", "run_id"];
        if has_windows {
            columns.insert(1, "not_before");
        }
        Rows {
            columns,
            rows: history.changes.iter().map(|line| change_row(line, global.format, has_windows)).collect(),
        }
    })?;
    for remark in &history.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    let sessions: BTreeSet<Date> = history.changes.iter().map(|line| line.change.session).collect();
    output::remark(global, &format!("{} changes in {} sessions", history.changes.len(), sessions.len()));
    Ok(EXIT_DONE)
}

fn change_row(line: &HistoryLine, format: Format, has_windows: bool) -> Vec<String> {
    let change = &line.change;
    let cap = change.market_cap.map(|cap| match format {
        Format::Table => cap.to_string(),
        Format::Csv | Format::Json => cap.0.to_string(),
    });
    let mut row = vec![
        change.session.to_string(),
        change.action.to_owned(),
        line.symbol.to_string(),
        change.reason.clone(),
        change.rank.map(|rank| rank.to_string()).unwrap_or_default(),
        cap.unwrap_or_default(),
        change.run_id.map(|run| run.to_string()).unwrap_or_default(),
    ];
    if has_windows {
        let unknown = || if line.is_dated { String::new() } else { "unknown".to_owned() };
        row.insert(1, line.not_before.map_or_else(unknown, |day| day.to_string()));
    }
    row
}

async fn of_symbol(
    global: &Global,
    store: &dyn Store,
    environment: &str,
    symbol: &Symbol,
    command: &History,
    unknown: anyhow::Error,
) -> anyhow::Result<u8> {
    let history = listing_history(store, environment, symbol, command.to, command.known_at).await?;
    let ListingHistory { also_known_as, memberships: rows, other_listings } = history;
    if rows.is_empty() && other_listings.is_empty() {
        return Err(unknown.context(format!("{symbol} was never in any universe")));
    }
    let mut rows = as_known(rows, &store.version_list(environment).await?, command.known_at);
    rows.retain(|row| row.is_in_force() && row.overlaps(command.from, command.to));
    keep_newest(&mut rows, command);
    let data = json!({
        "symbol": symbol,
        "from": command.from,
        "to": command.to,
        "known_at": command.known_at,
        "also_known_as": also_known_as,
        "memberships": rows,
        "other_listings": other_listings,
    });
    output::print(global, &data, || Rows {
        columns: vec!["universe", "from", "until", "came", "went", "symbol"],
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    row.universe.to_string(),
                    row.valid_from.to_string(),
                    row.valid_to.map(|end| end.to_string()).unwrap_or_default(),
                    row.opened_reason.clone(),
                    row.closed_reason.clone().unwrap_or_default(),
                    row.symbol.to_string(),
                ]
            })
            .collect(),
    })?;
    for tenure in also_known_as.iter().filter(|tenure| tenure.symbol != *symbol) {
        output::remark(global, &format!("note: the listing {}", had(tenure)));
    }
    for tenure in &other_listings {
        let ask = tenure.until.map(|until| format!(": universe history {symbol} --to {}", previous_session(until)));
        output::remark(global, &format!("note: another listing {}{}", had(tenure), ask.unwrap_or_default()));
    }
    let present = rows.iter().filter(|row| row.valid_to.is_none()).count();
    output::remark(global, &format!("{} memberships, {present} of them today", rows.len()));
    Ok(EXIT_DONE)
}

/// Says when a listing has a symbol.
fn had(tenure: &Tenure) -> String {
    let Tenure { symbol, from, until } = tenure;
    match (from, until) {
        (None, None) => format!("is {symbol}"),
        (Some(from), None) => format!("is {symbol} since {from}"),
        (None, Some(until)) => format!("was {symbol} until {until}"),
        (Some(from), Some(until)) => format!("was {symbol} from {from} until {until}"),
    }
}

fn keep_newest<T>(lines: &mut Vec<T>, command: &History) {
    if let Some(limit) = command.limit {
        lines.drain(..lines.len().saturating_sub(limit as usize));
    }
}
