//! `universe import history`.

use serde_json::json;
use universe_core::constituents::{ChangeDates, ConstituentRecord, Disagreement, MemberList};
use universe_core::plan::Plan;
use universe_core::rule::RuleSet;
use universe_core::{Issue, UniverseId};
use universe_feeds::{ConstituentFile, read_constituents};
use universe_service::{HistoryRequest, ImportedHistory, LookupError, Writing, import_history};
use universe_store::Store;

use super::arguments::{Format, Global, ImportHistory};
use super::failure::Usage;
use super::output::{self, Rows};
use super::restored::{self, Question};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &ImportHistory) -> anyhow::Result<u8> {
    let (record, issues) = read_record(command)?;
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let universe = universe_of(&*store, &rules, config, &command.universe).await?;
    let mut request = session::sync_request(config);
    if command.dry_run {
        request.writing = Writing::DryRun;
    }
    let question = Question::new(command.yes);
    let agree = |plan: &Plan| !rewrites(plan) || question.ask(plan);
    let quorum = command.quorum as usize;
    let (name, has_ended) = (command.name.as_deref(), command.ended);
    let history = HistoryRequest { universe: &universe, name, record: &record, quorum, has_ended };
    let imported = import_history(&*store, &rules, &request, history, &Surroundings, &agree).await?;
    question.refuse_unasked()?;
    print(global, command, &universe, &imported, &issues)?;
    Ok(EXIT_DONE)
}

/// Whether anything that was recorded is superseded, or somebody leaves.
fn rewrites(plan: &Plan) -> bool {
    let supersedes = plan.past.iter().any(|change| !change.superseded.is_empty());
    supersedes || plan.universes.iter().any(|universe| !universe.removed.is_empty())
}

/// Reads the file, and the list to begin from where there is one.
fn read_record(command: &ImportHistory) -> anyhow::Result<(ConstituentRecord, Vec<Issue>)> {
    let file = &command.file;
    let source = match &command.source {
        Some(source) => source.clone(),
        None => file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    let read = read_constituents(file)?;
    let dates = if command.observed { ChangeDates::Observed } else { ChangeDates::Effective };
    let baseline = baseline(command)?;
    if baseline.is_some() && !matches!(read.value, ConstituentFile::Changes(_)) {
        let what = format!("--baseline goes with a list of changes, and {} is none", file.display());
        return Err(Usage(what).into());
    }
    let (record, found) = match &read.value {
        ConstituentFile::Intervals(lines) => ConstituentRecord::from_intervals(&source, lines, command.until),
        ConstituentFile::Changes(lines) => {
            ConstituentRecord::from_changes(&source, baseline.as_ref(), lines, dates, command.until)
        }
        ConstituentFile::Lists(lists) => ConstituentRecord::from_lists(&source, lists),
    };
    let mut issues = read.issues;
    issues.extend(found.into_iter().map(|issue| Issue { file: file.display().to_string(), ..issue }));
    issues.sort();
    issues.dedup();
    Ok((record, issues))
}

/// The constituents that a list of changes begins with: the first list of a file of dated lists.
fn baseline(command: &ImportHistory) -> anyhow::Result<Option<MemberList>> {
    let Some(file) = &command.baseline else { return Ok(None) };
    let ConstituentFile::Lists(mut lists) = read_constituents(file)?.value else {
        let what = format!("{} is no list of members by date, as --baseline needs it", file.display());
        return Err(Usage(what).into());
    };
    lists.sort_by_key(|list| list.day);
    Ok(lists.into_iter().next())
}

/// Finds the universe; one that a rule decides by itself takes no history.
async fn universe_of(store: &dyn Store, rules: &RuleSet, config: &Config, asked: &str) -> anyhow::Result<UniverseId> {
    let found = session::universe_of(store, rules, session::environment(config), asked).await;
    let id = found.map_err(|error| match error.downcast_ref() {
        Some(LookupError::Unknown { .. } | LookupError::Ambiguous(_)) => {
            error.context(format!("to begin a universe, write its type too: stock_universe:{asked}"))
        }
        _ => error,
    })?;
    match rules.rule_of(&id) {
        Some(rule) if !session::is_imported(rule) => {
            let what =
                format!("{id} is decided by the rule {}; histories are for universes that are imported", rule.name);
            Err(Usage(what).into())
        }
        Some(_) | None => Ok(id),
    }
}

fn print(
    global: &Global,
    command: &ImportHistory,
    universe: &UniverseId,
    imported: &ImportedHistory,
    issues: &[Issue],
) -> anyhow::Result<()> {
    let ImportedHistory { outcome, agreement, sources, is_declined } = imported;
    let plan = &outcome.plan;
    let (superseded, added) = plan.past.iter().fold((0, 0), |(superseded, added), change| {
        (superseded + change.superseded.len(), added + change.intervals.len())
    });
    let record = &agreement.record;
    let data = json!({
        "job_id": outcome.was_written.then_some(outcome.run.run_id),
        "universe": universe,
        "session": plan.session,
        "dry_run": command.dry_run,
        "written": outcome.was_written,
        "sources": sources,
        "first": record.first,
        "last": record.last,
        "intervals": record.intervals.len(),
        "members": record.members_on(record.last).len(),
        "intervals_superseded": superseded,
        "intervals_added": added,
        "disagreements": agreement.disagreements,
        "stopped": agreement.stopped,
        "issues": issues,
    });
    output::print(global, &data, || disagreement_rows(&agreement.disagreements))?;
    restored::show(global, "issue", issues);
    for stopped in &agreement.stopped {
        let source = &stopped.source;
        let what =
            format!("{source} has not changed since {}: {} changes were missed", stopped.last_change, stopped.missed);
        output::words(&format!("warning: {what}"));
    }
    if global.format == Format::Table {
        let count = agreement.disagreements.len();
        let plural = |number: usize| if number == 1 { "" } else { "s" };
        let (of, differ) = (sources.len(), plural(count));
        let what = format!("{of} source{}, {count} disagreement{differ} of more than a week", plural(of));
        output::remark(global, &what);
    }
    let ahead = record.changes().iter().filter(|change| plan.session < change.at.by).count();
    if ahead > 0 {
        let what = format!(
            "{ahead} of the changes are after {}, and take effect with the runs of their sessions",
            plan.session
        );
        output::remark(global, &format!("note: {what}"));
    }
    if record.last < plan.session {
        let what = format!("the sources end on {}; from then on members are as they were", record.last);
        output::remark(global, &format!("note: {what}"));
    }
    let what = format!("{superseded} intervals superseded, {added} added, {} to {}", record.first, record.last);
    let ending = match (is_declined, outcome.was_written, command.dry_run) {
        (true, ..) => "nothing was changed".to_owned(),
        (_, true, _) => format!("{universe}: {what}, run {}", outcome.run.run_id),
        (_, false, true) => format!("dry run: {what}; nothing was written"),
        (_, false, false) => "nothing to do: the past is so already".to_owned(),
    };
    output::remark(global, &ending);
    Ok(())
}

fn disagreement_rows(disagreements: &[Disagreement]) -> Rows {
    let row = |d: &Disagreement| {
        vec![
            d.symbol.to_string(),
            d.from.to_string(),
            d.until.map(|until| until.to_string()).unwrap_or_default(),
            d.says_in.join(" "),
            d.says_out.join(" "),
            if d.is_member { "in" } else { "out" }.to_owned(),
        ]
    };
    Rows {
        columns: vec!["symbol", "from", "until", "says_in", "says_out", "taken"],
        rows: disagreements.iter().map(row).collect(),
    }
}
