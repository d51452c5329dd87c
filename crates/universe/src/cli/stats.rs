//! `universe stats`: figures of universes and runs.

use std::collections::BTreeSet;

use serde_json::json;
use universe_core::expression::SetExpression;
use universe_core::rule::RuleSet;
use universe_core::{UniverseId, Usd};
use universe_service::{
    Ambient as _, LookupError, Overlap, Statistics, UniverseStatistics, overlaps, resolve, statistics,
};
use universe_store::Store;

use super::arguments::{Format, Global, Stats};
use super::failure::Usage;
use super::output::{self, Rows};
use super::{EXIT_DONE, session};
use crate::clock::Surroundings;
use crate::config::Config;

pub(crate) async fn run(global: &Global, config: &Config, command: &Stats) -> anyhow::Result<u8> {
    let store = session::open_store(global, config).await?;
    let rules = session::rules(&*store, config).await?;
    let environment = session::environment(config);
    let wanted = wanted(&*store, &rules, environment, &command.universes).await?;
    if command.overlap {
        let overlaps = overlaps(&*store, environment, wanted.as_ref()).await?;
        output::print(global, &json!({"overlaps": overlaps}), || overlap_rows(&overlaps))?;
        return Ok(EXIT_DONE);
    }
    let figures = statistics(&*store, environment, wanted.as_ref(), Surroundings.now()).await?;
    output::print(global, &figures, || rows(global, &figures))?;
    say(global, &figures);
    Ok(EXIT_DONE)
}

/// Finds the universes that are asked for; `None` where all are.
async fn wanted(
    store: &dyn Store,
    rules: &RuleSet,
    environment: &str,
    asked: &[String],
) -> anyhow::Result<Option<BTreeSet<UniverseId>>> {
    if asked.is_empty() {
        return Ok(None);
    }
    let known: Vec<UniverseId> = store.universe_list(environment).await?.into_iter().map(|record| record.id).collect();
    let mut wanted = BTreeSet::new();
    for text in asked {
        let SetExpression::Universe(address) = SetExpression::parse(text).map_err(LookupError::from)? else {
            return Err(Usage(format!("{text} is a combination of universes; figures are of one at a time")).into());
        };
        let id = resolve(&address, &known, rules)?;
        anyhow::ensure!(known.contains(&id), "{id} has no members yet; `universe list` shows those that have");
        wanted.insert(id);
    }
    Ok(Some(wanted))
}

fn rows(global: &Global, figures: &Statistics) -> Rows {
    let money = |usd: Option<Usd>| match global.format {
        Format::Table => usd.map(|usd| usd.to_string()).unwrap_or_default(),
        Format::Json | Format::Csv => usd.map(|usd| usd.0.to_string()).unwrap_or_default(),
    };
    let share = |share: f64| match global.format {
        Format::Table => format!("{:.1}%", share * 100.0),
        Format::Json | Format::Csv => format!("{share:.6}"),
    };
    let row = |universe: &UniverseStatistics| {
        let mut row = vec![
            format!("{}:{}", universe.universe_type, universe.key),
            universe.category.clone().unwrap_or_default(),
            universe.rule.clone().unwrap_or_default(),
            universe.count.to_string(),
        ];
        row.extend(universe.changes.iter().map(|change| match (change.added, change.removed) {
            (0, 0) => "0".to_owned(),
            (added, removed) => format!("+{added} -{removed}"),
        }));
        row.push(universe.changes.last().map(|change| share(change.turnover)).unwrap_or_default());
        row.extend([money(universe.total_market_cap), money(universe.median_market_cap)]);
        row.push(universe.top_10_share.map(share).unwrap_or_default());
        row.push(universe.age_sessions.map(|age| age.to_string()).unwrap_or_default());
        row
    };
    Rows {
        columns: vec![
            "universe",
            "category",
            "rule",
            "count",
            "change_1",
            "change_5",
            "change_21",
            "turnover_21",
            "total_cap",
            "median_cap",
            "top_10_share",
            "age",
        ],
        rows: figures.universes.iter().map(row).collect(),
    }
}

fn say(global: &Global, figures: &Statistics) {
    let jobs = &figures.job_statistics;
    let session = figures.session.map_or("no session yet".to_owned(), |session| format!("as of {session}"));
    let average = jobs.avg_duration_seconds.map(|seconds| format!(", {seconds:.3} s on average")).unwrap_or_default();
    output::remark(
        global,
        &format!(
            "{} universes {session}; runs of the last 7 days: {}, {} of them did their work, {} failed{average}",
            figures.universes.len(),
            jobs.total_jobs_7d,
            jobs.successful_jobs_7d,
            jobs.failed_jobs_7d,
        ),
    );
}

fn overlap_rows(overlaps: &[Overlap]) -> Rows {
    let row = |overlap: &Overlap| {
        vec![
            overlap.universe.to_string(),
            overlap.other.to_string(),
            overlap.shared.to_string(),
            format!("{:.4}", overlap.share),
            format!("{:.4}", overlap.share_of_other),
        ]
    };
    Rows {
        columns: vec!["universe", "other", "shared", "share", "share_of_other"],
        rows: overlaps.iter().map(row).collect(),
    }
}
