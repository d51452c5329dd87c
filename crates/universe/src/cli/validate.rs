//! `universe validate`: what is stored compared with itself, the rules and the conventions; mended where that is safe.

use serde_json::{Value, json};
use universe_core::plan::Plan;
use universe_service::{
    Finding, FindingSeverity, IntegrityReport, SyncOutcome, Writing, check_integrity, check_sources, repair,
};

use super::arguments::{Format, Global, Least, Validate};
use super::output::{self, Rows};
use super::{EXIT_DONE, EXIT_HELD, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Validate) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let mut mended = None;
    if command.fix {
        let mut request = session::sync_request(config);
        if command.dry_run {
            request.writing = Writing::DryRun;
        }
        mended = repair(&*store, &rules, &request, &Surroundings).await?;
    }
    let mut report = check_integrity(&store.integrity_read(environment).await?, &rules, command.stale_after);
    check_sources(&*store, environment, &mut report).await?;
    print(global, command, &report, mended.as_ref())?;
    Ok(if report.has_errors() { EXIT_HELD } else { EXIT_DONE })
}

fn print(
    global: &Global,
    command: &Validate,
    report: &IntegrityReport,
    mended: Option<&SyncOutcome>,
) -> anyhow::Result<()> {
    let least = match command.severity {
        Least::Error => FindingSeverity::Error,
        Least::Warning => FindingSeverity::Warning,
        Least::Info => FindingSeverity::Info,
    };
    // From the worst to the least.
    let shown: Vec<&Finding> = report.findings.iter().filter(|finding| finding.severity <= least).collect();
    let mut data = json!({"checked": report.checked, "findings": shown});
    if command.fix {
        data["fixed"] = mended.map_or_else(|| json!([]), |outcome| fixed(&outcome.plan));
        data["job_id"] = json!(mended.filter(|outcome| outcome.was_written).map(|outcome| outcome.run.run_id));
        data["dry_run"] = json!(command.dry_run);
    }
    output::print(global, &data, || Rows {
        columns: vec!["severity", "check", "universe", "symbol", "detail"],
        rows: shown.iter().map(|finding| row(finding)).collect(),
    })?;
    say(global, command, report, shown.len(), mended);
    Ok(())
}

/// Says in words what was found, what was mended, and what was left alone.
fn say(global: &Global, command: &Validate, report: &IntegrityReport, shown: usize, mended: Option<&SyncOutcome>) {
    let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(FindingSeverity::Error), count(FindingSeverity::Warning));
    let mut text = format!("{} universes checked, {errors} errors, {warnings} warnings", report.checked);
    let more = report.findings.len() - shown;
    if more > 0 && global.format == Format::Table {
        text.push_str(&format!("; {more} more findings with --severity info"));
    }
    output::remark(global, &text);
    let repairable = report.findings.iter().filter(|finding| finding.is_repairable).count();
    if !command.fix {
        if repairable > 0 {
            output::remark(global, "hint: `universe validate --fix --dry-run` shows what can be mended");
        }
        return;
    }
    let verb = if command.dry_run { "would be" } else { "was" };
    for universe in mended.iter().flat_map(|outcome| &outcome.plan.universes) {
        let (added, removed) = (universe.added.len(), universe.removed.len());
        let seen = format!("readers find {added} more and {removed} fewer");
        output::remark(global, &format!("fixed: the entry of {} {verb} written anew; {seen}", universe.id));
    }
    if mended.is_none() {
        output::remark(global, "fixed: nothing; no entry differs from the memberships");
    }
    let left = errors - if command.dry_run { repairable } else { 0 };
    if left > 0 {
        let why = "memberships, audit entries, events and the entries of other programs are not rewritten";
        output::remark(global, &format!("left as they are: {left} errors; {why}"));
    }
}

fn fixed(plan: &Plan) -> Value {
    let symbols = |changes: &[universe_core::plan::Change]| {
        changes.iter().map(|change| plan.symbol(change.listing).as_str()).collect::<Vec<_>>()
    };
    let universes = plan.universes.iter().map(|universe| {
        json!({
            "universe": universe.id,
            "added": symbols(&universe.added),
            "removed": symbols(&universe.removed),
            "count": universe.members.len(),
        })
    });
    Value::Array(universes.collect())
}

fn row(finding: &Finding) -> Vec<String> {
    vec![
        finding.severity.as_str().to_owned(),
        finding.check.to_owned(),
        finding.universe.clone().unwrap_or_default(),
        finding.symbol.clone().unwrap_or_default(),
        finding.detail.clone(),
    ]
}
