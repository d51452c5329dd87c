//! `universe sync`.

use serde_json::{Value, json};
use universe_core::plan::{Plan, render_diff};
use universe_core::planner::{Holds, Undefined};
use universe_service::{SyncOutcome, Writing, sync};

use super::arguments::{Format, Global, Sync};
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_FAILED, EXIT_HELD, session};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many notes of a step are shown to a person who did not ask for all.
const NOTES_SHOWN: usize = 2;

pub(crate) async fn run(global: &Global, config: &Config, command: &Sync) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let mut request = session::sync_request(config);
    request.session = command.session;
    request.request.mode = command.mode;
    if command.preserve {
        request.request.undefined = Undefined::Preserve;
    }
    if command.force {
        request.request.holds = Holds::Release;
    }
    if command.dry_run {
        request.writing = Writing::DryRun;
    }
    let bar = output::progress(global, 5, "steps");
    let outcome = sync(&*store, &rules, &request, &Surroundings, &|step, done| {
        bar.set_position(done as u64);
        bar.set_message(step.as_str());
    })
    .await?;
    bar.finish_and_clear();
    for remark in &outcome.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    print(global, &outcome, command.dry_run)?;
    Ok(exit_code(&outcome))
}

/// Prints what a run did.
pub(crate) fn print(global: &Global, outcome: &SyncOutcome, dry_run: bool) -> anyhow::Result<()> {
    if global.format == Format::Table {
        let mut text = String::new();
        if dry_run || global.verbose > 0 {
            text.push_str(&render_diff(&outcome.plan, global.verbose > 0));
        }
        output::write_out(&text)?;
        output::print(global, &Value::Null, || steps_table(&outcome.plan, global.verbose > 0))?;
        return output::write_out(&format!("\n{}\n", summary(outcome, dry_run)));
    }
    output::print(global, &json(outcome), || changes_table(&outcome.plan))
}

/// Returns the exit code of a run.
pub(crate) fn exit_code(outcome: &SyncOutcome) -> u8 {
    match outcome.run.status.as_str() {
        "held" => EXIT_HELD,
        "completed_with_errors" => EXIT_FAILED,
        _ => EXIT_DONE,
    }
}

fn json(outcome: &SyncOutcome) -> Value {
    let run = &outcome.run;
    let duration = outcome.duration_seconds();
    json!({
        "job_id": run.run_id,
        "status": run.status,
        "mode": run.mode,
        "session": run.session,
        "total_changes": run.total_changes,
        "universes_updated": run.universes_updated,
        "task_results": run.task_results,
        "alerts": run.alerts,
        "held": run.held,
        "duration_seconds": duration,
    })
}

fn steps_table(plan: &Plan, all_notes: bool) -> Rows {
    let mut rows = Vec::new();
    for step in &plan.steps {
        let status = format!("{:?}", step.status).to_lowercase();
        let mut says: Vec<String> = step.error.iter().chain(&step.notes).cloned().collect();
        if !all_notes && says.len() > NOTES_SHOWN {
            let more = says.len() - NOTES_SHOWN;
            says.truncate(NOTES_SHOWN);
            says.push(format!("(+{more} more {} with -v)", if more == 1 { "note" } else { "notes" }));
        }
        let mut says = says.into_iter();
        let first = says.next().unwrap_or_default();
        rows.push(vec![step.step.as_str().to_owned(), status, step.changes.to_string(), first]);
        rows.extend(says.map(|note| vec![String::new(), String::new(), String::new(), note]));
    }
    Rows { columns: vec!["step", "status", "changes", "notes"], rows }
}

fn changes_table(plan: &Plan) -> Rows {
    let mut rows = Vec::new();
    for universe in &plan.universes {
        for (change, what) in
            universe.added.iter().map(|c| (c, "added")).chain(universe.removed.iter().map(|c| (c, "removed")))
        {
            let cap = plan.caps[change.listing as usize].map(|cap| cap.0.to_string()).unwrap_or_default();
            let rank = change.reason.rank().map(|rank| rank.to_string()).unwrap_or_default();
            rows.push(vec![
                universe.id.to_string(),
                universe.action.as_str().to_owned(),
                what.to_owned(),
                plan.symbol(change.listing).to_string(),
                change.reason.code().to_owned(),
                cap,
                rank,
            ]);
        }
    }
    Rows { columns: vec!["universe", "action", "change", "symbol", "reason", "market_cap", "rank"], rows }
}

fn summary(outcome: &SyncOutcome, dry_run: bool) -> String {
    let run = &outcome.run;
    let seconds = outcome.duration_seconds();
    let mut text = format!(
        "session {}  {}  {} changes in {} universes  {seconds:.3} s",
        outcome.plan.session,
        run.status,
        run.total_changes,
        run.universes_updated.len(),
    );
    if dry_run {
        text.push_str("\ndry run: nothing was written");
    } else if !outcome.was_written {
        text.push_str("\nnothing to do: everything is as this session has it");
    } else {
        text.push_str(&format!("\nrun {}", run.run_id));
    }
    for alert in &outcome.plan.alerts {
        text.push_str(&format!("\nalert: {}", alert.message));
    }
    if outcome.plan.held_universes().next().is_some() {
        text.push_str(
            "\nheld changes are made with `universe sync --force`, once you have looked at them with --dry-run",
        );
    }
    text
}
