//! Figures of universes: how many members they have and are worth, how much they change, what they share.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use universe_core::{
    Observation, Symbol, UniverseId, UniverseType, Usd, previous_session, session_on_or_before, sessions_between,
};
use universe_store::{MembershipSpan, Needs, Store, StoreError};

use crate::new_york_date;

/// Over how many sessions changes are counted: a day, a week and a month of them.
pub const CHANGE_SESSIONS: [usize; 3] = [1, 5, 21];

/// Of how many days the figures of runs are.
const RUN_STATISTICS_DAYS: i64 = 7;

/// How many of the largest members the concentration is about.
const LARGEST: usize = 10;

/// The figures of an environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// The session that they are as of; `None` before the first run.
    pub session: Option<Date>,
    /// Universe by universe, in order of address.
    pub universes: Vec<UniverseStatistics>,
    /// The runs of the last days.
    pub job_statistics: JobStatistics,
}

/// The figures of one universe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UniverseStatistics {
    /// Its type.
    #[serde(rename = "type")]
    pub universe_type: UniverseType,
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its category as the entry has it.
    pub category: Option<String>,
    /// The rule that decides it; `None` for an entry of another program.
    pub rule: Option<String>,
    /// How many members it has.
    pub count: usize,
    /// How its members changed, over each of [`CHANGE_SESSIONS`].
    pub changes: Vec<ChangeStatistics>,
    /// The market caps of its members together; `None` where none is known.
    pub total_market_cap: Option<Usd>,
    /// The market cap in the middle.
    pub median_market_cap: Option<Usd>,
    /// The share of the ten largest members in the total.
    pub top_10_share: Option<f64>,
    /// When its entry was written last.
    pub last_updated: Option<Timestamp>,
    /// How many sessions the prices go beyond the data that decided it.
    pub age_sessions: Option<usize>,
}

/// How the members of a universe changed: between then and now, not counting who came and went in between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChangeStatistics {
    /// Over how many sessions.
    pub sessions: usize,
    /// How many came.
    pub added: usize,
    /// How many went.
    pub removed: usize,
    /// The mean of both as a share of the members before; zero where there were none.
    pub turnover: f64,
}

/// The runs of the last seven days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct JobStatistics {
    /// How many were asked for.
    pub total_jobs_7d: u64,
    /// How many did their work.
    pub successful_jobs_7d: u64,
    /// How many failed.
    pub failed_jobs_7d: u64,
    /// How long those that did their work took on average.
    pub avg_duration_seconds: Option<f64>,
}

/// What two universes share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// One universe.
    pub universe: UniverseId,
    /// The other one, later in order of address.
    pub other: UniverseId,
    /// How many members both have.
    pub shared: usize,
    /// The share of those in the members of the one.
    pub share: f64,
    /// The share of those in the members of the other.
    pub share_of_other: f64,
}

/// Reads the figures of the runs of the last days.
///
/// # Errors
/// When the store cannot be read.
pub async fn job_statistics(store: &dyn Store, environment: &str, now: Timestamp) -> Result<JobStatistics, StoreError> {
    let since = now - SignedDuration::from_hours(24 * RUN_STATISTICS_DAYS);
    let figures = store.run_statistics(environment, since).await?;
    Ok(JobStatistics {
        total_jobs_7d: figures.total,
        successful_jobs_7d: figures.successful,
        failed_jobs_7d: figures.failed,
        avg_duration_seconds: figures.avg_duration_seconds,
    })
}

/// Reads the figures of the universes that are asked for, or of all.
///
/// # Errors
/// When the store cannot be read.
pub async fn statistics(
    store: &dyn Store,
    environment: &str,
    wanted: Option<&BTreeSet<UniverseId>>,
    now: Timestamp,
) -> Result<Statistics, StoreError> {
    let limit = store.session_latest(Date::MAX).await?;
    let today = limit.unwrap_or_else(|| session_on_or_before(new_york_date(now)));
    let state = store.state_read(environment, today).await?;
    let session = state.last_session;
    let as_of = session.unwrap_or(today);
    let caps = Caps::of(store, as_of).await?;
    let spans = spans_by_universe(store, environment, as_of).await?;
    let mut universes = Vec::new();
    for record in store.universe_list(environment).await? {
        let Some(universe) = state.universes.get(&record.id) else { continue };
        if wanted.is_some_and(|wanted| !wanted.contains(&record.id)) {
            continue;
        }
        let spans = spans.get(&record.id).map(Vec::as_slice).unwrap_or_default();
        let members = &universe.members;
        let worth = caps.worth(members);
        let decided = record.last_updated.map(|at| session_on_or_before(new_york_date(at)));
        let is_own = universe.rule.is_some();
        let age = if is_own { session } else { decided };
        universes.push(UniverseStatistics {
            universe_type: record.id.universe_type,
            key: record.id.key().to_owned(),
            name: record.name,
            category: record.category,
            rule: record.rule,
            count: members.len(),
            changes: CHANGE_SESSIONS.map(|sessions| changes(spans, members, as_of, sessions)).into(),
            total_market_cap: worth.total,
            median_market_cap: worth.median,
            top_10_share: worth.largest_share,
            last_updated: record.last_updated,
            age_sessions: age.zip(limit).map(|(decided, limit)| sessions_between(decided, limit)),
        });
    }
    Ok(Statistics { session, universes, job_statistics: job_statistics(store, environment, now).await? })
}

