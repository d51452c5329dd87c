//! `universe organize`: every universe built from rules and imports, seen from the side of its entry.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde_json::{Value, json};
use universe_core::plan::{Action, Plan, UniversePlan};
use universe_core::planner::{Holds, Undefined};
use universe_service::{Losses, SyncError, SyncOutcome, Writing, organize};

use super::arguments::{Format, Global, Organize};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{session, sync};
use crate::clock::Surroundings;
use crate::config::Config;

/// How many universes are named in a question before the rest is counted.
const NAMED_MAX: usize = 10;

pub(crate) async fn run(global: &Global, config: &Config, command: &Organize) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let before = store.universe_list(session::environment(config)).await?.len();
    let mut request = session::sync_request(config);
    request.session = command.session;
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
    let unasked = OnceLock::new();
    let consent = |losses: &Losses| {
        if command.yes {
            return true;
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let _ = unasked.set(described(losses));
            return false;
        }
        bar.suspend(|| asked(losses))
    };
    let progress = |step: universe_core::plan::Step, done: usize| {
        bar.set_position(done as u64);
        bar.set_message(step.as_str());
    };
    let outcome = organize(&*store, &rules, &request, &Surroundings, &progress, &consent).await;
    bar.finish_and_clear();
    let outcome = match (outcome, unasked.get()) {
        (Err(SyncError::Cancelled), Some(losses)) => {
            let advice = "pass --yes to do so, --preserve to keep what nothing defines, or --dry-run to look first";
            return Err(Usage(format!("this would {losses}, and nobody can be asked: {advice}")).into());
        }
        (outcome, _) => outcome?,
    };
    for remark in &outcome.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    print(global, &outcome, before, command.dry_run)?;
    Ok(sync::exit_code(&outcome))
}

/// Asks on the terminal; anything but a yes is a no.
fn asked(losses: &Losses) -> bool {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "This will {}. Go on? [y/N] ", described(losses));
    let _ = stderr.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

fn described(losses: &Losses) -> String {
    let some = |what: &str, ids: &[universe_core::UniverseId]| {
        let named: Vec<String> = ids.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let more = ids.len().saturating_sub(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!ids.is_empty()).then(|| format!("{what} {}{more}", named.join(", ")))
    };
    let deleted = some("delete", &losses.deleted);
    let replaced = some("replace the entries of other programs", &losses.replaced);
    deleted.into_iter().chain(replaced).collect::<Vec<_>>().join(" and ")
}

/// What happened to an entry, in the words of the summary.
fn word(action: Action) -> &'static str {
    match action {
        Action::Created => "added",
        Action::Updated | Action::Reordered | Action::Refreshed | Action::Repaired => "updated",
        Action::Retired => "deleted",
        Action::Held => "held",
    }
}

/// Counts entries by what happened to them.
struct Summary {
    /// An entry may be updated, or built again, while a change of its members is held.
    counts: BTreeMap<&'static str, usize>,
    unchanged: usize,
    errors: Vec<String>,
}

impl Summary {
    fn of(plan: &Plan, before: usize) -> Self {
        let mut counts = BTreeMap::from(["added", "updated", "deleted", "held"].map(|word| (word, 0)));
        for universe in &plan.universes {
            *counts.entry(word(universe.action)).or_default() += 1;
        }
        let touched = counts["updated"] + counts["deleted"] + counts["held"];
        counts.insert("held", plan.held_universes().count());
        let errors =
            plan.steps.iter().filter_map(|step| Some(format!("{}: {}", step.step.as_str(), step.error.as_ref()?)));
        Self { unchanged: before.saturating_sub(touched), errors: errors.collect(), counts }
    }

    fn json(&self) -> Value {
        let mut json = json!(self.counts);
        json["unchanged"] = json!(self.unchanged);
        json["errors"] = json!(self.errors.len());
        json
    }

    fn words(&self) -> String {
        let counts = &self.counts;
        format!(
            "{} added, {} updated, {} deleted, {} held, {} unchanged, {} errors",
            counts["added"],
            counts["updated"],
            counts["deleted"],
            counts["held"],
            self.unchanged,
            self.errors.len(),
        )
    }
}

fn print(global: &Global, outcome: &SyncOutcome, before: usize, dry_run: bool) -> anyhow::Result<()> {
    let plan = &outcome.plan;
    let summary = Summary::of(plan, before);
    let universes = plan.universes.iter().map(|universe| {
        json!({
            "type": universe.id.universe_type,
            "key": universe.id.key(),
            "name": universe.name,
            "category": universe.category,
            "action": word(universe.action),
            "count_before": universe.count_before,
            "count": universe.members.len(),
            "added": universe.added.len(),
            "removed": universe.removed.len(),
        })
    });
    let data = json!({
        "job_id": outcome.run.run_id,
        "status": outcome.run.status,
        "session": plan.session,
        "dry_run": dry_run,
        "universes": universes.collect::<Vec<_>>(),
        "summary": summary.json(),
        "errors": summary.errors,
        "held": outcome.run.held,
        "duration_seconds": outcome.duration_seconds(),
    });
    output::print(global, &data, || Rows {
        columns: vec!["universe", "action", "count_before", "count", "added", "removed"],
        rows: plan.universes.iter().map(row).collect(),
    })?;
    for error in &summary.errors {
        output::words(&format!("error: {error}"));
    }
    let seconds = outcome.duration_seconds();
    let words = format!("session {}  {}  {seconds:.3} s", plan.session, summary.words());
    let end = if dry_run { "\ndry run: nothing was written" } else { "" };
    match global.format {
        Format::Table => output::write_out(&format!("\n{words}{end}\n"))?,
        Format::Json | Format::Csv => output::remark(global, &format!("{words}{end}")),
    }
    Ok(())
}

fn row(universe: &UniversePlan) -> Vec<String> {
    vec![
        universe.id.to_string(),
        word(universe.action).to_owned(),
        universe.count_before.to_string(),
        universe.members.len().to_string(),
        universe.added.len().to_string(),
        universe.removed.len().to_string(),
    ]
}
