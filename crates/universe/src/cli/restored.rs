//! What `import` and `rollback` share: asking before anything is changed, and saying what was.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde_json::{Value, json};
use universe_core::Issue;
use universe_core::plan::{Action, Plan, render_diff};
use universe_service::Restored;

use super::arguments::{Format, Global};
use super::failure::Usage;
use super::output::{self, Rows};

/// How many issues are shown to a person before the rest is summed up.
const ISSUES_SHOWN: usize = 10;

/// How it is decided whether a plan is carried out.
pub(super) struct Question {
    /// Whether it was agreed to in advance.
    pub(super) is_agreed: bool,
    /// Remembers what could not be asked, because nobody was there.
    unasked: OnceLock<String>,
}

impl Question {
    pub(super) fn new(is_agreed: bool) -> Self {
        Self { is_agreed, unasked: OnceLock::new() }
    }

    /// Asks on the terminal whether to go on; anything but a yes is a no.
    pub(super) fn ask(&self, plan: &Plan) -> bool {
        if self.is_agreed {
            return true;
        }
        let what = counted(plan);
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let _ = self.unasked.set(what);
            return false;
        }
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "This will change {what}. Go on? [y/N] ");
        let _ = stderr.flush();
        let mut answer = String::new();
        let _ = std::io::stdin().lock().read_line(&mut answer);
        matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// Refuses what nobody could be asked about.
    pub(super) fn refuse_unasked(&self) -> anyhow::Result<()> {
        match self.unasked.get() {
            None => Ok(()),
            Some(what) => Err(Usage(format!(
                "this would change {what}, and nobody can be asked: pass --yes to do so, or --dry-run to look first"
            ))
            .into()),
        }
    }
}

/// Says how much a plan changes.
fn counted(plan: &Plan) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let retired = plan.universes.iter().filter(|universe| universe.action == Action::Retired).count();
    let came: usize = plan.universes.iter().map(|universe| universe.added.len()).sum();
    let went: usize = plan.universes.iter().map(|universe| universe.removed.len()).sum();
    let goes = if retired == 0 { String::new() } else { format!(", {retired} of them to be retired") };
    let present = format!("{} ({came} members in, {went} out{goes})", count(plan.universes.len(), "universe"));
    let superseded: usize = plan.past.iter().map(|change| change.superseded.len()).sum();
    let past = format!("{} of the recorded past", count(superseded, "interval"));
    match (plan.universes.is_empty(), superseded) {
        (_, 0) => present,
        (true, _) => past,
        (false, _) => format!("{present} and {past}"),
    }
}

/// Prints what was done, or would be.
pub(super) fn print(
    global: &Global,
    restored: &Restored,
    is_dry_run: bool,
    more: Value,
    issues: &[Issue],
) -> anyhow::Result<()> {
    let outcome = &restored.outcome;
    let plan = &outcome.plan;
    let mut data = json!(restored.told(is_dry_run));
    data["issues"] = json!(issues);
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    if global.format == Format::Table && (is_dry_run || global.verbose > 0) {
        output::write_out(&render_diff(plan, global.verbose > 0))?;
    }
    output::print(global, &data, || Rows {
        columns: vec!["universe", "action", "count_before", "count", "added", "removed"],
        rows: plan
            .universes
            .iter()
            .map(|universe| {
                vec![
                    universe.id.to_string(),
                    universe.action.as_str().to_owned(),
                    universe.count_before.to_string(),
                    universe.members.len().to_string(),
                    universe.added.len().to_string(),
                    universe.removed.len().to_string(),
                ]
            })
            .collect(),
    })?;
    show(global, "issue", issues);
    for remark in &outcome.remarks {
        output::remark(global, &format!("note: {remark}"));
    }
    output::remark(global, &ending(restored, is_dry_run));
    Ok(())
}

/// Says what came of it, in one sentence.
fn ending(restored: &Restored, is_dry_run: bool) -> String {
    let Restored { outcome, is_declined } = restored;
    let what = counted(&outcome.plan);
    if *is_declined {
        "nothing was changed".to_owned()
    } else if outcome.was_written {
        format!("changed {what} as of {}, run {}", outcome.plan.session, outcome.run.run_id)
    } else if is_dry_run && !outcome.plan.universes.is_empty() {
        format!("dry run: would change {what}; nothing was written")
    } else {
        "nothing to do: everything is so already".to_owned()
    }
}

/// Shows the first of what is wrong, and counts the rest.
pub(super) fn show(global: &Global, what: &str, issues: &[Issue]) {
    for issue in issues.iter().take(ISSUES_SHOWN) {
        let line = issue.line.map(|line| format!(":{line}")).unwrap_or_default();
        let symbol = issue.symbol.as_deref().map(|symbol| format!(" {symbol}:")).unwrap_or_default();
        output::remark(global, &format!("{what}: {}{line}:{symbol} {}", issue.file, issue.reason));
    }
    if issues.len() > ISSUES_SHOWN {
        // A failure has no data that could have them all.
        let where_all = if what == "issue" { "; --format json has them all" } else { "" };
        output::remark(global, &format!("… and {} more {what}s{where_all}", issues.len() - ISSUES_SHOWN));
    }
}