/// Compares universes two by two; those that share nobody are left out.
///
/// # Errors
/// When the store cannot be read.
pub async fn overlaps(
    store: &dyn Store,
    environment: &str,
    wanted: Option<&BTreeSet<UniverseId>>,
) -> Result<Vec<Overlap>, StoreError> {
    let state = store.state_read(environment, Date::MAX).await?;
    let sets: Vec<(&UniverseId, BTreeSet<&Symbol>)> = state
        .universes
        .iter()
        .filter(|(id, _)| wanted.is_none_or(|wanted| wanted.contains(*id)))
        .map(|(id, universe)| (id, universe.members.iter().collect()))
        .collect();
    let mut overlaps = Vec::new();
    for (at, (universe, members)) in sets.iter().enumerate() {
        for (other, others) in &sets[at + 1..] {
            let shared = members.intersection(others).count();
            if shared > 0 {
                overlaps.push(Overlap {
                    universe: (*universe).clone(),
                    other: (*other).clone(),
                    shared,
                    share: shared as f64 / members.len() as f64,
                    share_of_other: shared as f64 / others.len() as f64,
                });
            }
        }
    }
    Ok(overlaps)
}

/// Market caps by symbol, in order of symbol.
struct Caps(Observation);

/// What members are worth.
#[derive(Debug, Default, PartialEq)]
struct Worth {
    total: Option<Usd>,
    median: Option<Usd>,
    largest_share: Option<f64>,
}

impl Caps {
    async fn of(store: &dyn Store, session: Date) -> Result<Self, StoreError> {
        let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
        Ok(Self(store.observation_read(session, &needs).await?))
    }

    fn cap(&self, symbol: &Symbol) -> Option<i64> {
        let at = self.0.symbol.binary_search(symbol).ok()?;
        let shares = self.0.shares[at].filter(|shares| *shares > 0);
        let fresh = self.0.close[at].zip(shares).and_then(|(close, shares)| close.times_shares(shares));
        fresh.or(self.0.recorded_cap[at]).map(|cap| cap.0).filter(|cap| *cap > 0)
    }

    fn worth(&self, members: &[Symbol]) -> Worth {
        worth(members.iter().filter_map(|symbol| self.cap(symbol)).collect())
    }
}

fn worth(mut caps: Vec<i64>) -> Worth {
    if caps.is_empty() {
        return Worth::default();
    }
    caps.sort_unstable_by(|a, b| b.cmp(a));
    let total: i64 = caps.iter().sum();
    let largest: i64 = caps.iter().take(LARGEST).sum();
    let middle = caps.len() / 2;
    let median = if caps.len().is_multiple_of(2) { caps[middle - 1].midpoint(caps[middle]) } else { caps[middle] };
    Worth { total: Some(Usd(total)), median: Some(Usd(median)), largest_share: Some(largest as f64 / total as f64) }
}

async fn spans_by_universe(
    store: &dyn Store,
    environment: &str,
    as_of: Date,
) -> Result<BTreeMap<UniverseId, Vec<MembershipSpan>>, StoreError> {
    let since = first_of(as_of, CHANGE_SESSIONS[CHANGE_SESSIONS.len() - 1]);
    let mut by_universe: BTreeMap<UniverseId, Vec<MembershipSpan>> = BTreeMap::new();
    for span in store.membership_span_list(environment, since).await? {
        by_universe.entry(span.universe.clone()).or_default().push(span);
    }
    Ok(by_universe)
}

/// Returns the first of the last so many sessions.
fn first_of(as_of: Date, sessions: usize) -> Date {
    (1..sessions).fold(as_of, |day, _| previous_session(day))
}

fn changes(spans: &[MembershipSpan], members: &[Symbol], as_of: Date, sessions: usize) -> ChangeStatistics {
    let since = first_of(as_of, sessions);
    // A member before is one whose membership began earlier and ended since, or lasts.
    let ended = spans.iter().filter(|span| span.valid_from < since && span.valid_to.is_some_and(|to| since <= to));
    let ended: BTreeSet<&Symbol> = ended.map(|span| &span.symbol).collect();
    let began = spans.iter().filter(|span| since <= span.valid_from && span.valid_to.is_none());
    let began: BTreeSet<&Symbol> = began.map(|span| &span.symbol).collect();
    let (added, removed) = (began.difference(&ended).count(), ended.difference(&began).count());
    let before = (members.len() + removed).saturating_sub(added);
    let moves = (added + removed) as f64 / 2.0;
    ChangeStatistics { sessions, added, removed, turnover: if before == 0 { 0.0 } else { moves / before as f64 } }
}

#[cfg(test)]
mod tests;
