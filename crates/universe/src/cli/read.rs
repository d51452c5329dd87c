//! Commands that only read: `list`, `show`, `runs`; `--pending` shows what is to come.

use serde_json::{Value, json};
use universe_core::Symbol;
use universe_core::expression::SetExpression;
use universe_core::rule::RuleSet;
use universe_service::{Answer, Footing, LookupError, Question, Recorded, look_up, resolve, universes_at};
use universe_store::RunRecord;

use super::arguments::{Global, List, Runs, Show};
use super::output::{self, Rows};
use super::session::is_imported;
use super::{EXIT_DONE, pending, session};
use crate::config::Config;

/// How many members are named that have another symbol today; `--format json` has them all.
const LATER_SHOWN: usize = 8;

pub(crate) async fn list(global: &Global, config: &Config, command: &List) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    if command.pending {
        return pending::print(global, &*store, session::environment(config), None).await;
    }
    let question =
        Question { environment: session::environment(config), as_of: command.as_of, known_at: command.known_at };
    let universes = match (question.as_of, question.known_at) {
        (None, None) => store.universe_list(question.environment).await?,
        _ => universes_at(Recorded { store: &*store, past: None }, question).await?.2,
    };
    let data: Vec<_> = universes
        .iter()
        .map(|universe| {
            json!({
                "type": universe.id.universe_type,
                "key": universe.id.key(),
                "name": universe.name,
                "category": universe.category,
                "count": universe.count,
                "last_updated": universe.last_updated,
            })
        })
        .collect();
    output::print(global, &data, || Rows {
        columns: vec!["type", "key", "name", "category", "count", "last_updated"],
        rows: universes
            .iter()
            .map(|universe| {
                vec![
                    universe.id.universe_type.to_string(),
                    universe.id.key().to_owned(),
                    universe.name.clone(),
                    universe.category.clone().unwrap_or_default(),
                    universe.count.to_string(),
                    universe.last_updated.map(|at| output::instant(&at)).unwrap_or_default(),
                ]
            })
            .collect(),
    })?;
    Ok(EXIT_DONE)
}

pub(crate) async fn show(global: &Global, config: &Config, command: &Show) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    if command.pending {
        let environment = session::environment(config);
        let universe = session::universe_of(&*store, &rules, environment, &command.universe).await?;
        return pending::print(global, &*store, environment, Some(&universe)).await;
    }
    let question =
        Question { environment: session::environment(config), as_of: command.as_of, known_at: command.known_at };
    let answer = look_up(&*store, &rules, &command.universe, question).await;
    let answer = answer.map_err(|error| explained(error, &rules))?;
    say_remarks(global, &answer);
    if let Some(instant) = command.known_at
        && answer.members.is_empty()
    {
        output::remark(global, &format!("note: at {instant} no members of {} were known", answer.name));
    }
    if answer.standing.held {
        output::remark(global, "note: a change of these members is held and waits for approval");
    }
    let as_of = match (answer.as_of, command.known_at) {
        (None, None) => Footing::find(&*store, question.environment, None, None).await?.session,
        (as_of, _) => as_of,
    };
    let symbols: Vec<&Symbol> = answer.members.iter().map(|member| &member.symbol).collect();
    let later = &answer.later_symbols;
    if !later.is_empty() {
        let shown: Vec<String> = later.iter().take(LATER_SHOWN).map(|(then, now)| format!("{then} ({now})")).collect();
        let more = later.len().saturating_sub(LATER_SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        output::remark(global, &format!("note: with another symbol today: {}{more}", shown.join(", ")));
    }
    let data = json!({
        "type": answer.id.as_ref().map(|id| id.universe_type),
        "key": answer.id.as_ref().map_or(answer.name.as_str(), |id| id.key()),
        "name": answer.name,
        "as_of": as_of,
        "count": answer.members.len(),
        "is_point_in_time": answer.standing.is_point_in_time,
        "source_age_sessions": answer.standing.source_age_sessions,
        "held": answer.standing.held,
        "quarantined_count": answer.standing.quarantined_count,
        "symbols": symbols,
        "later_symbols": later,
        "members": answer.members,
    });
    output::print(global, &data, || Rows {
        columns: vec!["symbol", "company_name", "rank", "market_cap", "sector", "since"],
        rows: answer
            .members
            .iter()
            .map(|member| {
                let cap = member.market_cap.map(|cap| match global.format {
                    super::arguments::Format::Table => cap.to_string(),
                    super::arguments::Format::Csv | super::arguments::Format::Json => cap.0.to_string(),
                });
                vec![
                    member.symbol.to_string(),
                    member.company_name.clone().unwrap_or_default(),
                    member.rank.map(|rank| rank.to_string()).unwrap_or_default(),
                    cap.unwrap_or_default(),
                    member.sector.clone().unwrap_or_default(),
                    member.since.map(|since| since.to_string()).unwrap_or_default(),
                ]
            })
            .collect(),
    })?;
    Ok(EXIT_DONE)
}

pub(crate) async fn runs(global: &Global, config: &Config, command: &Runs) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let runs = store.run_list(session::environment(config), command.limit, 0).await?;
    let data: Vec<Value> = runs.iter().map(told).collect();
    output::print(global, &data, || Rows {
        columns: vec![
            "run_id",
            "session",
            "kind",
            "mode",
            "status",
            "changes",
            "universes",
            "triggered_by",
            "started_at",
            "seconds",
        ],
        rows: runs
            .iter()
            .map(|run| {
                let seconds = run.duration_seconds();
                vec![
                    run.run_id.to_string(),
                    run.session.map(|session| session.to_string()).unwrap_or_default(),
                    run.kind().to_owned(),
                    // Work by hand goes by no rules, all or some.
                    if run.kind() == RunRecord::SYNC { run.mode.as_str() } else { "" }.to_owned(),
                    run.status.clone(),
                    run.total_changes.to_string(),
                    run.universes_updated.len().to_string(),
                    run.triggered_by.clone(),
                    run.started_at.as_ref().map(output::instant).unwrap_or_default(),
                    seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default(),
                ]
            })
            .collect(),
    })?;
    Ok(EXIT_DONE)
}

/// A run as programs read it.
fn told(run: &RunRecord) -> Value {
    let mut told = json!(run);
    told["kind"] = json!(run.kind());
    told
}

/// Turns an error of a lookup into one for people; of a universe that only a rule knows yet, it says how it comes to
/// members.
pub(super) fn explained(error: LookupError, rules: &RuleSet) -> anyhow::Error {
    if let LookupError::Unknown { asked, .. } = &error
        && let Ok(SetExpression::Universe(address)) = SetExpression::parse(asked)
        && let Ok(id) = resolve(&address, &[], rules)
        && let Some(rule) = rules.rule_of(&id)
    {
        let how = if is_imported(rule) {
            format!("load them with `universe load universe FILE --universe {}`", id.key())
        } else {
            "the next `universe sync` finds them".to_owned()
        };
        return anyhow::anyhow!("{id} has no members yet; {how}");
    }
    error.into()
}

fn say_remarks(global: &Global, answer: &Answer) {
    for remark in &answer.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
}
